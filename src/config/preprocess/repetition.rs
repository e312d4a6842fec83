//! `~SEQ(var, [start,] [step,] end) rest`, `~SEQx(…) rest` and `~LST(var, value, …) rest`: the rest of the line once for
//! each value.

use std::ops::Range;

use super::text::{name_length, references};
use crate::config::diagnostic::nearest;

/// Most lines that one `~SEQ` makes.
const MAX_REPETITIONS: i64 = 100_000;

/// How each kind is written.
const SEQUENCE_HELP: &str = "~SEQ(NAME, [START, [STEP,]] END) TEXT";
const LIST_HELP: &str = "~LST(NAME, VALUE, …) TEXT or ~LST({NAME, …}, {VALUE, …}, …) TEXT";
const KEYWORDS: [&str; 3] = ["~SEQ", "~SEQx", "~LST"];

/// The rest of a line once for each value. Lines are made one by one, so that many of them take no memory.
#[derive(Clone, Debug)]
pub(super) struct Repetition {
    rest: String,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Sequence {
        name: String,
        next: i64,
        step: i64,
        left: i64,
        show: fn(i64) -> String,
    },
    List {
        names: Vec<String>,
        tuples: std::vec::IntoIter<Vec<String>>,
    },
}

/// One repetition of the rest of a line.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Repeated {
    pub(super) text: String,
    /// Names and their values, which count in definitions of several lines that the text ends with, too.
    pub(super) values: Vec<(String, String)>,
}

impl Iterator for Repetition {
    type Item = Repeated;

    fn next(&mut self) -> Option<Repeated> {
        let values: Vec<(String, String)> = match &mut self.values {
            Values::Sequence { left: 0, .. } => return None,
            Values::Sequence {
                name,
                next,
                step,
                left,
                show,
            } => {
                let value = show(*next);
                *next += *step;
                *left -= 1;
                vec![(name.clone(), value)]
            }
            Values::List { names, tuples } => {
                // keepalived: a member that is missing is empty.
                let members = tuples
                    .next()?
                    .into_iter()
                    .chain(std::iter::repeat(String::new()));
                names.iter().cloned().zip(members).collect()
            }
        };
        let text = values
            .iter()
            .fold(self.rest.clone(), |text, (name, value)| {
                with_value(&text, name, value)
            });
        Some(Repeated { text, values })
    }
}

/// A repetition that cannot be read.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Fault {
    /// The bytes of the line that are wrong.
    pub(super) range: Range<usize>,
    pub(super) why: String,
    /// How it is written.
    pub(super) expected: &'static str,
    pub(super) help: Option<String>,
    /// What the line would have repeated.
    pub(super) rest: Range<usize>,
}

/// The repetition that a line begins with. It reaches to the end of the line (keepalived: only there; in the middle
/// of a line these are words like others).
pub(super) fn first(text: &str) -> Option<Result<Repetition, Fault>> {
    let start = text.len() - text.trim_start().len();
    let is_sequence = text[start..].starts_with("~SEQ");
    if !is_sequence && !text[start..].starts_with("~LST") {
        return misspelt(text, start).map(Err);
    }
    let expected = if is_sequence {
        SEQUENCE_HELP
    } else {
        LIST_HELP
    };
    let whole = start..text.trim_end().len();
    let fault = |range: Range<usize>, why: String, rest| Fault {
        range,
        why,
        expected,
        help: None,
        rest,
    };
    let Some(open) = text[start..].find('(').map(|at| start + at) else {
        let why = format!("'{}' without a '('", first_word(&text[start..]));
        return Some(Err(fault(whole, why, text.len()..text.len())));
    };
    let keyword = text[start..open].trim_end();
    let show: fn(i64) -> String = match keyword {
        "~SEQ" | "~LST" => |n| n.to_string(),
        "~SEQx" => |n| format!("{n:x}"),
        _ => {
            let range = start..start + keyword.len();
            let why = format!("there is no repetition '{keyword}'");
            let fault = fault(range, why, open..text.len());
            let help = meant(keyword).map(|meant| format!("did you mean '{meant}'?"));
            return Some(Err(Fault { help, ..fault }));
        }
    };
    let Some(close) = text[open..].find(')').map(|at| open + at) else {
        let why = format!("'{keyword}(' without a ')'");
        return Some(Err(fault(whole, why, open..text.len())));
    };
    let arguments = &text[open + 1..close];
    let values = if is_sequence {
        sequence(arguments, show)
    } else {
        list(arguments)
    };
    Some(match values {
        Ok(values) => Ok(Repetition {
            rest: text[close + 1..].trim_start().to_owned(),
            values,
        }),
        Err(why) => Err(fault(start..close + 1, why, close + 1..text.len())),
    })
}

