//! Puts definitions and repetitions into a line, until neither is left.

use std::ops::Range;
use std::rc::Rc;

use super::Preprocessor;
use super::repetition::{self, Repetition};
use super::text::{definition_in, references, unmatched_braces};
use crate::config::diagnostic::{Code, Finding};
use crate::config::lines::{MAX_LINE_BYTES, Rewritten, Span};

/// Lines that definitions of several lines and repetitions make in total.
const MAX_MADE_LINES: usize = 400_000;
/// Bytes that definitions and repetitions may put in.
const MAX_INSERTED_BYTES: usize = 16 << 20;
/// Bytes that may be copied while they are put in: many small definitions in long lines cost more than they insert.
const MAX_MOVED_BYTES: usize = 512 << 20;
/// Substitutions that one line of a file may cause.
const MAX_SUBSTITUTIONS: usize = 500_000;
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
    Repetition(Repetition),
    /// `${_HASH}` or `${_BANG}` at the start of a word: the rest of the line is a comment (keepalived).
    Comment,
}

/// A line that still has definitions in it.
struct Pending {
    line: Rewritten,
    inside: Option<Rc<Expansion>>,
    values: Values,
}

/// Lines that are still to be made. They are made one at a time: a definition of a hundred thousand lines that is used
/// in a repetition takes no memory before it is its turn.
struct ToMake {
    what: Making,
    /// The bytes of the physical line that they stand for.
    source: Range<u32>,
    inside: Option<Rc<Expansion>>,
    values: Values,
}

enum Making {
    /// The lines of a definition from this one on.
    Definition(Rc<[String]>, usize),
    Repetition(Repetition),
}

impl ToMake {
    fn next(&mut self) -> Option<Pending> {
        let (text, values) = match &mut self.what {
            Making::Definition(lines, next) => {
                let text = lines.get(*next)?.clone();
                *next += 1;
                (text, self.values.clone())
            }
            Making::Repetition(repetition) => {
                let repeated = repetition.next()?;
                (repeated.text, with_values(&self.values, repeated.values))
            }
        };
        Some(Pending {
            line: Rewritten::replacement(&text, self.source.clone()),
            inside: self.inside.clone(),
            values,
        })
    }
}

/// What `~SEQ` and `~LST` give to their names in the lines that they make, and in the definitions used there.
pub(super) type Values = Option<Rc<Value>>;

pub(super) struct Value {
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

    /// The names that have a value.
    pub(super) fn names(values: &Values) -> impl Iterator<Item = &str> {
        std::iter::successors(values.as_deref(), |value| value.outer.as_deref())
            .map(|value| value.name.as_str())
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
        let mut to_make = Vec::new();
        let mut next = Some(Pending {
            line,
            inside: None,
            values: None,
        });
        let mut budget = MAX_SUBSTITUTIONS;
        while let Some(pending) = next {
            match self.substitute_all(physical, pending, &mut to_make, &mut budget) {
                Ok((line, values)) => {
                    self.note_undefined(physical, &line, &values);
                    if !line.text().trim().is_empty() {
                        self.deliver(physical, line);
                    }
                }
                Err(Unusable::Line(braces)) => self.lines.add_logical(physical, braces),
                Err(Unusable::Everything) => return,
            }
            if self.full {
                return;
            }
            next = self.next_made(physical, &mut to_make);
        }
    }

    /// The next line of those that are to be made.
    fn next_made(&mut self, physical: u32, to_make: &mut Vec<ToMake>) -> Option<Pending> {
        loop {
            let Some(pending) = to_make.last_mut()?.next() else {
                to_make.pop();
                continue;
            };
            self.made_lines += 1;
            self.inserted_bytes += pending.line.text().len();
            if self.made_lines > MAX_MADE_LINES || self.inserted_bytes > MAX_INSERTED_BYTES {
                let line = &pending.line;
                let span = Self::span(physical, line, &(0..line.text().len()));
                let message = format!(
                    "definitions and repetitions make more than {MAX_MADE_LINES} lines or {MAX_INSERTED_BYTES} bytes"
                );
                self.limit(span, message);
                return None;
            }
            return Some(pending);
        }
    }

