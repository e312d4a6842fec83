//! `unicast_peer` and what else is said of adverts to one address: where they go, and where they come from.

use std::net::IpAddr;

use super::{Draft, OldUnicastChecksum, UnicastPeer};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Shape, Spanned};
use crate::config::lexer::Word;

pub(super) fn old_unicast_checksum(
    draft: &mut Draft,
    arguments: &mut Arguments<'_>,
) -> Result<(), Finding> {
    draft.unicast_keyword = Some(arguments.keyword_span());
    draft.old_unicast_checksum = match arguments.next_word() {
        None => OldUnicastChecksum::Always,
        Some(word) if word.text == "never" => OldUnicastChecksum::Never,
        Some(word) => {
            let message = format!("unknown old_unicast_checksum mode '{}'", word.text);
            let finding = Finding::new(Code::InvalidValue, word.span, message);
            return Err(finding.expected("'never' or nothing"));
        }
    };
    Ok(())
}

pub(super) fn unicast_peer(
    draft: &mut Draft,
    arguments: &mut Arguments<'_>,
) -> Result<(), Finding> {
    draft.unicast_keyword = Some(arguments.keyword_span());
    for statement in arguments.block() {
        let word = statement.first();
        let Some(address) = without_prefix(word, arguments) else {
            draft.refused_unicast_peer = draft.unicast_keyword;
            let message = format!("invalid unicast peer '{}', which is not used", word.text);
            let finding = Finding::new(Code::InvalidValue, word.span, message);
            arguments.complain(finding.expected("an IP address"));
            continue;
        };
        let mut value = UnicastPeer::from(address);
        peer_options(&mut value, statement.arguments(), arguments);
        if value.min_ttl > value.max_ttl {
            let message = format!(
                "min_ttl {} > max_ttl {} - all packets will be discarded",
                value.min_ttl, value.max_ttl
            );
            arguments.complain(Finding::new(Code::Conflict, word.span, message));
        }
        let span = word.span;
        draft.unicast_peer.push(Spanned { value, span });
    }
    Ok(())
}

impl Draft {
    /// A list of all nodes, copied to each of them: its adverts come back to it (keepalived says nothing).
    pub(super) fn complain_of_own_peer(&self, context: &mut Context<'_>) {
        let Some(own) = self.unicast_src_ip else {
            return;
        };
        let mut peers = self.unicast_peer.iter();
        if let Some(peer) = peers.find(|peer| peer.value.address == own.value) {
            let message = format!(
                "({}) unicast_peer {} is this node's own 'unicast_src_ip'",
                self.name.value, own.value
            );
            let finding = Finding::new(Code::Conflict, peer.span, message).after(own.span);
            context.complain(finding.help("the list names the other nodes only"));
        }
    }
}

/// keepalived: a prefix length behind an address that adverts come from or go to says nothing.
pub(super) fn advert_address(arguments: &mut Arguments<'_>) -> Result<Spanned<IpAddr>, Finding> {
    let word = arguments.word()?;
    let span = word.span;
    without_prefix(word, arguments)
        .map(|value| Spanned { value, span })
        .ok_or_else(|| {
            let message = format!(
                "invalid IP address '{}' for '{}'",
                word.text,
                arguments.keyword().value
            );
            Finding::new(Code::InvalidValue, span, message).expected(Shape::Address.expected())
        })
}

/// `ADDRESS[/PREFIX]`; `None`: it is no address.
fn without_prefix(word: Word<'_>, arguments: &mut Arguments<'_>) -> Option<IpAddr> {
    let Some((address, prefix_len)) = word.text.split_once('/') else {
        return word.text.parse().ok();
    };
    let address = address.parse().ok()?;
    prefix_len.parse::<u8>().ok()?;
    let message = format!("the prefix length of {address} says nothing here");
    arguments.complain(Finding::new(Code::NoEffect, word.span, message));
    Some(address)
}

/// `[min_ttl N] [max_ttl N]`
fn peer_options(peer: &mut UnicastPeer, words: &[Word<'_>], arguments: &mut Arguments<'_>) {
    let mut words = words.iter();
    while let Some(option) = words.next() {
        let field = match option.text {
            "min_ttl" => &mut peer.min_ttl,
            "max_ttl" => &mut peer.max_ttl,
            text => {
                let message = format!("'{text}' is no option of a unicast peer");
                arguments.complain(Finding::new(Code::ExtraWords, option.span, message));
                continue;
            }
        };
        let number = match words.next() {
            Some(word) => arguments.number_in(*word, &Shape::number(0, 255)),
            None => {
                let message = format!("'{}' is without its number", option.text);
                Err(Finding::new(Code::InvalidValue, option.span, message))
            }
        };
        match number {
            Ok(number) => *field = number,
            Err(finding) => arguments.complain(finding),
        }
    }
}
