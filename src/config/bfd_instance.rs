//! `bfd_instance NAME { }`: a path watched by Bidirectional Forwarding Detection (RFC 5880). Understood, not carried out yet.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding, Findings};
use super::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use super::lexer::{self, Number};
use super::track;
use crate::types::TrackWeight;

/// A BFD session with one neighbour.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BfdInstance {
    pub name: String,
    pub neighbor_ip: IpAddr,
    /// Of the neighbour's family.
    pub source_ip: Option<IpAddr>,
    /// Default 10 ms.
    pub min_rx: Duration,
    /// Default 10 ms.
    pub min_tx: Duration,
    /// Transmit interval while the session is not up, default 1 s.
    pub idle_tx: Duration,
    /// Packets that may be missed, default 5.
    pub multiplier: u8,
    /// Waits for the neighbour to begin.
    pub passive: bool,
    /// Of sent packets: 255 for IPv4 and 64 for IPv6 where the file says nothing.
    pub ttl: u8,
    /// Hops that a received packet may have made, at most `ttl`, default 0; `None`: any number.
    pub max_hops: Option<u8>,
    /// RFC 5883, port 4784.
    pub multihop: bool,
    /// Default of entries of `track_bfd`, -253 to 253; 0 means FAULT while the session is down.
    pub weight: TrackWeight,
    pub reverse: bool,
    /// VRRP is told.
    pub vrrp: bool,
    /// Checkers are told.
    pub checker: bool,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "bfd_instance";

/// Longest name (keepalived: BFD_INAME_MAX).
const MAX_NAME_BYTES: usize = 31;
const IPV4_TTL: u8 = 255;
const IPV6_HOP_LIMIT: u8 = 64;
/// Longer intervals than this detect nothing in time (keepalived says so too).
const MAX_SENSIBLE: Duration = Duration::from_secs(10);

const MILLISECONDS: Shape = Shape::Word("milliseconds from 1");
const IDLE_MILLISECONDS: Shape = Shape::Word("milliseconds from 1000");

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    neighbor_ip: Option<Spanned<IpAddr>>,
    source_ip: Option<Spanned<IpAddr>>,
    min_rx: Duration,
    min_tx: Duration,
    idle_tx: Duration,
    multiplier: u8,
    passive: bool,
    ttl: Option<u8>,
    max_hops: Option<u8>,
    multihop: bool,
    weight: TrackWeight,
    reverse: bool,
    vrrp: bool,
    checker: bool,
}

pub(crate) const KEYWORDS: Table<Draft> = &[OWN];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new("neighbor_ip", Shape::Address, "", neighbor_ip),
    Keyword::new("neighbour_ip", Shape::Address, "", neighbor_ip),
    Keyword::new("source_ip", Shape::Address, "any", |draft, arguments| {
        draft.source_ip = Some(arguments.address()?);
        Ok(())
    }),
    Keyword::new("min_rx", MILLISECONDS, "10", |draft, arguments| {
        draft.min_rx = milliseconds(arguments, Duration::from_millis(1))?;
        Ok(())
    }),
    Keyword::new("min_tx", MILLISECONDS, "10", |draft, arguments| {
        draft.min_tx = milliseconds(arguments, Duration::from_millis(1))?;
        Ok(())
    }),
    Keyword::new("idle_tx", IDLE_MILLISECONDS, "1000", |draft, arguments| {
        draft.idle_tx = milliseconds(arguments, Duration::from_secs(1))?;
        Ok(())
    }),
    Keyword::new(
        "multiplier",
        Shape::strict(1, 255),
        "5",
        |draft, arguments| {
            draft.multiplier = arguments.number()?;
            Ok(())
        },
    ),
    Keyword::new("passive", Shape::Flag, "off", |draft, _| {
        draft.passive = true;
        Ok(())
    }),
    Keyword::new("ttl", Shape::strict(1, 255), "255", ttl),
    Keyword::new("hoplimit", Shape::strict(1, 255), "64", ttl),
    Keyword::new(
        "max_hops",
        Shape::strict(-1, 255),
        "0",
        |draft, arguments| {
            draft.max_hops = u8::try_from(arguments.number::<i16>()?).ok();
            Ok(())
        },
    ),
    Keyword::new("multihop", Shape::Bool, "off", |draft, arguments| {
        draft.multihop = arguments.boolean()?;
        Ok(())
    }),
    Keyword::new("weight", track::WEIGHT, "0", |draft, arguments| {
        (draft.weight, draft.reverse) = track::weight_of_object(&track::WEIGHT, arguments)?;
        Ok(())
    }),
    Keyword::new("vrrp", Shape::Flag, "both", |draft, _| {
        draft.vrrp = true;
        Ok(())
    }),
    Keyword::new("checker", Shape::Flag, "both", |draft, _| {
        draft.checker = true;
        Ok(())
    }),
];

