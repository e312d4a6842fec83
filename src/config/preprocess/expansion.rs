//! Puts definitions and repetitions into a line, until neither is left.

use std::ops::Range;
use std::rc::Rc;

use super::Preprocessor;
use super::repetition::{self, Repeated};
use super::text::references;
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::lines::{MAX_LINE_BYTES, Rewritten, Span};

/// Bytes that definitions and repetitions may put in.
const MAX_INSERTED_BYTES: usize = 16 << 20;
/// Bytes that may be copied while they are put in: many small definitions in long lines cost more than they insert.
const MAX_MOVED_BYTES: usize = 512 << 20;
/// Substitutions that one line of a file may cause.
const MAX_SUBSTITUTIONS: usize = 100_000;
/// Substitutions in one line of the result.
const MAX_SUBSTITUTIONS_IN_A_LINE: usize = 1000;
/// Definitions of several lines that use one another.
const MAX_EXPANSION_DEPTH: usize = 64;
/// Longest line with definitions put in.
const MAX_EXPANDED_LINE: usize = 16 * MAX_LINE_BYTES;

/// Something to be replaced in a line, by nothing where it has no lines.
struct Substitution {
    range: Range<usize>,
    what: Replacement,
}

enum Replacement {
    /// A definition: its first line takes the place, the others follow the line.
    Definition { name: String, lines: Rc<[String]> },
    /// The rest of the line, once for each value.
    Repetition(Vec<Repeated>),
    /// `${_HASH}` or `${_BANG}` at the start of a word: the rest of the line is a comment (keepalived).
    Comment,
}

/// A line that still has definitions in it.
struct Pending {
    line: Rewritten,
    inside: Option<Rc<Expansion>>,
    values: Values,
}

/// What `~SEQ` and `~LST` give to their names in the lines that they make, and in the definitions used there.
type Values = Option<Rc<Value>>;

struct Value {
    name: String,
    text: Rc<[String]>,
    outer: Values,
}

impl Value {
    fn of(values: &Values, name: &str) -> Option<Rc<[String]>> {
        let mut values = values.as_ref();
        while let Some(value) = values {
            if value.name == name {
                return Some(Rc::clone(&value.text));
            }
            values = value.outer.as_ref();
        }
        None
    }
}

/// The definition of several lines that a line comes from.
struct Expansion {
    name: String,
    depth: usize,
    outer: Option<Rc<Self>>,
}

impl Expansion {
    /// How deep `name` would be; `None`: it would be inside itself.
    fn depth(inside: Option<&Rc<Self>>, name: Option<&str>) -> Option<usize> {
        let mut outer = inside;
        while let Some(expansion) = outer {
            if Some(expansion.name.as_str()) == name {
                return None;
            }
            outer = expansion.outer.as_ref();
        }
        Some(inside.map_or(0, |expansion| expansion.depth + 1))
    }
}

