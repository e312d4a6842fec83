//! The comparison of one file: which messages and complaints say the same, and what becomes of the others.

use std::collections::HashSet;
use std::path::Path;

use holdfast::config::{Code, Complaint, Place, Severity};

use super::excuses::Excuses;
use super::kinds::{self, Kind, Scope};
use super::places::Places;
use super::policy::{self, Row};
use super::theirs::{Theirs, Verdict};

/// What became of one message or complaint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The other side says the same.
    Matched,
    /// The policy has this row.
    Meant(&'static str),
    Unexplained,
}

impl Outcome {
    fn of(row: Option<&'static Row>) -> Self {
        row.map_or(Self::Unexplained, |row| Self::Meant(row.name))
    }
}

/// Both opinions about one file.
pub(crate) struct Comparison {
    pub(crate) theirs: Vec<(Theirs, Outcome)>,
    pub(crate) ours: Vec<(Complaint, Outcome)>,
    /// Theirs ended before it had said everything.
    has_stopped: bool,
}

impl Comparison {
    /// Keepalived repeats what it says in each of its passes; here each counts once.
    pub(crate) fn new(path: &Path, theirs: &Verdict, ours: &[Complaint]) -> Self {
        let mut once = HashSet::new();
        let mut matcher = Matcher {
            main: path.display().to_string(),
            ours,
            claimed: vec![false; ours.len()],
            places: Places::default(),
        };
        let messages: Vec<_> = theirs
            .messages
            .iter()
            .filter(|theirs| once.insert((*theirs).clone()))
            .map(|theirs| (theirs, matcher.is_matched(theirs)))
            .collect();
        let claimed = std::mem::take(&mut matcher.claimed);
        let lost = messages
            .iter()
            .filter(|(theirs, matched)| !matched && theirs.is_about_structure())
            .filter_map(|(theirs, _)| theirs.place.clone())
            .collect();
        let mut excuses = Excuses::new(matcher, theirs, lost);
        let has_stopped = theirs.stop().is_some();
        let theirs = messages
            .into_iter()
            .map(|(theirs, matched)| {
                let outcome = match matched {
                    true => Outcome::Matched,
                    false => Outcome::of(excuses.not_ours(theirs)),
                };
                (theirs.clone(), outcome)
            })
            .collect();
        let ours = ours
            .iter()
            .zip(claimed)
            .filter(|(complaint, _)| complaint.severity > Severity::Note)
            .map(|(complaint, claimed)| {
                let outcome = match claimed {
                    true => Outcome::Matched,
                    false => Outcome::of(excuses.only_ours(complaint)),
                };
                (complaint.clone(), outcome)
            })
            .collect();
        Self {
            theirs,
            ours,
            has_stopped,
        }
    }
}

impl Comparison {
    /// What is unexplained beside an older version may be a difference of versions: `newer` is the comparison of the
    /// same file with the version that is the model. What it says and we say too, or what neither says, is ours to keep.
    pub(crate) fn excuse_versions(&mut self, newer: &Self) {
        let version = Outcome::of(Some(&policy::VERSION));
        let said: HashSet<(Option<u32>, &str)> = newer
            .theirs
            .iter()
            .map(|(theirs, _)| (theirs.line(), theirs.message.as_str()))
            .collect();
        for (theirs, outcome) in &mut self.theirs {
            let is_said = said.contains(&(theirs.line(), theirs.message.as_str()));
            if *outcome == Outcome::Unexplained && !is_said && !newer.has_stopped {
                *outcome = version;
            }
        }
        for (complaint, outcome) in &mut self.ours {
            let is_same = |known: &&(Complaint, Outcome)| known.0 == *complaint;
            let known = newer.ours.iter().find(is_same);
            if *outcome == Outcome::Unexplained
                && known.is_some_and(|(_, known)| *known == Outcome::Matched)
            {
                *outcome = version;
            }
        }
    }
}

/// Finds what says the same.
pub(super) struct Matcher<'a> {
    main: String,
    pub(super) ours: &'a [Complaint],
    /// Complaints of ours that a message of theirs corresponds to.
    claimed: Vec<bool>,
    pub(super) places: Places,
}

impl Matcher<'_> {
    /// One of ours says the same. Claims all that do.
    fn is_matched(&mut self, theirs: &Theirs) -> bool {
        let Some((kind, captures)) = kinds::of(&theirs.message) else {
            return false;
        };
        let subject = captures.first().copied().unwrap_or_default();
        let mut found = false;
        for index in 0..self.ours.len() {
            let complaint = &self.ours[index];
            if kind.is_of(complaint) && self.is_same_place(theirs, kind, subject, complaint) {
                self.claimed[index] = true;
                found = true;
            }
        }
        found
    }

    fn is_same_place(
        &mut self,
        theirs: &Theirs,
        kind: &Kind,
        subject: &str,
        complaint: &Complaint,
    ) -> bool {
        match (&theirs.place, &complaint.place) {
            (Some((file, line)), Some(place)) if self.is_file(file, &place.file) => {
                *line == place.line
                    // The brace is missed where the next statement begins.
                    || (complaint.code == Code::MissingBrace && place.line < *line)
                    || (kind.place == Scope::Block && self.is_same_block(place, *line))
            }
            (Some(_), _) => false,
            (None, _) => kind.place == Scope::Line || self.is_about(complaint, subject),
        }
    }

    /// `line` is in the block that is at `place`, or around it.
    fn is_same_block(&mut self, place: &Place, line: u32) -> bool {
        let theirs = self.places.block_of(&place.file, line);
        theirs.is_some()
            && (theirs == Some(place.line)
                || theirs == self.places.block_of(&place.file, place.line))
    }

    pub(super) fn is_file(&self, theirs: &str, ours: &str) -> bool {
        ours.ends_with(theirs) || (ours == self.main && !theirs.contains('/'))
    }

    /// The complaint names `subject`, or stands in a block of that name.
    pub(super) fn is_about(&mut self, complaint: &Complaint, subject: &str) -> bool {
        if subject.is_empty() {
            return false;
        }
        if complaint.message.contains(subject) {
            return true;
        }
        let Some(place) = &complaint.place else {
            return false;
        };
        // `[192.0.2.1]:tcp:80` is written as an address in the file.
        let address = subject
            .rsplit_once('[')
            .and_then(|(_, it)| it.split_once(']'));
        let name = address.map_or(subject, |(address, _)| address);
        self.places
            .around(&place.file, place.line)
            .iter()
            .any(|(_, header)| header.contains(name))
    }

    /// The file that was loaded.
    pub(super) fn main(&self) -> &str {
        &self.main
    }
}
