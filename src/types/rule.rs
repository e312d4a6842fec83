//! An entry of `virtual_rules` or `static_rules`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AddressFamily, InterfaceName, IpPrefix, RTPROT_KEEPALIVED};

/// What a rule does with a packet that it fits (`linux/fib_rules.h` FR_ACT_*).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum RuleAction {
    /// `table N`; `None` with `l3mdev`, which looks into the table of the packet's VRF.
    Lookup(Option<u32>),
    /// Go on at the rule with this preference.
    Goto(u32),
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
}

/// A range of numbers, both ends included.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct NumberRange<T> {
    pub first: T,
    pub last: T,
}

/// A rule as it is given to the kernel.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Rule {
    pub family: AddressFamily,
    /// `not`: packets that do not fit.
    pub is_inverted: bool,
    pub from: Option<IpPrefix>,
    pub to: Option<IpPrefix>,
    pub iif: Option<InterfaceName>,
    pub oif: Option<InterfaceName>,
    pub fwmark: Option<u32>,
    /// All bits where the file says nothing.
    pub fwmask: Option<u32>,
    pub tos: Option<u8>,
    /// Source realm << 16 | destination realm.
    pub realms: Option<u32>,
    pub uidrange: Option<NumberRange<u32>>,
    /// IP protocol number.
    pub ipproto: Option<u8>,
    pub sport: Option<NumberRange<u16>>,
    pub dport: Option<NumberRange<u16>>,
    pub tunnel_id: Option<u64>,
    pub l3mdev: bool,
    /// [`RTPROT_KEEPALIVED`] where the file says nothing.
    pub protocol: u8,
    pub suppress_prefixlength: Option<u32>,
    pub suppress_ifgroup: Option<u32>,
    /// Lower ones are looked at first.
    pub preference: u32,
    pub action: RuleAction,
    /// Its removal by somebody else is not acted upon.
    pub no_track: bool,
    /// Static rules only: who goes to FAULT with its interface.
    pub track_group: Option<String>,
}

impl Rule {
    /// Fits everything and does nothing, with this place among the rules; as keepalived marks its own.
    pub(crate) fn new(family: AddressFamily, preference: u32) -> Self {
        Self {
            family,
            is_inverted: false,
            from: None,
            to: None,
            iif: None,
            oif: None,
            fwmark: None,
            fwmask: None,
            tos: None,
            realms: None,
            uidrange: None,
            ipproto: None,
            sport: None,
            dport: None,
            tunnel_id: None,
            l3mdev: false,
            protocol: RTPROT_KEEPALIVED,
            suppress_prefixlength: None,
            suppress_ifgroup: None,
            preference,
            action: RuleAction::Nop,
            no_track: false,
            track_group: None,
        }
    }
}

/// As iproute2 writes it, as far as it identifies the rule.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.preference)?;
        if self.is_inverted {
            write!(f, " not")?;
        }
        match self.from {
            Some(from) => write!(f, " from {from}")?,
            None => write!(f, " from all")?,
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if let Some(iif) = &self.iif {
            write!(f, " iif {iif}")?;
        }
        if let Some(oif) = &self.oif {
            write!(f, " oif {oif}")?;
        }
        if let Some(fwmark) = self.fwmark {
            write!(f, " fwmark {fwmark:#x}")?;
        }
        match self.action {
            RuleAction::Lookup(Some(table)) => write!(f, " lookup {table}"),
            RuleAction::Lookup(None) => write!(f, " lookup [l3mdev-table]"),
            RuleAction::Goto(preference) => write!(f, " goto {preference}"),
            RuleAction::Nop => write!(f, " nop"),
            RuleAction::Blackhole => write!(f, " blackhole"),
            RuleAction::Unreachable => write!(f, " unreachable"),
            RuleAction::Prohibit => write!(f, " prohibit"),
        }
    }
}