impl Preprocessor<'_> {
    /// Puts definitions in and repeats, until neither is left.
    pub(super) fn expand(&mut self, physical: u32, line: Rewritten) {
        let mut pending = vec![Pending {
            line,
            inside: None,
            values: None,
        }];
        let mut budget = MAX_SUBSTITUTIONS;
        while let Some(next) = pending.pop() {
            let Some(line) = self.substitute_all(physical, next, &mut pending, &mut budget) else {
                return;
            };
            self.complain_of_undefined(physical, &line);
            if !line.text().trim().is_empty() {
                self.deliver(physical, line);
            }
            if self.full {
                return;
            }
        }
    }

    /// Carries out the substitutions in a line. Lines that follow it go to `pending`, the next one last.
    /// `None`: a limit was met.
    fn substitute_all(
        &mut self,
        physical: u32,
        Pending {
            mut line,
            inside,
            mut values,
        }: Pending,
        pending: &mut Vec<Pending>,
        budget: &mut usize,
    ) -> Option<Rewritten> {
        let mut in_this_line = 0;
        while let Some(Substitution { range, what }) = self.substitution(physical, &line, &values) {
            in_this_line += 1;
            *budget = budget.saturating_sub(1);
            self.inserted_bytes += what.bytes();
            self.moved_bytes += line.text().len();
            let depth = Expansion::depth(inside.as_ref(), what.name());
            if depth.is_none_or(|depth| depth > MAX_EXPANSION_DEPTH)
                || in_this_line > MAX_SUBSTITUTIONS_IN_A_LINE
                || *budget == 0
                || self.inserted_bytes > MAX_INSERTED_BYTES
                || self.moved_bytes > MAX_MOVED_BYTES
                || line.text().len() > MAX_EXPANDED_LINE
            {
                let whole = Span::new(physical, 0..line.source(&range).end as usize);
                self.limit(whole, "the definitions in this line never end".to_owned());
                return None;
            }
            let source = line.source(&range);
            match what {
                Replacement::Comment => line = line.part(0..range.start),
                Replacement::Definition { name, lines } => {
                    let (first, further) = lines
                        .split_first()
                        .map_or(("", &[][..]), |(first, further)| (first.as_str(), further));
                    line = line.replaced(&range, first);
                    let expansion = (!further.is_empty()).then(|| {
                        Rc::new(Expansion {
                            name,
                            depth: depth.unwrap_or_default(),
                            outer: inside.clone(),
                        })
                    });
                    pending.extend(further.iter().rev().map(|text| Pending {
                        line: Rewritten::replacement(text, source.clone()),
                        inside: expansion.clone(),
                        values: values.clone(),
                    }));
                }
                Replacement::Repetition(lines) => {
                    let outer = values.clone();
                    let mut lines = lines.into_iter();
                    let first = lines.next();
                    line = line.replaced(&range, first.as_ref().map_or("", |first| &first.text));
                    values = with_values(&outer, first.map(|first| first.values));
                    pending.extend(lines.rev().map(|repeated| Pending {
                        line: Rewritten::replacement(&repeated.text, source.clone()),
                        inside: inside.clone(),
                        values: with_values(&outer, Some(repeated.values)),
                    }));
                }
            }
        }
        Some(line)
    }

    /// keepalived takes the braces of an undefined `${NAME}` for those of a block; an undefined `$NAME` is a word.
    fn complain_of_undefined(&mut self, physical: u32, line: &Rewritten) {
        for (range, name) in references(line.text()) {
            let text = &line.text()[range.clone()];
            if text.starts_with("${") && !self.definitions.contains_key(name) {
                let span = Self::span(physical, line, &range);
                let message = format!("'{text}' is not defined");
                let known = self.definitions.keys().map(String::as_str);
                let help =
                    nearest(name, known).map(|meant| format!("did you mean '${{{meant}}}'?"));
                let finding = Finding::new(Code::UnknownReference, span, message);
                self.findings.push(finding.maybe_help(help));
            }
        }
    }

    /// The first thing to be replaced in a line, and what replaces it.
    fn substitution(
        &mut self,
        physical: u32,
        line: &Rewritten,
        values: &Values,
    ) -> Option<Substitution> {
        match repetition::first(line.text()) {
            None => {}
            Some(Ok((range, lines))) => {
                let what = Replacement::Repetition(lines);
                return Some(Substitution { range, what });
            }
            Some(Err((range, why))) => {
                let span = Self::span(physical, line, &range);
                self.findings
                    .push(Finding::new(Code::InvalidDefinition, span, why));
                let what = Replacement::Repetition(Vec::new());
                return Some(Substitution { range, what });
            }
        }
        for (range, name) in references(line.text()) {
            let lines = match Value::of(values, name)
                .map(Ok)
                .or_else(|| self.value_of(name))
            {
                Some(Ok(lines)) => lines,
                Some(Err(why)) => {
                    let span = Self::span(physical, line, &range);
                    self.findings
                        .push(Finding::new(Code::InvalidDefinition, span, why));
                    Rc::new([])
                }
                None => continue,
            };
            if matches!(name, "_HASH" | "_BANG") && begins_a_word(&line.text()[..range.start]) {
                let range = range.start..line.text().len();
                let what = Replacement::Comment;
                return Some(Substitution { range, what });
            }
            // keepalived: a definition of several lines counts only at the end of a line.
            let at_end = line.text()[range.end..].trim().is_empty();
            if lines.len() <= 1 || at_end {
                let name = name.to_owned();
                let what = Replacement::Definition { name, lines };
                return Some(Substitution { range, what });
            }
        }
        None
    }

    /// A definition of the file or one of those that are always there.
    fn value_of(&mut self, name: &str) -> Option<Result<Rc<[String]>, String>> {
        if let Some(lines) = self.definitions.get(name) {
            return Some(Ok(Rc::clone(lines)));
        }
        let value = self.built_in(name)?;
        Some(value.map(|value| Rc::from([value])))
    }
}

impl Replacement {
    /// Put in by it.
    fn bytes(&self) -> usize {
        match self {
            Self::Definition { lines, .. } => lines.iter().map(String::len).sum(),
            Self::Repetition(lines) => lines.iter().map(|repeated| repeated.text.len()).sum(),
            Self::Comment => 0,
        }
    }

    /// Of the definition, if it is one.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Definition { name, .. } => Some(name),
            Self::Repetition(_) | Self::Comment => None,
        }
    }
}

fn with_values(outer: &Values, values: Option<Vec<(String, String)>>) -> Values {
    values
        .unwrap_or_default()
        .into_iter()
        .fold(outer.clone(), |outer, (name, value)| {
            Some(Rc::new(Value {
                name,
                text: Rc::new([value]),
                outer,
            }))
        })
}

/// A word that is not in double quotes begins behind `before`.
fn begins_a_word(before: &str) -> bool {
    let is_quoted = before.matches('"').count() % 2 == 1;
    !is_quoted && before.chars().next_back().is_none_or(char::is_whitespace)
}
