//! When a message or a complaint may stand alone: the rules of the policy that need to know where in the file, and what
//! else was said. Rules about the wording alone are in `policy.rs`.

use std::collections::HashSet;

use holdfast::config::{Code, Complaint, Place};

use super::comparison::Matcher;
use super::listed;
use super::policy::{self, Row};
use super::theirs::{Stop, Theirs, Verdict, captures};

pub(super) struct Excuses<'a> {
    matcher: Matcher<'a>,
    stop: Option<Stop>,
    /// At the end its braces are not right.
    loses_count: bool,
    /// Where keepalived complains about keywords or braces and we do not.
    lost: Vec<(String, u32)>,
}

/// That it is an undefined `${NAME}` is the help for the value.
fn says_undefined(complaint: &Complaint) -> bool {
    let mut help = complaint.help.iter();
    help.any(|help| captures("'${*' is not defined*", help).is_some())
}

/// What keepalived finds out when it has read everything. It may not have come so far.
const JUDGED_AT_THE_END: &[Code] = &[
    Code::MissingKeyword,
    Code::UnknownInterface,
    Code::DuplicateVrid,
    Code::DuplicateEntry,
    Code::Redundant,
    Code::UnknownReference,
    Code::UnusedScript,
    Code::ScriptUnusable,
    Code::NothingToDo,
    Code::Conflict,
    Code::Defaulted,
];

impl<'a> Excuses<'a> {
    pub(super) fn new(matcher: Matcher<'a>, theirs: &Verdict, lost: Vec<(String, u32)>) -> Self {
        Self {
            matcher,
            stop: theirs.stop(),
            loses_count: theirs.loses_count(),
            lost,
        }
    }