fn neighbor_ip(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.neighbor_ip = Some(arguments.address()?);
    Ok(())
}

fn ttl(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.ttl = Some(arguments.number()?);
    Ok(())
}

/// Decimal milliseconds with at most three decimals, as far as 32 bits of microseconds reach.
fn milliseconds(arguments: &mut Arguments<'_>, least: Duration) -> Result<Duration, Finding> {
    let word = arguments.word()?;
    let Number::Whole(thousandths) = lexer::microseconds(word.text) else {
        return Err(arguments.invalid_value(word));
    };
    let duration = u32::try_from(thousandths / 1000)
        .map(|micros| Duration::from_micros(micros.into()))
        .ok()
        .filter(|duration| *duration >= least);
    let Some(duration) = duration else {
        let keyword = arguments.keyword().value;
        let message = format!("'{}' is out of range for '{keyword}'", word.text);
        let expected = format!("milliseconds from {}", least.as_millis());
        return Err(Finding::new(Code::OutOfRange, word.span, message).expected(expected));
    };
    if duration > MAX_SENSIBLE {
        let message = format!("{} ms is too long to detect anything in time", word.text);
        let finding = Finding::new(Code::Defaulted, word.span, message);
        arguments.complain(finding.expected("at most 10000"));
    }
    Ok(duration)
}

impl Draft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            neighbor_ip: None,
            source_ip: None,
            min_rx: Duration::from_millis(10),
            min_tx: Duration::from_millis(10),
            idle_tx: Duration::from_secs(1),
            multiplier: 5,
            passive: false,
            ttl: None,
            max_hops: Some(0),
            multihop: false,
            weight: TrackWeight::FAULT,
            reverse: false,
            vrrp: false,
            checker: false,
        }
    }

    /// `None` with a complaint where there is no session to be had.
    pub(crate) fn resolve(&self, findings: &mut Findings) -> Option<BfdInstance> {
        let name = &self.name.value;
        let mut unusable = |code, span, message: String| {
            findings.push(Finding::new(code, span, message));
            None
        };
        if name.len() > MAX_NAME_BYTES {
            let message = format!(
                "the name of bfd_instance {name} is longer than {MAX_NAME_BYTES} characters; it is not used"
            );
            return unusable(Code::OutOfRange, self.name.span, message);
        }
        let Some(neighbor_ip) = self.neighbor_ip else {
            let message = format!("bfd_instance {name} has no 'neighbor_ip' and is not used");
            return unusable(Code::NothingToDo, self.name.span, message);
        };
        let neighbor_ip = neighbor_ip.value;
        if let Some(source) = self.source_ip
            && source.value.is_ipv6() != neighbor_ip.is_ipv6()
        {
            let message = format!(
                "bfd_instance {name}: 'source_ip' and 'neighbor_ip' are not of the same family; it is not used"
            );
            return unusable(Code::Conflict, source.span, message);
        }
        let ttl = self.ttl.unwrap_or(match neighbor_ip {
            IpAddr::V4(_) => IPV4_TTL,
            IpAddr::V6(_) => IPV6_HOP_LIMIT,
        });
        if self.max_hops.is_some_and(|hops| hops > ttl) {
            let message = format!("bfd_instance {name}: 'max_hops' exceeds {ttl}, which is used");
            findings.push(Finding::new(Code::Conflict, self.name.span, message));
        }
        let both = !self.vrrp && !self.checker;
        Some(BfdInstance {
            name: name.clone(),
            neighbor_ip,
            source_ip: self.source_ip.map(|source| source.value),
            min_rx: self.min_rx,
            min_tx: self.min_tx,
            idle_tx: self.idle_tx,
            multiplier: self.multiplier,
            passive: self.passive,
            ttl,
            max_hops: self.max_hops.map(|hops| hops.min(ttl)),
            multihop: self.multihop,
            weight: self.weight,
            reverse: self.reverse,
            vrrp: self.vrrp || both,
            checker: self.checker || both,
        })
    }
}
