//! What a single line says: its comment, its condition, the definitions in it.

use std::ops::Range;

use crate::config::lines::{MAX_LINE_BYTES, Rewritten};

/// The bytes between the blanks at both ends of a line that has nothing in it to be removed, put in or decided,
/// which is nearly every line of a long file.
pub(super) fn plain(line: &str) -> Option<Range<usize>> {
    if line.len() >= MAX_LINE_BYTES || line.bytes().any(|byte| SPECIAL[byte as usize]) {
        return None;
    }
    let start = line.len() - line.trim_start_matches(is_blank).len();
    let text = line[start..].trim_end_matches(is_blank);
    let is_carried_out_here = text.starts_with("include") || text.starts_with("random_seed");
    (!is_carried_out_here).then(|| start..start + text.len())
}

/// Bytes that a line cannot have if it is to be read as it is written.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let bytes = b"\0!#$@\\~";
    let mut at = 0;
    while at < bytes.len() {
        special[bytes[at] as usize] = true;
        at += 1;
    }
    special
};

/// Only these are blanks: a no-break space is part of a word.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

/// The line without its comment, `\#` and `\!` without their backslash, and without blanks at both ends
/// (keepalived: decomment; `!` and `#` count outside double quotes even in the middle of a word).
pub(super) fn without_comment(line: &str) -> Rewritten {
    let bytes = line.as_bytes();
    let mut kept = Rewritten::default();
    let (mut quoted, mut from, mut at) = (false, 0, 0);
    let mut end = line.len();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if !quoted && matches!(bytes.get(at + 1), Some(b'#' | b'!')) => {
                kept.push_verbatim(line, from..at);
                from = at + 1;
                at += 1;
            }
            b'\\' => at += 1,
            b'#' | b'!' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
        at += 1;
    }
    kept.push_verbatim(line, from..end);
    let text = kept.text();
    let start = text.len() - text.trim_start_matches(is_blank).len();
    let end = text.trim_end_matches(is_blank).len();
    kept.part(start..end.max(start))
}

/// Whom an `@id` line is for.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Condition<'t> {
    Only(&'t str),
    /// `@^id`
    AllBut(&'t str),
}

impl Condition<'_> {
    pub(super) fn holds(&self, config_id: &str) -> bool {
        match *self {
            Self::Only(id) => id == config_id,
            Self::AllBut(id) => id != config_id,
        }
    }
}

/// The condition at the start of a line and where the rest begins. A blank after the id is required.
pub(super) fn condition(text: &str) -> Option<(Condition<'_>, usize)> {
    let after = text.strip_prefix('@')?;
    let (id, _) = after.split_once([' ', '\t']).unwrap_or((after, ""));
    let rest = text.get(1 + id.len()..)?;
    let from = text.len() - rest.trim_start().len();
    let condition = match id.strip_prefix('^') {
        Some(id) => Condition::AllBut(id),
        None => Condition::Only(id),
    };
    Some((condition, from))
}

/// `$NAME=VALUE` at the start of a line. Blanks before the value are no part of it (keepalived).
pub(super) fn definition_in(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.strip_prefix('$')?.split_once('=')?;
    is_definition_name(name).then(|| (name, value.trim_start_matches(is_blank)))
}

/// What has a `=` as a definition has, and is none.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct AlmostDefinition<'t> {
    /// What would be its name.
    pub(super) name: &'t str,
    /// From the `$` to the `=`.
    pub(super) range: Range<usize>,
    pub(super) why: WhyAlmost,
}

/// Why it is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum WhyAlmost {
    /// `$NAME =`
    Blank,
    /// `${NAME}=`
    Braces,
    /// `$NA-ME=`
    NoName,
}

/// A line that begins with one word, `$` and braces included, and `=`.
pub(super) fn almost_definition(text: &str) -> Option<AlmostDefinition<'_>> {
    let (before, _) = text.strip_prefix('$')?.split_once('=')?;
    let range = 0..before.len() + 2;
    let name = before.trim_matches(is_blank);
    if name.contains(is_blank) {
        return None;
    }
    let inner = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    let (name, why) = match inner {
        Some(inner) if is_definition_name(inner) => (inner, WhyAlmost::Braces),
        None if is_definition_name(name) => (name, WhyAlmost::Blank),
        // What a definition is put in for.
        None if name.starts_with('{') || name.contains([',', ')']) => return None,
        Some(_) | None => (name, WhyAlmost::NoName),
    };
    Some(AlmostDefinition { name, range, why })
}

pub(crate) fn is_definition_name(name: &str) -> bool {
    !name.is_empty() && name_length(name) == name.len()
}

/// Cuts off a `\` at the end, which says that the definition goes on.
pub(super) fn continued(text: &str) -> (&str, bool) {
    match text.strip_suffix('\\') {
        Some(text) => (text, true),
        None => (text, false),
    }
}

/// Bytes of the name that `text` begins with: a letter or `_`, then letters, digits, `_`.
pub(super) fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.bytes()
        .take_while(|&b| b == b'_' || b.is_ascii_alphanumeric())
        .count()
}

/// A `$` with a name behind it.
#[derive(Clone, Debug)]
pub(super) struct Dollar<'t> {
    /// With the `$` and the braces.
    pub(super) range: Range<usize>,
    /// Without; with its arguments, of those that have some.
    pub(super) name: &'t str,
    pub(super) ending: Ending,
}

/// What stands behind a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// Its second brace, or without braces a blank, `,`, `)` or the end of the line.
    There,
    /// Another character: keepalived leaves the name as it is.
    Missing(char),
}

/// Every `${NAME}`, and every `$NAME` whatever follows it.
pub(super) fn dollars(text: &str) -> impl Iterator<Item = Dollar<'_>> {
    text.match_indices('$').filter_map(|(start, _)| {
        let after = &text[start + 1..];
        if let Some(braced) = after.strip_prefix('{') {
            let name = name_length(braced);
            let length = match &braced[..name] {
                "_ENV" | "_RANDOM" => braced.find(['{', '}', '$']).unwrap_or(name),
                _ => name,
            };
            return (length > 0 && braced[length..].starts_with('}')).then(|| Dollar {
                range: start..start + length + 3,
                name: &braced[..length],
                ending: Ending::There,
            });
        }
        let length = name_length(after);
        (length > 0).then(|| Dollar {
            range: start..start + length + 1,
            name: &after[..length],
            ending: match after[length..].chars().next() {
                None | Some(' ' | '\t' | ',' | ')') => Ending::There,
                Some(next) => Ending::Missing(next),
            },
        })
    })
}

/// Those that a definition is put in for, if there is one.
pub(super) fn references(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    dollars(text)
        .filter(|dollar| dollar.ending == Ending::There)
        .map(|dollar| (dollar.range, dollar.name))
}

/// What remains of the braces in a text when those that match are taken out: `}` and `{`, one behind the other.
pub(super) fn unmatched_braces(text: &str) -> (usize, usize) {
    let (mut open, mut closed, mut quoted, mut previous) = (0, 0, false, ' ');
    // Of a `${NAME}`.
    let mut in_reference = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '{' if previous == '$' => in_reference = true,
            '}' if in_reference => in_reference = false,
            '{' if !quoted => open += 1,
            '}' if !quoted && open > 0 => open -= 1,
            '}' if !quoted => closed += 1,
            _ => {}
        }
        previous = c;
    }
    (closed, open)
}
