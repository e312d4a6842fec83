//! `virtual_server_group NAME { }`: several addresses that are one service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding};
use super::keyword::{Arguments, Shape, Spanned};
use super::lexer::{self, Number, Word};
use super::tree::Statement;

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VirtualServerGroup {
    pub name: String,
    pub entries: Vec<GroupEntry>,
}

/// A line of a group.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum GroupEntry {
    /// Every address from `first` to `last`, which are of one family.
    Addresses {
        first: IpAddr,
        last: IpAddr,
        /// 0: all ports.
        port: u16,
    },
    Fwmark {
        mark: u32,
        family: Option<IpFamily>,
    },
}

/// `inet` or `inet6`
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum IpFamily {
    Inet,
    Inet6,
}

impl IpFamily {
    pub(crate) fn from_keyword(word: &str) -> Option<Self> {
        match word {
            "inet" => Some(Self::Inet),
            "inet6" => Some(Self::Inet6),
            _ => None,
        }
    }
}

const PORT: Shape = Shape::strict(0, 65_535);
const MARK: Shape = Shape::strict(1, u32::MAX as i64);

/// The whole block.
pub(crate) fn read(arguments: &mut Arguments<'_>) -> Result<Spanned<VirtualServerGroup>, Finding> {
    let name = arguments.text()?;
    let mut entries = Vec::new();
    for statement in arguments.block() {
        match entry(statement) {
            Ok(entry) => entries.push(entry),
            Err(finding) => arguments.complain(finding),
        }
    }
    Ok(Spanned {
        value: VirtualServerGroup {
            name: name.value,
            entries,
        },
        span: name.span,
    })
}

fn entry(statement: &Statement<'_>) -> Result<GroupEntry, Finding> {
    let first = statement.first();
    let rest = statement.arguments();
    let (entry, used) = if first.text == "fwmark" {
        let mark = rest.first().ok_or_else(|| {
            Finding::new(
                Code::InvalidValue,
                first.span,
                "'fwmark' is missing a number",
            )
        })?;
        let mark = number(*mark, &MARK)?;
        let family = rest.get(1).map(|word| family(*word)).transpose()?;
        (GroupEntry::Fwmark { mark, family }, 2)
    } else {
        let (first, last) = range(first)?;
        let port = rest.first().map(|word| number(*word, &PORT)).transpose()?;
        let port = port.unwrap_or(0);
        (GroupEntry::Addresses { first, last, port }, 1)
    };
    match rest.get(used) {
        None => Ok(entry),
        Some(extra) => {
            let message = format!("'{}' does not belong to this entry", extra.text);
            Err(Finding::new(Code::ExtraWords, extra.span, message))
        }
    }
}

fn number<T: TryFrom<i64>>(word: Word<'_>, shape: &Shape) -> Result<T, Finding> {
    let Shape::Number { min, max, .. } = *shape else {
        return Err(invalid(word));
    };
    let Number::Whole(number) = lexer::integer(word.text) else {
        return Err(invalid(word).expected(shape.expected()));
    };
    let value = T::try_from(number).ok();
    let value = value.filter(|_| (min..=max).contains(&number));
    value.ok_or_else(|| {
        let message = format!("'{}' is out of range", word.text);
        Finding::new(Code::OutOfRange, word.span, message).expected(shape.expected())
    })
}

fn family(word: Word<'_>) -> Result<IpFamily, Finding> {
    IpFamily::from_keyword(word.text).ok_or_else(|| invalid(word).expected("inet or inet6"))
}

/// `ADDRESS`, `ADDRESS-LAST` where only the last number differs, or `ADDRESS/PREFIX`.
fn range(word: Word<'_>) -> Result<(IpAddr, IpAddr), Finding> {
    let (address, end) = match word.text.split_once(['-', '/']) {
        Some((address, end)) => (address, Some(end)),
        None => (word.text, None),
    };
    let wrong = || invalid(word).expected("ADDRESS, ADDRESS-LAST or ADDRESS/PREFIX");
    let first: IpAddr = address.parse().map_err(|_| wrong())?;
    let Some(end) = end else {
        return Ok((first, first));
    };
    let is_prefix = word.text.contains('/');
    let last = match first {
        IpAddr::V4(first) if is_prefix => last_of_v4(first, end),
        IpAddr::V6(first) if is_prefix => last_of_v6(first, end),
        IpAddr::V4(first) => {
            let [a, b, c, _] = first.octets();
            let last = end.parse().ok();
            last.map(|last| IpAddr::V4(Ipv4Addr::new(a, b, c, last)))
        }
        IpAddr::V6(first) => u16::from_str_radix(end, 16).ok().map(|last| {
            let mut segments = first.segments();
            segments[7] = last;
            IpAddr::V6(Ipv6Addr::from(segments))
        }),
    };
    let last = last.ok_or_else(wrong)?;
    if last < first {
        let message = format!("the range '{}' ends before it begins", word.text);
        return Err(Finding::new(Code::OutOfRange, word.span, message));
    }
    Ok((first, last))
}

fn last_of_v4(first: Ipv4Addr, prefix: &str) -> Option<IpAddr> {
    let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    let host_bits = u32::MAX.checked_shr(prefix).unwrap_or(0);
    Some(IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() | host_bits)))
}

fn last_of_v6(first: Ipv6Addr, prefix: &str) -> Option<IpAddr> {
    let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 128)?;
    let host_bits = u128::MAX.checked_shr(prefix).unwrap_or(0);
    Some(IpAddr::V6(Ipv6Addr::from_bits(first.to_bits() | host_bits)))
}

fn invalid(word: Word<'_>) -> Finding {
    let message = format!("invalid entry '{}' of a virtual server group", word.text);
    Finding::new(Code::InvalidValue, word.span, message)
}
