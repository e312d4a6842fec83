//! Entries of `virtual_ipaddress` and `virtual_ipaddress_excluded` (keepalived: vrrp_ipaddress.c).

use std::net::{IpAddr, Ipv4Addr};

use super::diagnostic::{Code, Finding, nearest};
use super::keyword::{Reader, Spanned};
use super::lexer::Word;
use super::tree::Statement;
use crate::types::{AddressScope, InterfaceName, VirtualAddress};

/// Longest label of an IPv4 address (IFNAMSIZ - 1).
const MAX_LABEL_BYTES: usize = 15;

/// Options that are carried out.
const OPTIONS: [&str; 6] = ["dev", "scope", "brd", "broadcast", "label", "no_track"];
/// Options that are understood and not carried out yet, and whether a value follows.
const PENDING_OPTIONS: [(&str, bool); 9] = [
    ("peer", true),
    ("home", false),
    ("-nodad", false),
    ("mngtmpaddr", false),
    ("noprefixroute", false),
    ("autojoin", false),
    ("preferred_lft", true),
    ("track_group", true),
    ("use_vmac", false),
];

/// All entries of a list.
pub(crate) fn entries(
    statements: &[Statement<'_>],
    reader: &mut Reader,
) -> Vec<Spanned<VirtualAddress>> {
    statements
        .iter()
        .filter_map(|statement| entry(statement, reader))
        .collect()
}

/// `ADDRESS[/PREFIX] [OPTION [VALUE]]…`; `None` with a complaint where the address is none.
fn entry(statement: &Statement<'_>, reader: &mut Reader) -> Option<Spanned<VirtualAddress>> {
    let mut words = statement.words();
    let mut value = address_with_prefix(words.next()?, reader)?;
    while let Some(word) = words.next() {
        if let Err(finding) = option(&mut value, word, &mut words, reader) {
            reader.findings.push(finding);
        }
    }
    Some(Spanned {
        value,
        span: statement.first().span,
    })
}

fn address_with_prefix(word: Word<'_>, reader: &mut Reader) -> Option<VirtualAddress> {
    let (address, prefix) = match word.text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (word.text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        let message = format!("invalid IP address '{}'; the entry is not used", word.text);
        let finding = Finding::new(Code::InvalidValue, word.span, message);
        reader
            .findings
            .push(finding.expected("ADDRESS or ADDRESS/PREFIX"));
        return None;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix_len = match prefix.map(str::parse::<u8>) {
        None => most,
        Some(Ok(prefix)) if prefix <= most => prefix,
        Some(_) => {
            let message = format!("invalid prefix length in '{}'; {most} is used", word.text);
            let finding = Finding::new(Code::OutOfRange, word.span, message);
            reader
                .findings
                .push(finding.expected(format!("a prefix length from 0 to {most}")));
            most
        }
    };
    Some(VirtualAddress::new(address, prefix_len))
}

fn option<'a>(
    value: &mut VirtualAddress,
    word: Word<'a>,
    words: &mut impl Iterator<Item = Word<'a>>,
    reader: &mut Reader,
) -> Result<(), Finding> {
    let mut argument = || {
        words.next().ok_or_else(|| {
            let message = format!("'{}' is missing a value", word.text);
            Finding::new(Code::InvalidValue, word.span, message)
        })
    };
    match word.text {
        "dev" => {
            let name = argument()?;
            let dev = InterfaceName::new(name.text)
                .map_err(|error| Finding::new(Code::InvalidValue, name.span, error.to_string()))?;
            value.dev = Some(dev);
        }
        "scope" => value.scope = scope(value.address, argument()?)?,
        "brd" | "broadcast" => value.broadcast = broadcast(value, argument()?)?,
        "label" => value.label = Some(label(value.address, argument()?)?),
        "no_track" => value.no_track = true,
        text => return other_option(word, text, words, reader),
    }
    Ok(())
}

/// What is not carried out, and what is no option at all.
fn other_option<'a>(
    word: Word<'a>,
    text: &str,
    words: &mut impl Iterator<Item = Word<'a>>,
    reader: &mut Reader,
) -> Result<(), Finding> {
    if let Some(&(_, has_value)) = PENDING_OPTIONS.iter().find(|(name, _)| *name == text) {
        if has_value {
            words.next();
        }
        let message = format!("'{text}' is understood, but not carried out yet");
        reader
            .findings
            .push(Finding::new(Code::NotCarriedOut, word.span, message));
        return Ok(());
    }
    let message = format!("'{text}' is no option of an address");
    let finding = Finding::new(Code::ExtraWords, word.span, message);
    let known = OPTIONS
        .iter()
        .copied()
        .chain(PENDING_OPTIONS.iter().map(|(name, _)| *name));
    let is_address = text
        .split('/')
        .next()
        .is_some_and(|text| text.parse::<IpAddr>().is_ok());
    Err(if is_address {
        finding.help("each address needs a line of its own")
    } else {
        finding.maybe_help(nearest(text, known).map(|name| format!("did you mean '{name}'?")))
    })
}

fn scope(address: IpAddr, word: Word<'_>) -> Result<AddressScope, Finding> {
    let invalid = |message: String| Finding::new(Code::InvalidValue, word.span, message);
    if address.is_ipv6() {
        return Err(invalid("an IPv6 address has no 'scope'".to_owned()));
    }
    // rt_scope_t in linux/rtnetlink.h
    match word.text {
        "global" | "0" => Ok(AddressScope::Global),
        "site" | "200" => Ok(AddressScope::Site),
        "link" | "253" => Ok(AddressScope::Link),
        "host" | "254" => Ok(AddressScope::Host),
        other => {
            Err(invalid(format!("unknown scope '{other}'")).expected("global, site, link or host"))
        }
    }
}

fn broadcast(value: &VirtualAddress, word: Word<'_>) -> Result<Option<Ipv4Addr>, Finding> {
    let IpAddr::V4(address) = value.address else {
        let message = "an IPv6 address has no broadcast address";
        return Err(Finding::new(Code::InvalidValue, word.span, message));
    };
    match word.text {
        "-" => Ok(None),
        "+" => {
            let host_bits = u32::MAX.checked_shr(value.prefix_len.into()).unwrap_or(0);
            Ok(Some(Ipv4Addr::from_bits(address.to_bits() | host_bits)))
        }
        text => text.parse().map(Some).map_err(|_| {
            let message = format!("invalid broadcast address '{text}'");
            Finding::new(Code::InvalidValue, word.span, message)
                .expected("an IPv4 address, '+' or '-'")
        }),
    }
}

fn label(address: IpAddr, word: Word<'_>) -> Result<String, Finding> {
    if address.is_ipv6() {
        let message = "an IPv6 address has no 'label'";
        return Err(Finding::new(Code::InvalidValue, word.span, message));
    }
    if word.text.len() > MAX_LABEL_BYTES {
        let message = format!("the label '{}' is too long and is not used", word.text);
        let expected = format!("at most {MAX_LABEL_BYTES} characters");
        return Err(Finding::new(Code::OutOfRange, word.span, message).expected(expected));
    }
    Ok(word.text.to_owned())
}

#[cfg(test)]
mod tests;
