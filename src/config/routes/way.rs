//! Where a route leads: routers, and several of them.

use std::net::IpAddr;

use super::RouteReader;
use crate::config::diagnostic::{Code, Finding};
use crate::config::entry;
use crate::config::lexer::Word;
use crate::types::{AddressFamily, RouteNexthop};

/// `rtnh_hops` is a byte that says one less.
const MAX_WEIGHT: u64 = 256;

impl<'a> RouteReader<'a, '_> {
    /// `via [inet|inet6] ADDRESS`. A router of the other family is named as such.
    pub(super) fn router(&mut self, word: Word<'a>) -> Result<IpAddr, Finding> {
        let named = match self.entry.peek().map(|word| word.text) {
            Some("inet") => Some(AddressFamily::Inet),
            Some("inet6") => Some(AddressFamily::Inet6),
            _ => None,
        };
        if named.is_some() {
            self.entry.next();
        }
        let value = self.entry.value(word)?;
        let address = entry::address(value, "address of a router")?;
        match named {
            Some(family) if family != AddressFamily::of(address) => {
                let message = format!("'{}' is no {family} address", value.text);
                Err(Finding::new(Code::InvalidValue, value.span, message))
            }
            Some(_) => Ok(address),
            None => {
                self.see(AddressFamily::of(address), value)?;
                Ok(address)
            }
        }
    }

    /// keepalived: `via A or B`, from before there was `nexthop`.
    pub(super) fn another_router(&mut self, word: Word<'a>) -> Result<(), Finding> {
        self.deprecated(word, "nexthop");
        if self.route.nexthops.is_empty() {
            let Some(first) = self.route.via.take() else {
                let message = "'or' without a 'via' before it; the route is not used";
                return Err(Finding::new(Code::InvalidValue, word.span, message));
            };
            self.route.nexthops.push(RouteNexthop {
                via: Some(first),
                ..RouteNexthop::default()
            });
        }
        self.entry.skip("via");
        let via = Some(self.router(word)?);
        self.route.nexthops.push(RouteNexthop {
            via,
            ..RouteNexthop::default()
        });
        Ok(())
    }

    /// `nexthop via A [dev IF] [weight N] [onlink] [encap …] [realms R] [nexthop …]`: all words that are left.
    pub(super) fn nexthops(&mut self, word: Word<'a>) -> Result<(), Finding> {
        if !self.route.nexthops.is_empty() {
            let message = "'nexthop' does not go together with 'or'; the route is not used";
            return Err(Finding::new(Code::Conflict, word.span, message));
        }
        let mut nexthop = RouteNexthop::default();
        while let Some(word) = self.entry.peek() {
            // What no way has belongs to the route.
            let belongs = [
                "nexthop", "via", "dev", "oif", "weight", "onlink", "encap", "as",
            ]
            .contains(&word.text)
                || (word.text == "realms" && self.family != Some(AddressFamily::Inet6));
            if !belongs {
                break;
            }
            self.entry.next();
            match word.text {
                "nexthop" => {
                    let complete = std::mem::take(&mut nexthop);
                    self.route.nexthops.push(complete);
                }
                "via" => nexthop.via = Some(self.router(word)?),
                "dev" | "oif" => nexthop.dev = Some(self.interface(word)?),
                "weight" => {
                    let value = self.entry.value(word)?;
                    let weight = entry::number(value, "weight", 1, MAX_WEIGHT);
                    nexthop.weight = self.reader.or_complain(weight);
                }
                "onlink" => nexthop.onlink = true,
                "encap" => nexthop.encap = Some(self.encap(word)?),
                "realms" => nexthop.realms = Some(self.realms(word)?),
                _ => {
                    self.entry.skip("to");
                    self.entry.next();
                }
            }
        }
        self.route.nexthops.push(nexthop);
        Ok(())
    }
}
