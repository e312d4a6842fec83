//! An entry of `virtual_routes` or `static_routes`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{AddressFamily, InterfaceName, IpPrefix, RouteScope};

/// `rtm_protocol` of what keepalived and this program put into the kernel (RTPROT_KEEPALIVED in
/// `linux/rtnetlink.h`); also the IFA_PROTO of addresses.
pub const RTPROT_KEEPALIVED: u8 = 18;

/// Kind of a route (`linux/rtnetlink.h` RTN_*).
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum RouteType {
    #[default]
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
    Nat,
    /// keepalived: `xresolve`.
    ExternalResolve,
}

impl RouteType {
    /// Keyword of each.
    pub const NAMES: [(&'static str, Self); 11] = [
        ("unicast", Self::Unicast),
        ("local", Self::Local),
        ("broadcast", Self::Broadcast),
        ("anycast", Self::Anycast),
        ("multicast", Self::Multicast),
        ("blackhole", Self::Blackhole),
        ("unreachable", Self::Unreachable),
        ("prohibit", Self::Prohibit),
        ("throw", Self::Throw),
        ("nat", Self::Nat),
        ("xresolve", Self::ExternalResolve),
    ];

    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("unicast", |(name, _)| name)
    }
}

/// Where the kernel puts a route among those with the same destination, TOS and metric.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum InsertMode {
    /// Only if there is none.
    Add,
    /// Before the others, which is what counts.
    #[default]
    Prepend,
    Append,
}

/// `pref` of an IPv6 route (RFC 4191 §2.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum RoutePreference {
    Low,
    Medium,
    High,
}

/// What belongs to the destination rather than to the way there (`linux/rtnetlink.h` RTAX_*).
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct RouteMetrics {
    /// Bytes.
    pub mtu: Option<u32>,
    pub window: Option<u32>,
    /// Eighths of milliseconds.
    pub rtt: Option<u32>,
    /// Quarters of milliseconds.
    pub rttvar: Option<u32>,
    pub ssthresh: Option<u32>,
    pub cwnd: Option<u32>,
    /// Bytes.
    pub advmss: Option<u32>,
    pub reordering: Option<u32>,
    pub hoplimit: Option<u32>,
    pub initcwnd: Option<u32>,
    /// RTAX_FEATURE_ECN is bit 0.
    pub features: Option<u32>,
    /// Milliseconds.
    pub rto_min: Option<u32>,
    pub initrwnd: Option<u32>,
    pub quickack: Option<bool>,
    pub congctl: Option<String>,
    pub fastopen_no_cookie: Option<bool>,
    /// Bit n: the metric with the kernel's number n must not be changed.
    pub lock: u32,
}

/// Lightweight tunnel that a route leads into (`linux/lwtunnel.h`).
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum RouteEncap {
    Ip(IpTunnel<Ipv4Addr>),
    Ip6(IpTunnel<Ipv6Addr>),
    /// Labels, outermost first.
    Mpls(Vec<u32>),
    /// Locator of identifier-locator addressing.
    Ila(u64),
}

/// IP in IP; what is `None` is the kernel's choice.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct IpTunnel<A> {
    pub id: Option<u64>,
    pub dst: Option<A>,
    pub src: Option<A>,
    /// `tos` or `tc`.
    pub tos: Option<u8>,
    /// `ttl` or `hoplimit`.
    pub ttl: Option<u8>,
    pub flags: Option<u16>,
}

impl<A> Default for IpTunnel<A> {
    fn default() -> Self {
        Self {
            id: None,
            dst: None,
            src: None,
            tos: None,
            ttl: None,
            flags: None,
        }
    }
}

/// One of several ways (`nexthop`).
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct RouteNexthop {
    pub via: Option<IpAddr>,
    pub dev: Option<InterfaceName>,
    /// 1 to 256; 1 where the file says nothing.
    pub weight: Option<u16>,
    pub onlink: bool,
    pub encap: Option<RouteEncap>,
    pub realms: Option<u32>,
}

/// A route as it is given to the kernel.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Route {
    pub kind: RouteType,
    pub destination: IpPrefix,
    /// Only packets from there (IPv6).
    pub from: Option<IpPrefix>,
    /// Source address that is preferred for packets of this host.
    pub src: Option<IpAddr>,
    /// Next router; may be IPv6 for an IPv4 route.
    pub via: Option<IpAddr>,
    pub dev: Option<InterfaceName>,
    pub tos: Option<u8>,
    /// The main table where the file says nothing.
    pub table: Option<u32>,
    /// The table of this VRF.
    pub vrf: Option<InterfaceName>,
    /// [`RTPROT_KEEPALIVED`] where the file says nothing.
    pub protocol: u8,
    /// `None`: what the kind and the way call for.
    pub scope: Option<RouteScope>,
    pub metric: Option<u32>,
    pub onlink: bool,
    pub encap: Option<RouteEncap>,
    pub metrics: RouteMetrics,
    /// Source realm << 16 | destination realm (IPv4).
    pub realms: Option<u32>,
    pub pref: Option<RoutePreference>,
    /// Seconds (IPv6).
    pub expires: Option<u32>,
    /// MPLS.
    pub ttl_propagate: Option<bool>,
    /// More than one way; `via` and `dev` are empty then.
    pub nexthops: Vec<RouteNexthop>,
    pub insert: InsertMode,
    /// Its removal by somebody else is not acted upon.
    pub no_track: bool,
    /// Static routes only: who goes to FAULT with its interface.
    pub track_group: Option<String>,
}

impl Route {
    /// A unicast route with every option at its default.
    pub fn new(destination: IpPrefix) -> Self {
        Self {
            kind: RouteType::Unicast,
            destination,
            from: None,
            src: None,
            via: None,
            dev: None,
            tos: None,
            table: None,
            vrf: None,
            protocol: RTPROT_KEEPALIVED,
            scope: None,
            metric: None,
            onlink: false,
            encap: None,
            metrics: RouteMetrics::default(),
            realms: None,
            pref: None,
            expires: None,
            ttl_propagate: None,
            nexthops: Vec::new(),
            insert: InsertMode::Prepend,
            no_track: false,
            track_group: None,
        }
    }

    pub fn family(&self) -> AddressFamily {
        self.destination.family()
    }
}

/// As iproute2 writes it, as far as it identifies the route.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteType::Unicast {
            write!(f, "{} ", self.kind.name())?;
        }
        write!(f, "{}", self.destination)?;
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        if let Some(src) = self.src {
            write!(f, " src {src}")?;
        }
        if let Some(tos) = self.tos {
            write!(f, " tos {tos:#x}")?;
        }
        for nexthop in &self.nexthops {
            write!(f, " nexthop")?;
            if let Some(via) = nexthop.via {
                write!(f, " via {via}")?;
            }
            if let Some(dev) = &nexthop.dev {
                write!(f, " dev {dev}")?;
            }
        }
        if let Some(table) = self.table {
            write!(f, " table {table}")?;
        }
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        Ok(())
    }
}
