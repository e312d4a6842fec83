//! Entries of `virtual_ipaddress`, `virtual_ipaddress_excluded` and `static_ipaddress` (keepalived:
//! vrrp_ipaddress.c).

use std::net::{IpAddr, Ipv4Addr};

use super::diagnostic::{Code, Finding, nearest};
use super::entry::{self, Entry, EntryList};
use super::iproute_names::NameKind;
use super::keyword::{Reader, Spanned};
use super::lexer::Word;
use super::lines::Span;
use super::tree::Statement;
use crate::types::{PreferredLifetime, RouteScope, VirtualAddress};

/// Longest label of an IPv4 address (IFNAMSIZ - 1).
const MAX_LABEL_BYTES: usize = 15;

/// Every option, for suggestions, and what follows it.
const OPTIONS: [(&str, Follows); 15] = [
    ("dev", Follows::Value),
    ("scope", Follows::Value),
    ("brd", Follows::Value),
    ("broadcast", Follows::Value),
    ("label", Follows::Value),
    ("peer", Follows::Value),
    ("home", Follows::Nothing),
    ("-nodad", Follows::Nothing),
    ("mngtmpaddr", Follows::Nothing),
    ("noprefixroute", Follows::Nothing),
    ("autojoin", Follows::Nothing),
    ("no_track", Follows::Nothing),
    ("preferred_lft", Follows::Value),
    ("track_group", Follows::Value),
    ("use_vmac", Follows::Nothing),
];

/// What stands behind an option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Follows {
    Nothing,
    Value,
}

