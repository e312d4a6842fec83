//! `$NAME`s that stay in their line as they are. keepalived says nothing of them; here they are noted while the lines
//! are read, and judged at the end, when all definitions are known.
//!
//! A shell's variables look the same, so what a shell may read is left alone unless a definition has nearly that name.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::Preprocessor;
use super::built_in::NAMES;
use super::expansion::{Lookup, Value, Values};
use super::text::{Dollar, Ending, dollars};
use crate::config::diagnostic::{Code, Finding, MAX_COMPLAINTS, nearest};
use crate::config::keyword::Catalogue;
use crate::config::lines::{Rewritten, Span};

type Definitions = HashMap<String, Rc<[String]>>;

/// Keywords whose values may well have a `$` in them.
const SECRETS: [&str; 3] = ["auth_pass", "password", "key"];
/// Shorter names are near to too many others.
const SHORTEST_NEAR: usize = 3;
/// More definitions than this are not searched for one that is nearly meant.
const MAX_SEARCHED: usize = 5000;

/// All that is noted, each once.
#[derive(Debug, Default)]
pub(super) struct Undefined {
    list: Vec<Noted>,
    seen: HashSet<(Span, String)>,
}

#[derive(Debug)]
struct Noted {
    span: Span,
    /// As it is written, with its `$`.
    text: String,
    name: String,
    why: Why,
    place: Place,
    /// A name of a repetition around it that is nearly this one.
    nearby: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Why {
    /// Nothing has that name up to here.
    NotDefined,
    /// Neither that, nor does the name end here.
    NotDefinedAndGoesOn,
    /// It is defined, but this character behind the name is no end of it.
    GoesOn(char),
    /// It is defined and has several lines, and something follows it.
    NotLast,
}

/// What it stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// A word of its own.
    Word,
    /// A part of a word, or of something in quotes.
    Text,
    /// The command of a script.
    Command,
    /// A command that a shell or another interpreter reads.
    Program,
    Secret,
}

impl Place {
    fn of(dollar: &Dollar<'_>, line: &str, catalogue: &Catalogue) -> Self {
        let keyword = line.split_ascii_whitespace().next().unwrap_or_default();
        let (before, after) = (&line[..dollar.range.start], &line[dollar.range.end..]);
        let is_inside = |quote| before.matches(quote).count() % 2 == 1;
        let is_blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
        if catalogue.takes_script(keyword) {
            // `sh -c "…"`, `awk '…'`, and what is opened by a shell.
            let is_program = is_inside('\'') || line.contains(" -c ") || line.contains("\"</");
            if is_program {
                Self::Program
            } else {
                Self::Command
            }
        } else if SECRETS.contains(&keyword) {
            Self::Secret
        } else if !is_inside('"')
            && is_blank(before.chars().next_back())
            && is_blank(after.chars().next())
        {
            Self::Word
        } else {
            Self::Text
        }
    }
}

impl Preprocessor<'_> {
    /// Notes what is left in a finished line.
    pub(super) fn note_undefined(&mut self, physical: u32, line: &Rewritten, values: &Values) {
        let text = line.text();
        for dollar in dollars(text) {
            if self.undefined.list.len() >= MAX_COMPLAINTS {
                return;
            }
            let is_defined = !matches!(self.lookup(dollar.name, values), Lookup::Undefined);
            let span = Self::span(physical, line, &dollar.range);
            let written = text[dollar.range.clone()].to_owned();
            if !self.undefined.seen.insert((span, written.clone())) {
                continue;
            }
            self.undefined.list.push(Noted {
                span,
                text: written,
                name: dollar.name.to_owned(),
                why: match (is_defined, dollar.ending) {
                    (true, Ending::Missing(next)) => Why::GoesOn(next),
                    (true, Ending::There) => Why::NotLast,
                    (false, Ending::Missing(_)) => Why::NotDefinedAndGoesOn,
                    (false, Ending::There) => Why::NotDefined,
                },
                place: Place::of(&dollar, text, self.surroundings.catalogue),
                nearby: near(dollar.name, Value::names(values)).map(str::to_owned),
            });
        }
    }

    /// At the end: complaints about those that are mistakes.
    pub(super) fn complain_of_undefined(&mut self) {
        for noted in std::mem::take(&mut self.undefined.list) {
            let almost = self.almost_definitions.get(&noted.name);
            let almost = almost.and_then(|span| self.lines.place(*span));
            let almost = almost
                .map(|place| format!("line {} of {} does not define it", place.line, place.file));
            if let Some(finding) = noted.judged(&self.definitions, almost) {
                self.findings.push(finding);
            }
        }
    }
}

impl Noted {
    /// The complaint, if it is a mistake. `almost` says where something was meant as its definition.
    fn judged(&self, definitions: &Definitions, almost: Option<String>) -> Option<Finding> {
        let Self { text, name, .. } = self;
        let has_braces = text.starts_with("${");
        let (message, help) = match self.why {
            Why::GoesOn(_) if self.place == Place::Program => return None,
            Why::GoesOn(next) => (
                format!("'{text}' is left as it is, because '{next}' follows"),
                Some(format!("write '${{{name}}}'")),
            ),
            Why::NotLast => (
                format!(
                    "'{text}' has several lines and is left as it is, because something follows"
                ),
                Some("such a definition must be the last on its line".to_owned()),
            ),
            Why::NotDefined | Why::NotDefinedAndGoesOn => {
                let help = almost.or_else(|| self.help(definitions));
                let is_mistake = match (self.why, self.place) {
                    (_, Place::Program) => matches!(self.why, Why::NotDefined) && help.is_some(),
                    (Why::NotDefinedAndGoesOn, _) => help.is_some(),
                    (_, Place::Text | Place::Secret) => has_braces || help.is_some(),
                    (_, Place::Word | Place::Command) => true,
                };
                if !is_mistake {
                    return None;
                }
                (format!("'{text}' is not defined"), help)
            }
        };
        let finding = Finding::new(Code::UnknownReference, self.span, message).maybe_help(help);
        Some(finding.giving_way())
    }

    /// What was probably meant.
    fn help(&self, definitions: &Definitions) -> Option<String> {
        let name = self.name.as_str();
        if definitions.contains_key(name) {
            return Some(
                "it is defined further down; a definition counts below its line".to_owned(),
            );
        }
        let written = |meant: &str| format!("did you mean '${{{meant}}}'?");
        if let Some(meant) = &self.nearby {
            return Some(written(meant));
        }
        if definitions.len() > MAX_SEARCHED {
            return None;
        }
        let known = definitions.keys().map(String::as_str).chain(NAMES);
        near(name, known).map(written)
    }
}

fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() < SHORTEST_NEAR {
        return nearest_capitals(name, known);
    }
    nearest(name, known)
}

/// The same letters, written otherwise.
fn nearest_capitals<'n>(name: &str, mut known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known.find(|known| known.eq_ignore_ascii_case(name))
}
