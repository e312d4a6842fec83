//! An entry of a list of addresses, routes or rules: options in any order, many with a value.

use std::net::IpAddr;

use super::diagnostic::{Code, Finding};
use super::iproute_names::{IprouteNames, NameKind};
use super::lexer::Word;
use super::tree::Statement;
use crate::types::{AddressFamily, InterfaceName, IpPrefix};

/// Where an entry stands, which decides on some of its options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EntryList {
    /// Of an instance: there while it is MASTER.
    Virtual,
    /// Of this node: there while the program runs.
    Static,
}

/// The words of an entry, read one after the other.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    words: Vec<Word<'a>>,
    next: usize,
}

impl<'a> Entry<'a> {
    pub(crate) fn of(statement: &Statement<'a>) -> Self {
        Self {
            words: statement.words().collect(),
            next: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Word<'a>> {
        let word = self.peek();
        self.next += usize::from(word.is_some());
        word
    }

    pub(crate) fn peek(&self) -> Option<Word<'a>> {
        self.words.get(self.next).copied()
    }

    /// Goes past the next word if it is `text`.
    pub(crate) fn skip(&mut self, text: &str) -> bool {
        let is_there = self.peek().is_some_and(|word| word.text == text);
        self.next += usize::from(is_there);
        is_there
    }

    /// The word behind `option`, which must be there.
    pub(crate) fn value(&mut self, option: Word<'_>) -> Result<Word<'a>, Finding> {
        self.next().ok_or_else(|| {
            let message = format!("'{}' is missing a value", option.text);
            Finding::new(Code::MissingParameter, option.span, message)
        })
    }
}

/// A number as `ip` reads it: decimal, or hexadecimal behind `0x`.
pub(crate) fn unsigned(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// A number from `min` to `max`; `what` is the option.
pub(crate) fn number<T: TryFrom<u64>>(
    word: Word<'_>,
    what: &str,
    min: u64,
    max: u64,
) -> Result<T, Finding> {
    let expected = format!("a number from {min} to {max}");
    let Some(number) = unsigned(word.text) else {
        let message = format!("invalid {what} '{}'", word.text);
        return Err(Finding::new(Code::InvalidValue, word.span, message).expected(expected));
    };
    Some(number)
        .filter(|number| (min..=max).contains(number))
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| {
            let message = format!("{what} {} is out of range", word.text);
            Finding::new(Code::OutOfRange, word.span, message).expected(expected)
        })
}

/// A number that `/etc/iproute2` may have a name for.
pub(crate) fn named(
    word: Word<'_>,
    what: &str,
    kind: NameKind,
    names: &IprouteNames,
) -> Result<u32, Finding> {
    names.number(kind, word.text).ok_or_else(|| {
        let message = format!("unknown {what} '{}'", word.text);
        Finding::new(Code::InvalidValue, word.span, message).expected(format!(
            "a number up to {} or a name of {}",
            kind.most(),
            kind.file()
        ))
    })
}

pub(crate) fn interface(word: Word<'_>) -> Result<InterfaceName, Finding> {
    InterfaceName::new(word.text)
        .map_err(|error| Finding::new(Code::InvalidValue, word.span, error.to_string()))
}

pub(crate) fn address(word: Word<'_>, what: &str) -> Result<IpAddr, Finding> {
    word.text.parse().map_err(|_| {
        let message = format!("invalid {what} '{}'", word.text);
        Finding::new(Code::InvalidValue, word.span, message).expected("an IP address")
    })
}

/// `ADDRESS[/PREFIX]`. A prefix length that is none is a complaint beside the value, in which the
/// address counts alone (keepalived: `Invalid address prefix len … - using 32`).
pub(crate) fn prefix(word: Word<'_>) -> Result<(IpPrefix, Option<Finding>), Finding> {
    let (address, prefix_len) = match word.text.split_once('/') {
        Some((address, prefix_len)) => (address, Some(prefix_len)),
        None => (word.text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        let message = format!("invalid IP address '{}'; the entry is not used", word.text);
        return Err(Finding::new(Code::InvalidValue, word.span, message)
            .expected("ADDRESS or ADDRESS/PREFIX"));
    };
    let most = AddressFamily::of(address).host_prefix_len();
    let (prefix_len, finding) = match prefix_len.map(str::parse::<u8>) {
        None => (most, None),
        Some(Ok(prefix_len)) if prefix_len <= most => (prefix_len, None),
        Some(_) => {
            let message = format!("invalid prefix length in '{}'; {most} is used", word.text);
            let finding = Finding::new(Code::OutOfRange, word.span, message)
                .expected(format!("a prefix length from 0 to {most}"));
            (most, Some(finding))
        }
    };
    let prefix = IpPrefix {
        address,
        prefix_len,
    };
    Ok((prefix, finding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(unsigned("10"), Some(10));
        assert_eq!(unsigned("0x10"), Some(16));
        for text in ["", "-1", "+1", "0x", "0x+1", "1x", "ten"] {
            assert_eq!(unsigned(text), None, "{text}");
        }
    }
}
