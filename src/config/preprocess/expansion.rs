//! Puts definitions and repetitions into a line, until neither is left.

use std::ops::Range;
use std::rc::Rc;

use super::text::references;
use super::{Preprocessor, repetition};
use crate::config::diagnostic::{Code, Finding};
use crate::config::lines::{MAX_LINE_BYTES, Rewritten, Span};

/// Bytes that definitions and repetitions may put in.
const MAX_INSERTED_BYTES: usize = 64 << 20;
/// Substitutions that one line of a file may cause.
const MAX_SUBSTITUTIONS: usize = 100_000;
/// Substitutions in one line of the result.
const MAX_SUBSTITUTIONS_IN_A_LINE: usize = 1000;
/// Definitions of several lines that use one another.
const MAX_EXPANSION_DEPTH: usize = 64;
/// Longest line with definitions put in.
const MAX_EXPANDED_LINE: usize = 16 * MAX_LINE_BYTES;

/// Something to be replaced in a line.
struct Substitution {
    range: Range<usize>,
    /// The first takes the place of `range`, the others follow the line.
    lines: Rc<[String]>,
    /// The definition, if it is one.
    name: Option<String>,
}

/// A line that still has definitions in it.
struct Pending {
    line: Rewritten,
    inside: Option<Rc<Expansion>>,
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
        let mut pending = vec![Pending { line, inside: None }];
        let mut budget = MAX_SUBSTITUTIONS;
        while let Some(next) = pending.pop() {
            let Some(line) = self.substitute_all(physical, next, &mut pending, &mut budget) else {
                return;
            };
            self.complain_of_pending_definitions(physical, &line);
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
        Pending { mut line, inside }: Pending,
        pending: &mut Vec<Pending>,
        budget: &mut usize,
    ) -> Option<Rewritten> {
        let mut in_this_line = 0;
        while let Some(Substitution { range, lines, name }) = self.substitution(physical, &line) {
            in_this_line += 1;
            *budget = budget.saturating_sub(1);
            self.inserted_bytes += lines.iter().map(String::len).sum::<usize>();
            let depth = Expansion::depth(inside.as_ref(), name.as_deref());
            if depth.is_none_or(|depth| depth > MAX_EXPANSION_DEPTH)
                || in_this_line > MAX_SUBSTITUTIONS_IN_A_LINE
                || *budget == 0
                || self.inserted_bytes > MAX_INSERTED_BYTES
                || line.text().len() > MAX_EXPANDED_LINE
            {
                let whole = Span::new(physical, 0..line.source(&range).end as usize);
                self.limit(whole, "the definitions in this line never end".to_owned());
                return None;
            }
            let source = line.source(&range);
            let (first, further) = lines
                .split_first()
                .map_or(("", &[][..]), |(first, further)| (first.as_str(), further));
            line = line.replaced(&range, first);
            let inside = match name {
                Some(name) if !further.is_empty() => Some(Rc::new(Expansion {
                    name,
                    depth: depth.unwrap_or_default(),
                    outer: inside.clone(),
                })),
                _ => inside.clone(),
            };
            pending.extend(further.iter().rev().map(|text| Pending {
                line: Rewritten::replacement(text, source.clone()),
                inside: inside.clone(),
            }));
        }
        Some(line)
    }

    fn complain_of_pending_definitions(&mut self, physical: u32, line: &Rewritten) {
        for name in ["${_RANDOM", "${_ENV"] {
            if let Some(start) = line.text().find(name) {
                let span = Self::span(physical, line, &(start..start + name.len()));
                let message = format!("'{name}}}' is understood, but not carried out yet");
                self.findings
                    .push(Finding::new(Code::NotCarriedOut, span, message));
            }
        }
    }

    /// The first thing to be replaced in a line, and the lines that replace it.
    fn substitution(&mut self, physical: u32, line: &Rewritten) -> Option<Substitution> {
        match repetition::first(line.text()) {
            None => {}
            Some(Ok((range, lines))) => {
                return Some(Substitution {
                    range,
                    lines: lines.into(),
                    name: None,
                });
            }
            Some(Err((range, why))) => {
                let span = Self::span(physical, line, &range);
                self.findings
                    .push(Finding::new(Code::InvalidDefinition, span, why));
                return Some(Substitution {
                    range,
                    lines: Rc::new([]),
                    name: None,
                });
            }
        }
        references(line.text()).find_map(|(range, name)| {
            let lines = self.value_of(name)?;
            // keepalived: a definition of several lines counts only at the end of a line.
            let at_end = line.text()[range.end..].trim().is_empty();
            (lines.len() == 1 || at_end).then(|| Substitution {
                range,
                lines,
                name: Some(name.to_owned()),
            })
        })
    }

    /// A definition of the file or one of those that are always there.
    fn value_of(&self, name: &str) -> Option<Rc<[String]>> {
        if let Some(lines) = self.definitions.get(name) {
            return Some(Rc::clone(lines));
        }
        let built_in = match name {
            "_PWD" => {
                let file = self.lines.file(*self.open_files.last()?)?;
                file.canonical.parent()?.display().to_string()
            }
            "_INSTANCE" => self.config_id.to_owned(),
            "_HASH" => "#".to_owned(),
            "_BANG" => "!".to_owned(),
            _ => return None,
        };
        Some(Rc::new([built_in]))
    }
}