    /// Carries out the substitutions in a line. Lines that follow it go to `to_make`, the next one last.
    fn substitute_all(
        &mut self,
        physical: u32,
        Pending {
            mut line,
            inside,
            mut values,
        }: Pending,
        to_make: &mut Vec<ToMake>,
        budget: &mut usize,
    ) -> Result<(Rewritten, Values), Unusable> {
        let mut in_this_line = 0;
        // Of the last definition that was put in.
        let mut put_in = None;
        loop {
            if self.define(physical, &line, put_in.take()) {
                return Ok((line.part(0..0), values));
            }
            let Some(Substitution { range, what }) = self.substitution(physical, &line, &values)?
            else {
                return Ok((line, values));
            };
            in_this_line += 1;
            *budget = budget.saturating_sub(1);
            self.moved_bytes += line.text().len();
            let depth = Expansion::depth(inside.as_ref(), what.name());
            let is_endless = depth.is_none_or(|depth| depth > MAX_EXPANSION_DEPTH)
                || in_this_line > MAX_SUBSTITUTIONS_IN_A_LINE
                || line.text().len() > MAX_EXPANDED_LINE;
            if is_endless || *budget == 0 || self.moved_bytes > MAX_MOVED_BYTES {
                let whole = Span::new(physical, 0..line.source(&range).end as usize);
                let message = if is_endless {
                    "the definitions in this line never end".to_owned()
                } else {
                    format!(
                        "up to this line, definitions and repetitions take more than {MAX_SUBSTITUTIONS} steps in a line, or copy more than {MAX_MOVED_BYTES} bytes"
                    )
                };
                self.limit(whole, message);
                return Err(Unusable::Everything);
            }
            let source = line.source(&range);
            match what {
                Replacement::Comment => line = line.part(0..range.start),
                Replacement::Definition { name, lines } => {
                    let first = lines.first().map_or("", String::as_str);
                    self.inserted_bytes += first.len();
                    line = line.replaced(&range, first);
                    put_in = Some(name.clone());
                    if lines.len() > 1 {
                        let expansion = Expansion {
                            name,
                            depth: depth.unwrap_or_default(),
                            outer: inside.clone(),
                        };
                        to_make.push(ToMake {
                            what: Making::Definition(lines, 1),
                            source,
                            inside: Some(Rc::new(expansion)),
                            values: values.clone(),
                        });
                    }
                }
                Replacement::Repetition(mut repetition) => {
                    let outer = values.clone();
                    let first = repetition.next();
                    let text = first.as_ref().map_or("", |first| &first.text);
                    self.inserted_bytes += text.len();
                    line = line.replaced(&range, text);
                    values =
                        with_values(&outer, first.map(|first| first.values).unwrap_or_default());
                    to_make.push(ToMake {
                        what: Making::Repetition(repetition),
                        source,
                        inside: inside.clone(),
                        values: outer,
                    });
                }
            }
        }
    }

    /// A line that is made may be a definition too. `put_in` is what has just been put in.
    fn define(&mut self, physical: u32, line: &Rewritten, put_in: Option<String>) -> bool {
        let Some((name, value)) = definition_in(line.text()) else {
            return false;
        };
        self.inserted_bytes += value.len();
        self.definitions
            .insert(name.to_owned(), Rc::from([value.trim_end().to_owned()]));
        // keepalived 2.2 reads it, 2.4 does not; this does.
        if let Some(outer) = put_in {
            let span = Self::span(physical, line, &(0..line.text().len()));
            let message = format!("'{name}' is defined in the first line of '{outer}'");
            let finding = Finding::new(Code::InvalidDefinition, span, message);
            self.findings.push(finding.help(
                "versions of keepalived differ here: put the definition further down in the other one",
            ));
        }
        true
    }