/// No keyword begins with `~`, so a word that is like a repetition's and has a bracket was meant as one.
fn misspelt(text: &str, start: usize) -> Option<Fault> {
    let open = start + text[start..].strip_prefix('~')?.find('(')? + 1;
    let keyword = text[start..open].trim_end();
    let meant = meant(keyword)?;
    Some(Fault {
        range: start..start + keyword.len(),
        why: format!("there is no repetition '{keyword}'"),
        expected: if meant == "~LST" {
            LIST_HELP
        } else {
            SEQUENCE_HELP
        },
        help: Some(format!("did you mean '{meant}'?")),
        rest: open..text.len(),
    })
}

fn meant(keyword: &str) -> Option<&'static str> {
    nearest(keyword, KEYWORDS)
}

fn first_word(text: &str) -> &str {
    text.split_ascii_whitespace().next().unwrap_or_default()
}

fn sequence(arguments: &str, show: fn(i64) -> String) -> Result<Values, String> {
    let mut words = arguments.split(',').map(str::trim);
    let name = words.next().unwrap_or_default();
    check_name(name)?;
    let numbers: Vec<i64> = words.map(number).collect::<Result<_, _>>()?;
    let (start, step, end) = match numbers[..] {
        [end] => (1, None, end),
        [start, end] => (start, None, end),
        [start, step, end] => (start, Some(step), end),
        _ => return Err("~SEQ takes a name and one to three numbers".to_owned()),
    };
    let step = step.unwrap_or(if end < start { -1 } else { 1 });
    if step == 0 || (end - start).signum() * step.signum() < 0 {
        return Err(format!(
            "~SEQ does not come from {start} to {end} in steps of {step}"
        ));
    }
    let count = (end - start) / step + 1;
    if count > MAX_REPETITIONS {
        return Err(format!(
            "~SEQ of {count} lines, at most {MAX_REPETITIONS} are made"
        ));
    }
    Ok(Values::Sequence {
        name: name.to_owned(),
        next: start,
        step,
        left: count,
        show,
    })
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name_length(name) != name.len() {
        return Err(format!(
            "'{name}' is no name: letters, digits and '_' make one"
        ));
    }
    Ok(())
}

fn number(word: &str) -> Result<i64, String> {
    let (digits, sign) = match word.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (word, 1),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    match value {
        // A sign of its own behind the first one, or behind `0x`.
        Ok(_) if digits.contains(['-', '+']) => Err(format!("'{word}' is no number for ~SEQ")),
        // Far from where a difference would overflow.
        Ok(value) if value.unsigned_abs() < 1 << 40 => Ok(sign * value),
        _ => Err(format!("'{word}' is no number for ~SEQ")),
    }
}

fn list(arguments: &str) -> Result<Values, String> {
    let mut tuples = tuples(arguments).into_iter();
    let names = tuples.next().unwrap_or_default();
    for name in &names {
        check_name(name)?;
    }
    if tuples.as_slice().is_empty() {
        return Err("~LST takes a name and its values".to_owned());
    }
    if let Some(values) = tuples
        .as_slice()
        .iter()
        .find(|values| values.len() > names.len())
    {
        let values = values.len();
        return Err(match names.len() {
            1 => format!("~LST has 1 name, but {values} values for it"),
            names => format!("~LST has {names} names, but {values} values for them"),
        });
    }
    Ok(Values::List { names, tuples })
}

/// `a, {b, c}` is `[[a], [b, c]]`.
fn tuples(arguments: &str) -> Vec<Vec<String>> {
    let mut tuples = Vec::new();
    let mut rest = arguments.trim_start();
    while !rest.is_empty() {
        let (members, after) = match rest.strip_prefix('{') {
            Some(inner) => {
                let (members, after) = inner.split_once('}').unwrap_or((inner, ""));
                (members.split(',').collect(), after.trim_start())
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (vec![&rest[..end]], &rest[end..])
            }
        };
        tuples.push(
            members
                .into_iter()
                .map(|m: &str| m.trim().to_owned())
                .collect(),
        );
        rest = after.strip_prefix(',').unwrap_or("").trim_start();
    }
    tuples
}

/// `rest` with `$name` and `${name}` replaced.
fn with_value(rest: &str, name: &str, value: &str) -> String {
    let mut line = String::with_capacity(rest.len() + value.len());
    let mut from = 0;
    for (range, found) in references(rest) {
        if found == name {
            line.push_str(&rest[from..range.start]);
            line.push_str(value);
            from = range.end;
        }
    }
    line.push_str(&rest[from..]);
    line
}