    /// The row that lets this message of theirs be without a complaint of ours.
    pub(super) fn not_ours(&mut self, theirs: &Theirs) -> Option<&'static Row> {
        self.defined_elsewhere(&theirs.message)
            .or_else(|| policy::not_ours(&theirs.message))
            .or_else(|| match &theirs.place {
                Some((file, line)) => self.after_mistake(theirs, file, *line),
                None => listed::not_ours(self.matcher.main(), theirs),
            })
    }

    fn defined_elsewhere(&mut self, message: &str) -> Option<&'static Row> {
        let name = [
            "(*) track script * not found, ignoring...",
            "(*) track file * not found, ignoring...",
        ]
        .into_iter()
        .find_map(|pattern| captures(pattern, message)?.get(1).copied())?;
        for complaint in self.matcher.ours {
            if complaint.code == Code::ScriptUnusable && self.matcher.is_about(complaint, name) {
                return Some(&policy::DISABLED_SCRIPT);
            }
        }
        let main = self.matcher.main().to_owned();
        self.matcher
            .places
            .has_block(&main, name)
            .then_some(&policy::DEFINED_LATER)
    }

    /// Keepalived has lost its way by then, and we report why at this line or before it.
    fn after_mistake(&mut self, theirs: &Theirs, file: &str, line: u32) -> Option<&'static Row> {
        let path = self.path_of(file);
        if theirs.message == "Unknown keyword '\\'" && self.matcher.places.is_comment(&path, line) {
            return Some(&policy::COMMENT);
        }
        let is_lost_here = self.is_lost_at(file, line);
        let mut row = None;
        for complaint in self.matcher.ours {
            let Some(place) = &complaint.place else {
                continue;
            };
            let is_here = self.matcher.is_file(file, &place.file);
            if is_here && place.line > line {
                continue;
            }
            let cause = match complaint.code {
                Code::UnknownKeyword | Code::MisplacedKeyword | Code::UnexpectedBrace
                    if is_here && self.is_inside(place, line) =>
                {
                    return Some(&policy::UNKNOWN_BLOCK);
                }
                Code::InvalidDefinition
                    if is_here && is_repetition(place) && self.is_inside(place, line) =>
                {
                    return Some(&policy::REPETITION);
                }
                // A brace that is missing in one file puts keepalived into the wrong block in the next.
                code if policy::STRUCTURE.contains(&code) => &policy::BRACES,
                _ if !is_here => continue,
                // The brace that closes an unknown block closes the known one around it.
                Code::UnknownKeyword | Code::MisplacedKeyword if place.source.contains('{') => {
                    &policy::UNKNOWN_BLOCK
                }
                Code::InvalidDefinition => &policy::DEFINITION,
                Code::UnknownReference if place.source.contains("${") => &policy::UNDEFINED,
                Code::InvalidValue if says_undefined(complaint) => &policy::UNDEFINED,
                _ => continue,
            };
            // Where its braces are right again at the end of the block that the mistake is in, so is keepalived.
            let is_behind = cause.name != policy::BRACES.name
                && !self.is_in_same_block(place, line)
                && !self.loses_count;
            // Nothing but keywords and braces is wrong because of what stands far above.
            if !is_behind && (theirs.is_about_structure() || is_lost_here) {
                row = Some(cause);
            }
        }
        row
    }

    /// At this line, or at the header of a block around it, keepalived complains about keywords or braces.
    fn is_lost_at(&mut self, file: &str, line: u32) -> bool {
        let name = self.path_of(file);
        let around = self.matcher.places.around(&name, line).to_vec();
        let mut lost = self.lost.iter();
        lost.any(|(at, lost)| {
            at == file && (*lost == line || around.iter().any(|(header, _)| header == lost))
        })
    }

    /// Our name of the file that keepalived calls `file`.
    fn path_of(&self, file: &str) -> String {
        let mut places = self.matcher.ours.iter().filter_map(|it| it.place.as_ref());
        let known = places.find(|place| self.matcher.is_file(file, &place.file));
        known.map_or_else(|| self.matcher.main().to_owned(), |it| it.file.clone())
    }

    /// The outermost block around `line` is that around `place`, or both are in one definition.
    fn is_in_same_block(&mut self, place: &Place, line: u32) -> bool {
        let places = &mut self.matcher.places;
        if places.is_one_definition(&place.file, place.line, line) {
            return true;
        }
        let outermost = |around: &[(u32, String)]| {
            let (_, blocks) = around.split_first()?;
            blocks.last().map(|(header, _)| *header)
        };
        let mistake = outermost(places.around(&place.file, place.line));
        mistake.is_some() && mistake == outermost(places.around(&place.file, line))
    }

    /// `line` is in the block that opens at `place`.
    fn is_inside(&mut self, place: &Place, line: u32) -> bool {
        let around = self.matcher.places.around(&place.file, line);
        around.iter().any(|(header, _)| *header == place.line)
    }

    /// The row that lets us complain where keepalived does not.
    pub(super) fn only_ours(&mut self, complaint: &Complaint) -> Option<&'static Row> {
        policy::only_ours(complaint)
            .or_else(|| listed::only_ours(complaint))
            .or_else(|| self.in_unread_block(complaint))
            .or_else(|| self.is_after_stop(complaint).then_some(&policy::STOPPED))
            .or_else(|| self.in_misread_block(complaint))
    }

    /// The complaint is in a block that keepalived does not read: its name is missing, or taken.
    fn in_unread_block(&mut self, complaint: &Complaint) -> Option<&'static Row> {
        let place = complaint.place.as_ref()?;
        let around = self.matcher.places.around(&place.file, place.line).to_vec();
        let blocks = around.get(1..)?;
        self.matcher.ours.iter().find_map(|ours| {
            let header = ours.place.as_ref()?;
            let is_around =
                header.file == place.file && blocks.iter().any(|(line, _)| *line == header.line);
            match ours.code {
                Code::DuplicateName if is_around => Some(&policy::DUPLICATE_BLOCK),
                Code::MissingParameter if is_around => Some(&policy::UNNAMED_BLOCK),
                _ => None,
            }
        })
    }

    /// Keepalived had ended before it could have said this.
    fn is_after_stop(&mut self, complaint: &Complaint) -> bool {
        let at_end = JUDGED_AT_THE_END.contains(&complaint.code);
        let Some(stop) = self.stop.clone() else {
            return false;
        };
        let Some(place) = &complaint.place else {
            return at_end;
        };
        match stop {
            Stop::Died => at_end,
            Stop::Globals => {
                let around = self.matcher.places.around(&place.file, place.line);
                around
                    .last()
                    .is_none_or(|(_, it)| !it.starts_with("global_defs"))
            }
            Stop::Reading { file, line } => {
                let is_behind = self.matcher.is_file(&file, &place.file) && place.line > line;
                // Virtual servers are read first, then everything of VRRP.
                let path = self.path_of(&file);
                let is_later =
                    self.is_of_service(&path, line) && !self.is_of_service(&place.file, place.line);
                at_end || is_behind || is_later
            }
            Stop::Judging { instance } => {
                let main = self.matcher.main().to_owned();
                let stopped = self
                    .matcher
                    .places
                    .header(&main, "vrrp_instance", &instance);
                let around = self.matcher.places.around(&place.file, place.line);
                let block = around
                    .iter()
                    .find(|(_, it)| it.starts_with("vrrp_instance"));
                let is_judged_before = match (block, stopped) {
                    (Some((line, _)), Some(stopped)) => *line < stopped,
                    (Some(_), None) | (None, _) => false,
                };
                // Routers are compared when each of them has been judged.
                let is_judged_before = is_judged_before && complaint.code != Code::DuplicateVrid;
                at_end && !is_judged_before && !self.is_of_service(&place.file, place.line)
            }
        }
    }

    /// The line is in a block about virtual servers.
    fn is_of_service(&mut self, file: &str, line: u32) -> bool {
        let around = self.matcher.places.around(file, line);
        around
            .last()
            .is_some_and(|(_, header)| header.starts_with("virtual_server"))
    }

    /// The complaint is in a block whose header keepalived did not understand, or about what a definition has put there.
    fn in_misread_block(&mut self, complaint: &Complaint) -> Option<&'static Row> {
        let place = complaint.place.as_ref()?;
        let around = self.matcher.places.around(&place.file, place.line).to_vec();
        let lost = self
            .lost
            .iter()
            .filter(|(file, _)| self.matcher.is_file(file, &place.file));
        let is_lost = lost
            .into_iter()
            .any(|(_, line)| around.iter().any(|(header, _)| header == line));
        if self.uses_commented_definition(&place.file, &place.source) {
            return Some(&policy::DEFINITION);
        }
        match (is_lost, complaint.code) {
            (true, Code::UnknownReference) => Some(&policy::UNDEFINED),
            (true, _) => Some(&policy::BRACES),
            (false, _) => None,
        }
    }

    /// A definition that the line uses, or one that this uses, has a comment in it.
    fn uses_commented_definition(&mut self, file: &str, source: &str) -> bool {
        let mut waiting = names_in(source);
        let mut seen = HashSet::new();
        while let Some(name) = waiting.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            for (lines, text) in self.matcher.places.definitions(file, &name) {
                let is_there = |it: &Complaint| {
                    let place = it.place.as_ref();
                    place.is_some_and(|it| it.file == file && lines.contains(&it.line))
                };
                let mut comments = self.matcher.ours.iter();
                if comments.any(|it| it.code == Code::InvalidDefinition && is_there(it)) {
                    return true;
                }
                waiting.extend(names_in(&text));
            }
        }
        false
    }
}

/// Of the definitions that a text uses: `$NAME`, `${NAME}`.
fn names_in(text: &str) -> Vec<String> {
    let pieces = text.split('$').skip(1);
    let names = pieces.map(|piece| {
        let name = piece.trim_start_matches('{');
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = name.find(|c| !is_letter(c)).unwrap_or(name.len());
        name[..end].to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn is_repetition(place: &Place) -> bool {
    place.source.trim_start().starts_with('~')
}