    /// The first thing to be replaced in a line, and what replaces it.
    fn substitution(
        &mut self,
        physical: u32,
        line: &Rewritten,
        values: &Values,
    ) -> Result<Option<Substitution>, Unusable> {
        if let Some(substitution) = self.number_of_sequence(line, values) {
            return Ok(Some(substitution));
        }
        match repetition::first(line.text()) {
            None => {}
            Some(Ok(repetition)) => {
                let range = line.text().len() - line.text().trim_start().len()..line.text().len();
                let what = Replacement::Repetition(repetition);
                return Ok(Some(Substitution { range, what }));
            }
            Some(Err(fault)) => {
                let span = Self::span(physical, line, &fault.range);
                let finding = Finding::new(fault.code, span, fault.why);
                let finding = finding.expected(fault.expected).maybe_help(fault.help);
                return Err(self.skip_line(finding, line, fault.rest));
            }
        }
        for (range, name) in references(line.text()) {
            let lines = match self.lookup(name, values) {
                Lookup::Found(lines) => lines,
                Lookup::Invalid(why) => {
                    let span = Self::span(physical, line, &range);
                    let finding = Finding::new(Code::InvalidDefinition, span, why);
                    return Err(self.skip_line(finding, line, 0..line.text().len()));
                }
                Lookup::Empty(why) => {
                    let span = Self::span(physical, line, &range);
                    self.findings
                        .push(Finding::new(Code::InvalidDefinition, span, why));
                    Rc::new([])
                }
                Lookup::Undefined => continue,
            };
            if matches!(name, "_HASH" | "_BANG") && begins_a_word(&line.text()[..range.start]) {
                let range = range.start..line.text().len();
                let what = Replacement::Comment;
                return Ok(Some(Substitution { range, what }));
            }
            // keepalived: a definition of several lines counts only at the end of a line.
            let at_end = line.text()[range.end..].trim().is_empty();
            if lines.len() <= 1 || at_end {
                let name = name.to_owned();
                let what = Replacement::Definition { name, lines };
                return Ok(Some(Substitution { range, what }));
            }
        }
        Ok(None)
    }

    /// A definition among the numbers of the `~SEQ` that a line begins with (keepalived: only there; the values of a
    /// `~LST` are put in as they are).
    fn number_of_sequence(&mut self, line: &Rewritten, values: &Values) -> Option<Substitution> {
        let numbers = repetition::numbers_of_sequence(line.text())?;
        for (range, name) in references(line.text()) {
            let is_number = numbers.start <= range.start && range.end <= numbers.end;
            if let (true, Lookup::Found(lines)) = (is_number, self.lookup(name, values))
                && lines.len() == 1
            {
                let name = name.to_owned();
                let what = Replacement::Definition { name, lines };
                return Some(Substitution { range, what });
            }
        }
        None
    }

    /// Says what is wrong with a line that is not read, and keeps the braces in its part `rest`: the block that it opens
    /// is skipped too. Nothing else is said about the line.
    fn skip_line(&mut self, finding: Finding, line: &Rewritten, rest: Range<usize>) -> Unusable {
        self.findings.push_only(finding);
        Unusable::Line(braces_of(line, rest))
    }

    /// What a name stands for.
    pub(super) fn lookup(&mut self, name: &str, values: &Values) -> Lookup {
        if let Some(lines) = Value::of(values, name).or_else(|| self.definitions.get(name).cloned())
        {
            return Lookup::Found(lines);
        }
        match self.built_in(name) {
            None => Lookup::Undefined,
            Some(Ok(value)) => Lookup::Found(Rc::from([value])),
            // keepalived: an environment variable that is not there is empty.
            Some(Err(why)) if name.starts_with("_ENV") => Lookup::Empty(why),
            Some(Err(why)) => Lookup::Invalid(why),
        }
    }
}

/// What a name stands for.
pub(super) enum Lookup {
    /// A definition of the file, a value of a repetition, or what is always there.
    Found(Rc<[String]>),
    /// Nothing, and this is why.
    Empty(String),
    /// Its arguments are wrong.
    Invalid(String),
    Undefined,
}

/// Why there is no line to be read.
enum Unusable {
    /// It is at fault; these are its braces.
    Line(Rewritten),
    /// A limit was met.
    Everything,
}

impl Replacement {
    /// Of the definition, if it is one.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Definition { name, .. } => Some(name),
            Self::Repetition(_) | Self::Comment => None,
        }
    }
}

/// A line with nothing but the braces that the part `rest` of another one opens and closes.
pub(super) fn braces_of(line: &Rewritten, rest: Range<usize>) -> Rewritten {
    let (closed, open) = unmatched_braces(line.text().get(rest).unwrap_or_default());
    let mut braces = "}".repeat(closed);
    for _ in 0..open {
        // No block has this keyword, so nothing in the block is read.
        braces.push_str(" ~ {");
    }
    let source = line.source(&(0..line.text().len()));
    Rewritten::replacement(&braces, source)
}

fn with_values(outer: &Values, values: Vec<(String, String)>) -> Values {
    values
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
