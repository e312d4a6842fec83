//! `~SEQ(var, [start,] [step,] end) rest`, `~SEQx(…) rest` and `~LST(var, value, …) rest`: the rest of the line once for
//! each value.

use std::ops::Range;

use super::text::references;

/// Most lines that one `~SEQ` makes.
const MAX_REPETITIONS: i64 = 100_000;

/// A part of the line and the lines that replace it, or why it cannot be read.
type Outcome = Result<(Range<usize>, Vec<Repeated>), (Range<usize>, String)>;

/// One repetition of the rest of a line.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Repeated {
    pub(super) text: String,
    /// Names and their values, which count in definitions of several lines that the text ends with, too.
    pub(super) values: Vec<(String, String)>,
}

impl Repeated {
    fn new(rest: &str, values: Vec<(String, String)>) -> Self {
        let text = values.iter().fold(rest.to_owned(), |text, (name, value)| {
            with_value(&text, name, value)
        });
        Self { text, values }
    }
}

/// The first repetition in a line, carried out. It reaches to the end of the line.
pub(super) fn first(text: &str) -> Option<Outcome> {
    let (start, keyword) = ["~SEQ(", "~SEQx(", "~LST("]
        .into_iter()
        .filter_map(|keyword| Some((text.find(keyword)?, keyword)))
        .min_by_key(|&(start, _)| start)?;
    let open = start + keyword.len();
    let Some(close) = text[open..].find(')').map(|at| open + at) else {
        let why = format!("'{keyword}' without a ')'");
        return Some(Err((start..text.len(), why)));
    };
    let (arguments, rest) = (&text[open..close], text[close + 1..].trim_start());
    let lines = match keyword {
        "~LST(" => list(arguments, rest),
        "~SEQx(" => sequence(arguments, rest, |n| format!("{n:x}")),
        _ => sequence(arguments, rest, |n| n.to_string()),
    };
    Some(match lines {
        Ok(lines) => Ok((start..text.len(), lines)),
        Err(why) => Err((start..text.len(), why)),
    })
}

fn sequence(arguments: &str, rest: &str, show: fn(i64) -> String) -> Result<Vec<Repeated>, String> {
    let mut words = arguments.split(',').map(str::trim);
    let name = words.next().unwrap_or_default();
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
    Ok((0..count)
        .map(|n| Repeated::new(rest, vec![(name.to_owned(), show(start + n * step))]))
        .collect())
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
        // Far from where a difference would overflow.
        Ok(value) if value.unsigned_abs() < 1 << 40 => Ok(sign * value),
        _ => Err(format!("'{word}' is no number for ~SEQ")),
    }
}

fn list(arguments: &str, rest: &str) -> Result<Vec<Repeated>, String> {
    let mut values = tuples(arguments).into_iter();
    let names = values.next().unwrap_or_default();
    values
        .map(|values| {
            if values.len() > names.len() {
                return Err(format!(
                    "~LST has {} names and {} values",
                    names.len(),
                    values.len()
                ));
            }
            // keepalived: a member that is missing is empty.
            let values = values.into_iter().chain(std::iter::repeat(String::new()));
            Ok(Repeated::new(
                rest,
                names.iter().cloned().zip(values).collect(),
            ))
        })
        .collect()
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
