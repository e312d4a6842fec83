//! `~SEQ(var, [start,] [step,] end) rest`, `~SEQx(…) rest` and `~LST(var, value, …) rest`: the rest of the line once for
//! each value.

use std::num::IntErrorKind;
use std::ops::Range;

use super::text::{name_length, references};
use crate::config::diagnostic::{Code, nearest};

/// Most lines that one `~SEQ` makes.
const MAX_REPETITIONS: i64 = 100_000;

/// Largest number of a `~SEQ`: far from where a difference would overflow.
const MAX_NUMBER: i64 = (1 << 40) - 1;

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
    pub(super) code: Code,
    pub(super) why: String,
    /// How it is written, or how much of it is possible.
    pub(super) expected: String,
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
    let fault = |range: Range<usize>, wrong: Wrong, rest| Fault {
        range,
        code: wrong.code(),
        expected: wrong.expected(expected),
        help: wrong.help(),
        why: wrong.why(),
        rest,
    };
    let Some(open) = text[start..].find('(').map(|at| start + at) else {
        let why = format!("'{}' without a '('", first_word(&text[start..]));
        return Some(Err(fault(whole, why.into(), text.len()..text.len())));
    };
    let keyword = text[start..open].trim_end();
    let show: fn(i64) -> String = match keyword {
        "~SEQ" | "~LST" => |n| n.to_string(),
        "~SEQx" => |n| format!("{n:x}"),
        _ => {
            let range = start..start + keyword.len();
            let why = format!("there is no repetition '{keyword}'");
            let fault = fault(range, why.into(), open..text.len());
            let help = meant(keyword).map(|meant| format!("did you mean '{meant}'?"));
            return Some(Err(Fault { help, ..fault }));
        }
    };
    let Some(close) = text[open..].find(')').map(|at| open + at) else {
        let why = format!("'{keyword}(' without a ')'");
        return Some(Err(fault(whole, why.into(), open..text.len())));
    };
    let arguments = &text[open + 1..close];
    let values = if is_sequence {
        sequence(arguments, show)
    } else {
        list(arguments).map_err(Wrong::Form)
    };
    Some(match values {
        Ok(values) => Ok(Repetition {
            rest: text[close + 1..].trim_start().to_owned(),
            values,
        }),
        Err(wrong) => Err(fault(start..close + 1, wrong, close + 1..text.len())),
    })
}

/// Where the numbers of the `~SEQ` that a line begins with stand.
pub(super) fn numbers_of_sequence(text: &str) -> Option<Range<usize>> {
    let start = text.len() - text.trim_start().len();
    let arguments = text[start..]
        .strip_prefix("~SEQ")?
        .strip_prefix(['(', 'x', ' '])?;
    let comma = text.len() - arguments.split_once(',')?.1.len();
    let close = comma + text[comma..].find(')')?;
    Some(comma..close)
}

/// What is wrong with the brackets of a repetition.
#[derive(Debug)]
enum Wrong {
    /// It is not written as it should be; why.
    Form(String),
    /// So many lines.
    TooMany(i64),
    /// This number is beyond anything that could be repeated.
    TooLarge(String),
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::Form(why)
    }
}

impl Wrong {
    fn code(&self) -> Code {
        match self {
            Self::Form(_) => Code::InvalidDefinition,
            Self::TooMany(_) | Self::TooLarge(_) => Code::TooLarge,
        }
    }

    /// `form` is how it is written.
    fn expected(&self, form: &str) -> String {
        match self {
            Self::Form(_) => form.to_owned(),
            Self::TooMany(_) => format!("at most {MAX_REPETITIONS} lines"),
            Self::TooLarge(_) => format!("numbers from -{MAX_NUMBER} to {MAX_NUMBER}"),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Form(_) => None,
            Self::TooMany(_) | Self::TooLarge(_) => {
                Some("nothing is made of this line: use a smaller END, or a larger STEP".to_owned())
            }
        }
    }

    fn why(self) -> String {
        match self {
            Self::Form(why) => why,
            Self::TooMany(count) => format!("this ~SEQ would make {count} lines"),
            Self::TooLarge(number) => format!("{number} is too large for ~SEQ"),
        }
    }
}

/// No keyword begins with `~`, so a word that is like a repetition's and has a bracket was meant as one.
fn misspelt(text: &str, start: usize) -> Option<Fault> {
    let open = start + text[start..].strip_prefix('~')?.find('(')? + 1;
    let keyword = text[start..open].trim_end();
    let meant = meant(keyword)?;
    Some(Fault {
        range: start..start + keyword.len(),
        code: Code::InvalidDefinition,
        why: format!("there is no repetition '{keyword}'"),
        expected: if meant == "~LST" {
            LIST_HELP.to_owned()
        } else {
            SEQUENCE_HELP.to_owned()
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

fn sequence(arguments: &str, show: fn(i64) -> String) -> Result<Values, Wrong> {
    let mut words = arguments.split(',').map(str::trim);
    let name = words.next().unwrap_or_default();
    check_name(name)?;
    let numbers: Vec<i64> = words.map(number).collect::<Result<_, _>>()?;
    let (start, step, end) = match numbers[..] {
        [end] => (1, None, end),
        [start, end] => (start, None, end),
        [start, step, end] => (start, Some(step), end),
        _ => {
            let why = "~SEQ takes a name and one to three numbers";
            return Err(Wrong::Form(why.to_owned()));
        }
    };
    let step = step.unwrap_or(if end < start { -1 } else { 1 });
    if step == 0 || (end - start).signum() * step.signum() < 0 {
        let why = format!("~SEQ does not come from {start} to {end} in steps of {step}");
        return Err(Wrong::Form(why));
    }
    let count = (end - start) / step + 1;
    if count > MAX_REPETITIONS {
        return Err(Wrong::TooMany(count));
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

fn number(word: &str) -> Result<i64, Wrong> {
    let (digits, sign) = match word.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (word, 1),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    // A sign of its own behind the first one, or behind `0x`.
    if digits.contains(['-', '+']) {
        return Err(Wrong::Form(format!("'{word}' is no number for ~SEQ")));
    }
    match value {
        Ok(value) if value <= MAX_NUMBER => Ok(sign * value),
        Ok(_) => Err(Wrong::TooLarge(word.to_owned())),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
            Err(Wrong::TooLarge(word.to_owned()))
        }
        Err(_) => Err(Wrong::Form(format!("'{word}' is no number for ~SEQ"))),
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
