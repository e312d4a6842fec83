//! The comparison of one file, and the table over all of them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;

use holdfast::config::{Code, Complaint, Place, Severity};

use super::kinds::{self, Kind, Scope};
use super::places::Places;
use super::policy::{self, Row};
use super::theirs::{Theirs, Verdict, captures};

/// What became of one message or complaint.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Outcome {
    /// The other side says the same.
    Matched,
    /// The policy has this row.
    Meant(&'static str),
    Unexplained,
}

/// Both opinions about one file.
pub(crate) struct Comparison {
    theirs: Vec<(Theirs, Outcome)>,
    ours: Vec<(Complaint, Outcome)>,
}

impl Comparison {
    /// Keepalived repeats what it says in each of its passes; here each counts once.
    pub(crate) fn new(path: &Path, theirs: &Verdict, ours: &[Complaint]) -> Self {
        let mut once = HashSet::new();
        let mut comparer = Comparer {
            main: path.display().to_string(),
            ours,
            claimed: vec![false; ours.len()],
            lost: Vec::new(),
            places: Places::default(),
        };
        let messages: Vec<_> = theirs
            .messages
            .iter()
            .filter(|theirs| once.insert((*theirs).clone()))
            .map(|theirs| (theirs, comparer.is_matched(theirs)))
            .collect();
        for (theirs, matched) in &messages {
            if !matched && is_about_structure(&theirs.message) {
                comparer.lost.extend(theirs.place.clone());
            }
        }
        let theirs_outcomes = messages
            .into_iter()
            .map(|(theirs, matched)| {
                let outcome = match matched {
                    true => Outcome::Matched,
                    false => comparer
                        .meant(theirs)
                        .map_or(Outcome::Unexplained, Outcome::of),
                };
                (theirs.clone(), outcome)
            })
            .collect();
        let claimed = std::mem::take(&mut comparer.claimed);
        let ours = ours
            .iter()
            .zip(claimed)
            .filter(|(complaint, _)| complaint.severity > Severity::Note)
            .map(|(complaint, claimed)| {
                let outcome = match claimed {
                    true => Outcome::Matched,
                    false if theirs.has_stopped() => Outcome::of(&policy::STOPPED),
                    false if comparer.is_in_duplicate(complaint) => {
                        Outcome::of(&policy::DUPLICATE_BLOCK)
                    }
                    false => comparer
                        .extra(complaint)
                        .map_or(Outcome::Unexplained, Outcome::of),
                };
                (complaint.clone(), outcome)
            })
            .collect();
        Self {
            theirs: theirs_outcomes,
            ours,
        }
    }
}

impl Outcome {
    fn of(row: &'static Row) -> Self {
        Self::Meant(row.name)
    }
}

fn is_about_structure(message: &str) -> bool {
    kinds::of(message).is_some_and(|(kind, _)| {
        kind.ours
            .iter()
            .any(|code| *code == Code::UnknownKeyword || policy::STRUCTURE.contains(code))
    })
}

struct Comparer<'a> {
    main: String,
    ours: &'a [Complaint],
    /// Complaints of ours that a message of theirs corresponds to.
    claimed: Vec<bool>,
    /// Where keepalived complains about keywords or braces and we do not.
    lost: Vec<(String, u32)>,
    places: Places,
}

