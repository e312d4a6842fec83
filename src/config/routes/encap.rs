//! Lightweight tunnels: `encap ip|ip6|mpls|ila …`.

use std::net::IpAddr;

use super::RouteReader;
use crate::config::diagnostic::{Code, Finding};
use crate::config::entry;
use crate::config::iproute_names::NameKind;
use crate::config::lexer::Word;
use crate::types::{IpTunnel, RouteEncap};

/// 20 bits (RFC 3032 §2.1).
const MAX_LABEL: u64 = 0xf_ffff;
/// MPLS_IPTUNNEL labels in one go, as in the kernel (MAX_NEW_LABELS).
const MAX_LABELS: usize = 30;

impl<'a> RouteReader<'a, '_> {
    pub(super) fn encap(&mut self, word: Word<'a>) -> Result<RouteEncap, Finding> {
        let kind = self.entry.value(word)?;
        match kind.text {
            "ip" => Ok(RouteEncap::Ip(self.tunnel(|address| match address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })?)),
            "ip6" => Ok(RouteEncap::Ip6(self.tunnel(|address| match address {
                IpAddr::V4(_) => None,
                IpAddr::V6(address) => Some(address),
            })?)),
            "mpls" => self.labels(kind).map(RouteEncap::Mpls),
            "ila" => self.locator(kind).map(RouteEncap::Ila),
            text => {
                let message = format!("unknown encap '{text}'; the route is not used");
                Err(Finding::new(Code::InvalidValue, kind.span, message)
                    .expected("ip, ip6, mpls or ila"))
            }
        }
    }

    /// Options up to the first word that is none.
    fn tunnel<A>(
        &mut self,
        of_family: impl Fn(IpAddr) -> Option<A>,
    ) -> Result<IpTunnel<A>, Finding> {
        let mut tunnel = IpTunnel::default();
        while let Some(word) = self.entry.peek() {
            let end = |word: Word<'a>| tunnel_end(word, &of_family);
            match word.text {
                "id" => {
                    self.entry.next();
                    tunnel.id = Some(self.number(word, u64::MAX)?);
                }
                "dst" | "src" => {
                    self.entry.next();
                    let value = end(self.entry.value(word)?)?;
                    if word.text == "dst" {
                        tunnel.dst = Some(value);
                    } else {
                        tunnel.src = Some(value);
                    }
                }
                "tos" | "tc" => {
                    self.entry.next();
                    tunnel.tos = Some(self.byte(word, NameKind::DsField)?);
                }
                "ttl" | "hoplimit" => {
                    self.entry.next();
                    tunnel.ttl = Some(self.number(word, 255)?);
                }
                "flags" => {
                    self.entry.next();
                    tunnel.flags = Some(self.number(word, 0xffff)?);
                }
                _ => break,
            }
        }
        Ok(tunnel)
    }

    /// `LABEL[/LABEL]…`
    fn labels(&mut self, kind: Word<'a>) -> Result<Vec<u32>, Finding> {
        let value = self.entry.value(kind)?;
        let labels: Vec<u32> = value
            .text
            .split('/')
            .map(|text| entry::number(Word { text, ..value }, "label", 0, MAX_LABEL))
            .collect::<Result<_, _>>()?;
        if labels.len() > MAX_LABELS {
            let message = format!("more than {MAX_LABELS} labels; the route is not used");
            return Err(Finding::new(Code::OutOfRange, value.span, message));
        }
        Ok(labels)
    }

    /// Four groups of 16 bits, as the first half of an IPv6 address.
    fn locator(&mut self, kind: Word<'a>) -> Result<u64, Finding> {
        let value = self.entry.value(kind)?;
        let groups: Option<Vec<u64>> = value
            .text
            .split(':')
            .map(|group| u16::from_str_radix(group, 16).ok().map(u64::from))
            .collect();
        match groups.as_deref() {
            Some([a, b, c, d]) => Ok(a << 48 | b << 32 | c << 16 | d),
            _ => {
                let message = format!("invalid locator '{}'; the route is not used", value.text);
                Err(Finding::new(Code::InvalidValue, value.span, message)
                    .expected("four groups of hexadecimal digits between ':'"))
            }
        }
    }
}

/// An end of the tunnel, which has the family of the tunnel.
fn tunnel_end<A>(word: Word<'_>, of_family: impl Fn(IpAddr) -> Option<A>) -> Result<A, Finding> {
    let address = entry::address(word, "end of a tunnel")?;
    of_family(address).ok_or_else(|| {
        let message = format!("'{}' is of another family than the tunnel", word.text);
        Finding::new(Code::Conflict, word.span, message)
    })
}
