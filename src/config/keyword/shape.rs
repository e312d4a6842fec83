//! What a keyword takes, in data: the check, the complaint and the documentation all come from it.

use std::time::Duration;

/// The arguments of a keyword.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// Nothing.
    Flag,
    /// `true|on|yes` or `false|off|no`; nothing means true.
    Bool,
    Number {
        min: i64,
        max: i64,
        garbage: Garbage,
    },
    /// Decimal seconds.
    Seconds {
        min: Duration,
        max: Duration,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One word; what it is.
    Word(&'static str),
    /// At least one word; what they are.
    Words(&'static str),
    /// Any number of words, or none; what they are.
    Optional(&'static str),
    /// An IP address.
    Address,
    Interface,
    /// `"COMMAND ARGUMENT…" [USER [GROUP]]`
    Script,
    /// A block of keywords, whose table this names.
    Block(&'static str),
    /// Words that say what the block is about (these), and then the block.
    Named(&'static str, &'static str),
    /// A block with an entry a line; what an entry is.
    List(&'static str),
    /// A name, and then a block with an entry a line; what an entry is.
    NamedList(&'static str),
}

/// What happens to a number with something behind it, such as `5x`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Garbage {
    /// It is no number.
    Refused,
    /// The number counts, with a complaint (keepalived: `WARNING - invalid number`).
    CutOff,
}

impl Shape {
    /// A number that must be nothing but a number.
    pub(crate) const fn strict(min: i64, max: i64) -> Self {
        Self::Number {
            min,
            max,
            garbage: Garbage::Refused,
        }
    }

    /// A number that keepalived reads as far as it is one.
    pub(crate) const fn number(min: i64, max: i64) -> Self {
        Self::Number {
            min,
            max,
            garbage: Garbage::CutOff,
        }
    }

    /// Decimal seconds, both limits in milliseconds.
    pub(crate) const fn seconds(min_millis: u64, max_millis: u64) -> Self {
        Self::Seconds {
            min: Duration::from_millis(min_millis),
            max: Duration::from_millis(max_millis),
        }
    }

    /// Decimal seconds as far as keepalived's timers reach (32 bits of microseconds).
    pub(crate) const fn any_seconds() -> Self {
        Self::Seconds {
            min: Duration::ZERO,
            max: Duration::from_micros(u32::MAX as u64),
        }
    }

    /// Fewest words behind the keyword.
    pub(crate) fn at_least(&self) -> usize {
        match self {
            Self::Flag | Self::Bool | Self::Optional(_) | Self::Block(_) | Self::List(_) => 0,
            Self::Number { .. }
            | Self::Seconds { .. }
            | Self::Choice(_)
            | Self::Word(_)
            | Self::Words(_)
            | Self::Address
            | Self::Interface
            | Self::Script
            | Self::Named(..)
            | Self::NamedList(_) => 1,
        }
    }

    /// In words, for complaints.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Flag => "nothing behind it".to_owned(),
            Self::Bool => "on, yes, true, off, no or false".to_owned(),
            Self::Number { min, max, .. } => match *max {
                NO_LIMIT => format!("a number from {min}"),
                max => format!("a number from {min} to {max}"),
            },
            Self::Seconds { min, max } => {
                format!(
                    "seconds from {} to {}",
                    min.as_secs_f64(),
                    max.as_secs_f64()
                )
            }
            Self::Choice(words) => match words {
                [first @ .., last] if !first.is_empty() => {
                    format!("{} or {last}", first.join(", "))
                }
                words => words.join(", "),
            },
            Self::Word(what) | Self::Words(what) | Self::Named(what, _) => (*what).to_owned(),
            Self::Optional(what) => format!("{what} or nothing"),
            Self::Address => "an IP address".to_owned(),
            Self::Interface => "an interface".to_owned(),
            Self::Script => "\"COMMAND ARGUMENTS\" [USER [GROUP]]".to_owned(),
            Self::Block(_) => "a block in '{' and '}'".to_owned(),
            Self::List(entry) => format!("'{{', {entry} on each line, '}}'"),
            Self::NamedList(entry) => format!("a name, '{{', {entry} on each line, '}}'"),
        }
    }

    /// In short, for the manual.
    pub(crate) fn arguments(&self) -> String {
        match self {
            Self::Flag => String::new(),
            Self::Bool => "[on|off]".to_owned(),
            Self::Number { .. } => "NUMBER".to_owned(),
            Self::Seconds { .. } => "SECONDS".to_owned(),
            Self::Choice(words) => words.join("|"),
            Self::Word(what) | Self::Words(what) => (*what).to_owned(),
            Self::Optional(what) => format!("{what}, or nothing"),
            Self::Address => "ADDRESS".to_owned(),
            Self::Interface => "INTERFACE".to_owned(),
            Self::Script => "\"COMMAND\" [USER [GROUP]]".to_owned(),
            Self::Block(_) => "{ … }".to_owned(),
            Self::Named(what, _) => format!("{what} {{ … }}"),
            Self::List(entry) => format!("{{ {entry} on each line }}"),
            Self::NamedList(entry) => format!("a name {{ {entry} on each line }}"),
        }
    }

    /// From the smallest value to the largest; empty where there is none.
    pub(crate) fn range(&self) -> String {
        match self {
            Self::Number {
                min, max: NO_LIMIT, ..
            } => format!("from {min}"),
            Self::Number { min, max, .. } => format!("{min} to {max}"),
            Self::Seconds { min, max } => {
                format!("{} to {}", min.as_secs_f64(), max.as_secs_f64())
            }
            _ => String::new(),
        }
    }

    /// What the value counts, where that is in the shape.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Seconds { .. } => "s",
            _ => "",
        }
    }

    /// What the keyword opens; `None`: there is no block behind it.
    pub(crate) fn opens(&self) -> Option<Opens> {
        match self {
            Self::Flag
            | Self::Bool
            | Self::Number { .. }
            | Self::Seconds { .. }
            | Self::Choice(_)
            | Self::Word(_)
            | Self::Words(_)
            | Self::Optional(_)
            | Self::Address
            | Self::Interface
            | Self::Script => None,
            Self::Block(table) | Self::Named(_, table) => Some(Opens::Keywords(table)),
            Self::List(_) | Self::NamedList(_) => Some(Opens::List),
        }
    }
}

/// What a keyword opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opens {
    /// A block of keywords with this table.
    Keywords(&'static str),
    /// A list with an entry a line.
    List,
}

impl Opens {
    /// The table of a block of keywords.
    pub(crate) fn table(self) -> Option<&'static str> {
        match self {
            Self::Keywords(table) => Some(table),
            Self::List => None,
        }
    }
}

/// Upper limit of counts and weights (keepalived: INT_MAX, UINT_MAX); not worth mentioning in a complaint.
pub(crate) const NO_LIMIT: i64 = u32::MAX as i64;