impl Comparer<'_> {
    /// One of ours says the same. Claims all that do.
    fn is_matched(&mut self, theirs: &Theirs) -> bool {
        let Some((kind, captures)) = kinds::of(&theirs.message) else {
            return false;
        };
        let subject = captures.first().copied().unwrap_or_default();
        let mut found = false;
        for index in 0..self.ours.len() {
            let complaint = &self.ours[index];
            if kind.ours.contains(&complaint.code)
                && self.is_same_place(theirs, kind, subject, complaint)
            {
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
        theirs == Some(place.line) || theirs == self.places.block_of(&place.file, place.line)
    }

    fn is_file(&self, theirs: &str, ours: &str) -> bool {
        ours.ends_with(theirs) || (ours == self.main && !theirs.contains('/'))
    }

    /// The complaint names `subject`, or stands in a block of that name.
    fn is_about(&mut self, complaint: &Complaint, subject: &str) -> bool {
        if complaint.message.contains(subject) {
            return true;
        }
        let Some(place) = &complaint.place else {
            return false;
        };
        self.places
            .around(&place.file, place.line)
            .iter()
            .any(|(_, header)| header.contains(subject))
    }

    /// The row of the policy that lets this message of theirs be without a complaint of ours.
    fn meant(&mut self, theirs: &Theirs) -> Option<&'static Row> {
        self.defined_elsewhere(&theirs.message)
            .or_else(|| policy::not_ours(&theirs.message))
            .or_else(|| self.cascade(theirs))
    }

    fn defined_elsewhere(&mut self, message: &str) -> Option<&'static Row> {
        let name = [
            "(*) track script * not found, ignoring...",
            "(*) track file * not found, ignoring...",
        ]
        .into_iter()
        .find_map(|pattern| captures(pattern, message)?.get(1).copied())?;
        for complaint in self.ours {
            if complaint.code == Code::ScriptUnusable && self.is_about(complaint, name) {
                return Some(&policy::DISABLED_SCRIPT);
            }
        }
        self.places
            .has_block(&self.main, name)
            .then_some(&policy::DEFINED_LATER)
    }

    /// Keepalived has lost its way by then, and we report why at this line or before it.
    fn cascade(&mut self, theirs: &Theirs) -> Option<&'static Row> {
        let (file, line) = match &theirs.place {
            Some((file, line)) => (Some(file.as_str()), *line),
            None => (None, u32::MAX),
        };
        let mut row = None;
        for complaint in self.ours {
            let Some(place) = &complaint.place else {
                continue;
            };
            // A brace that is missing in one file puts keepalived into the wrong block in the next.
            let is_elsewhere = file.is_some_and(|file| !self.is_file(file, &place.file));
            if is_elsewhere && policy::STRUCTURE.contains(&complaint.code) {
                row = Some(&policy::BRACES);
            }
            if is_elsewhere || place.line > line {
                continue;
            }
            let is_lost = self
                .lost
                .iter()
                .any(|(_, lost)| *lost >= place.line && *lost <= line);
            match complaint.code {
                Code::UnknownKeyword | Code::MisplacedKeyword | Code::UnexpectedBrace
                    if file.is_some() && self.is_inside(place, line) =>
                {
                    return Some(&policy::UNKNOWN_BLOCK);
                }
                // The brace that closes an unknown block closes the known one around it.
                Code::UnknownKeyword | Code::MisplacedKeyword
                    if is_lost && place.source.contains('{') =>
                {
                    row = Some(&policy::UNKNOWN_BLOCK);
                }
                Code::InvalidDefinition if is_lost => row = Some(&policy::DEFINITION),
                Code::UnknownReference if is_lost && place.source.contains("${") => {
                    row = Some(&policy::UNDEFINED);
                }
                code if is_lost && policy::STRUCTURE.contains(&code) => row = Some(&policy::BRACES),
                _ => {}
            }
        }
        row
    }

    /// `line` is in the block that opens at `place`.
    fn is_inside(&mut self, place: &Place, line: u32) -> bool {
        let around = self.places.around(&place.file, line);
        around.iter().any(|(header, _)| *header == place.line)
    }

    /// The complaint is about a block that is there twice.
    fn is_in_duplicate(&mut self, complaint: &Complaint) -> bool {
        let Some(place) = &complaint.place else {
            return false;
        };
        let around = self.places.around(&place.file, place.line);
        self.ours.iter().any(|ours| {
            ours.code == Code::DuplicateName
                && ours.place.as_ref().is_some_and(|duplicate| {
                    duplicate.file == place.file
                        && around[1..].iter().any(|(line, _)| *line == duplicate.line)
                })
        })
    }

    /// The row of the policy that lets us complain where keepalived does not.
    fn extra(&mut self, complaint: &Complaint) -> Option<&'static Row> {
        policy::only_ours(complaint).or_else(|| {
            let place = complaint.place.as_ref()?;
            let around = self.places.around(&place.file, place.line).to_vec();
            let (mut in_lost_block, mut after_definition) = (false, false);
            for (file, line) in &self.lost {
                if self.is_file(file, &place.file) {
                    in_lost_block |= around.iter().any(|(header, _)| header == line);
                    after_definition |= *line <= place.line;
                }
            }
            let definition = self
                .ours
                .iter()
                .any(|ours| ours.code == Code::InvalidDefinition);
            match (in_lost_block, after_definition && definition) {
                (_, true) => Some(&policy::DEFINITION),
                (true, _) => Some(&policy::BRACES),
                (false, false) => None,
            }
        })
    }
}

/// The table over all files.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) files: usize,
    matched: usize,
    /// Messages of theirs by row of the policy.
    theirs: BTreeMap<&'static str, usize>,
    ours_matched: usize,
    /// Complaints of ours by row of the policy.
    ours: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
}

impl Totals {
    pub(crate) fn add(&mut self, file: &str, comparison: Comparison) {
        self.files += 1;
        for (theirs, outcome) in comparison.theirs {
            match outcome {
                Outcome::Matched => self.matched += 1,
                Outcome::Meant(row) => *self.theirs.entry(row).or_default() += 1,
                Outcome::Unexplained => {
                    let place = match theirs.place {
                        Some((file, line)) => format!("{file}:{line}"),
                        None => "-".to_owned(),
                    };
                    self.unexplained
                        .push(format!("{file}: theirs only: {place}: {}", theirs.message));
                }
            }
        }
        for (complaint, outcome) in comparison.ours {
            match outcome {
                Outcome::Matched => self.ours_matched += 1,
                Outcome::Meant(row) => *self.ours.entry(row).or_default() += 1,
                Outcome::Unexplained => self.unexplained.push(format!(
                    "{file}: ours only: [{}] {}",
                    complaint.code.name(),
                    complaint
                )),
            }
        }
    }

    pub(crate) fn unexplained(&self) -> usize {
        self.unexplained.len()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.unexplained {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{} files", self.files)?;
        writeln!(f, "theirs, the same of ours   {:6}", self.matched)?;
        for (row, count) in &self.theirs {
            writeln!(f, "theirs, {row:<19}{count:6}")?;
        }
        writeln!(f, "ours, the same of theirs   {:6}", self.ours_matched)?;
        for (row, count) in &self.ours {
            writeln!(f, "ours, {row:<21}{count:6}")?;
        }
        writeln!(f, "unexplained                {:6}", self.unexplained.len())
    }
}