/// All entries of a list.
pub(crate) fn entries(
    statements: &[Statement<'_>],
    list: EntryList,
    reader: &mut Reader,
) -> Vec<Spanned<VirtualAddress>> {
    statements
        .iter()
        .filter_map(|statement| match address(statement, list, reader) {
            Ok(value) => Some(Spanned {
                value,
                span: statement.first().span,
            }),
            Err(finding) => {
                reader.findings.push(finding);
                None
            }
        })
        .collect()
}

/// `ADDRESS[/PREFIX] [OPTION [VALUE]]…`. An error leaves the whole address out.
fn address(
    statement: &Statement<'_>,
    list: EntryList,
    reader: &mut Reader,
) -> Result<VirtualAddress, Finding> {
    let mut entry = Entry::of(statement);
    let word = entry.next().unwrap_or_else(|| statement.first());
    let (prefix, finding) = entry::prefix(word)?;
    reader.findings.extend(finding);
    let with_prefix = word.text.contains('/').then_some(word.span);
    let mut value = VirtualAddress::new(prefix.address, prefix.prefix_len);
    while let Some(word) = entry.next() {
        match word.text {
            "dev" => value.dev = Some(entry::interface(entry.value(word)?)?),
            "scope" => {
                let scope = scope(value.address, entry.value(word)?, reader);
                value.scope = reader.or_complain(scope).unwrap_or(value.scope);
            }
            "brd" | "broadcast" => value.broadcast = broadcast(&value, entry.value(word)?)?,
            "label" => match label(value.address, entry.value(word)?) {
                Ok(label) => value.label = Some(label),
                Err(finding) if finding.code == Code::OutOfRange => return Err(finding),
                Err(finding) => reader.findings.push(finding),
            },
            "peer" => {
                let peer = peer(entry.value(word)?, with_prefix, &mut value, reader);
                reader.or_complain(peer);
            }
            "home" => value.home = true,
            "-nodad" => value.dad = true,
            "mngtmpaddr" => value.mngtmpaddr = true,
            "noprefixroute" => value.noprefixroute = true,
            "autojoin" => value.autojoin = true,
            "no_track" => value.no_track = true,
            "preferred_lft" => {
                let lifetime = preferred_lft(entry.value(word)?);
                value.preferred_lft = reader.or_complain(lifetime).or(value.preferred_lft);
            }
            "track_group" if list == EntryList::Static => {
                value.track_group = Some(entry.value(word)?.text.to_owned());
            }
            "use_vmac" if list == EntryList::Virtual => value.use_vmac = true,
            text => {
                reader.findings.push(unknown(word));
                // The value of a misspelt option is part of the same mistake.
                if meant(text)
                    .is_some_and(|(name, follows)| name != text && follows == Follows::Value)
                {
                    entry.next();
                }
            }
        }
    }
    Ok(value)
}

fn unknown(word: Word<'_>) -> Finding {
    let text = word.text;
    let finding = match text {
        "track_group" => {
            let message = "'track_group' is for static addresses only";
            return Finding::new(Code::MisplacedKeyword, word.span, message);
        }
        "use_vmac" => {
            let message = "'use_vmac' is for addresses of an instance only";
            return Finding::new(Code::MisplacedKeyword, word.span, message);
        }
        text => {
            let message = format!("'{text}' is no option of an address");
            Finding::new(Code::ExtraWords, word.span, message)
        }
    };
    let is_address = text
        .split('/')
        .next()
        .is_some_and(|text| text.parse::<IpAddr>().is_ok());
    if is_address {
        finding.help("each address needs a line of its own")
    } else {
        finding.maybe_help(meant(text).map(|(name, _)| format!("did you mean '{name}'?")))
    }
}

/// The option that is nearest to a word which is none.
fn meant(text: &str) -> Option<(&'static str, Follows)> {
    let name = nearest(text, OPTIONS.iter().map(|(name, _)| *name))?;
    OPTIONS.into_iter().find(|(option, _)| *option == name)
}

fn scope(address: IpAddr, word: Word<'_>, reader: &Reader) -> Result<RouteScope, Finding> {
    if address.is_ipv6() {
        let message = "an IPv6 address has no 'scope'".to_owned();
        return Err(Finding::new(Code::InvalidValue, word.span, message));
    }
    let number = entry::named(word, "scope", NameKind::Scope, &reader.names)?;
    Ok(RouteScope::new(u8::try_from(number).unwrap_or(u8::MAX)))
}

/// keepalived: with a peer, the prefix length is the peer's and the address's own says nothing.
fn peer(
    word: Word<'_>,
    with_prefix: Option<Span>,
    value: &mut VirtualAddress,
    reader: &mut Reader,
) -> Result<(), Finding> {
    let (peer, finding) = entry::prefix(word)?;
    reader.findings.extend(finding);
    if peer.address.is_ipv4() != value.address.is_ipv4() {
        let message = format!(
            "peer address {} and address {} are of different families; the peer is not used",
            peer.address, value.address
        );
        return Err(Finding::new(Code::InvalidValue, word.span, message));
    }
    if let Some(span) = with_prefix {
        let message = format!(
            "the prefix length of {} is not used, because it has a peer",
            value.address
        );
        let finding = Finding::new(Code::Conflict, span, message);
        reader
            .findings
            .push(finding.help("write the prefix length behind the peer's address"));
    }
    value.prefix_len = peer.prefix_len;
    value.peer = Some(peer);
    Ok(())
}

fn preferred_lft(word: Word<'_>) -> Result<PreferredLifetime, Finding> {
    if word.text == "forever" {
        return Ok(PreferredLifetime::Forever);
    }
    entry::number(word, "preferred_lft", 0, u32::MAX.into()).map(|seconds| match seconds {
        // INFINITY_LIFE_TIME in linux/if_addr.h
        u32::MAX => PreferredLifetime::Forever,
        seconds => PreferredLifetime::Seconds(seconds),
    })
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
        let message = format!(
            "the label '{}' is too long; the address is not used",
            word.text
        );
        let expected = format!("at most {MAX_LABEL_BYTES} characters");
        return Err(Finding::new(Code::OutOfRange, word.span, message).expected(expected));
    }
    Ok(word.text.to_owned())
}

#[cfg(test)]
mod tests;
