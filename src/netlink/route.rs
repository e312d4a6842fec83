//! Routes as `rtmsg` messages (rtnetlink(7)), and the verbs that add and delete them.

use std::net::IpAddr;

use futures_util::StreamExt;
use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::link::{InfoData, InfoVrf, LinkAttribute, LinkInfo};
use netlink_packet_route::route::{
    MplsLabel, RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteIp6Tunnel,
    RouteIp6TunnelFlags, RouteIpTunnel, RouteIpTunnelFlags, RouteLwEnCapType, RouteLwTunnelEncap,
    RouteMessage, RouteMetric, RouteMplsIpTunnel, RouteMplsTtlPropagation, RouteNextHop,
    RouteNextHopFlags, RoutePreference as Preference, RouteRealm, RouteVia,
};
use netlink_packet_route::{AddressFamily as Family, RouteNetlinkMessage};
use nix::net::if_::if_nametoindex;

use super::error::{Attempted, NetlinkError};
use super::handle::{Handle, there};
use crate::types::{
    AddressFamily, InsertMode, InterfaceName, Route, RouteEncap, RouteMetrics, RouteNexthop,
    RoutePreference, RouteType,
};

/// RT_TABLE_MAIN and RT_TABLE_COMPAT in `linux/rtnetlink.h`.
const TABLE_MAIN: u32 = 254;
const TABLE_COMPAT: u8 = 252;
/// RT_SCOPE_* in `linux/rtnetlink.h`.
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// ILA_ATTR_LOCATOR in `linux/ila.h`.
const ILA_LOCATOR: u16 = 1;

/// How [`Handle::add_route`] or [`Handle::add_rule`] went well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Added {
    Added,
    /// One that is the same in every respect, its protocol included, was there and stays.
    WasThere,
}

/// How [`Handle::delete_route`] or [`Handle::delete_rule`] went well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deleted {
    Deleted,
    /// There is none, or what it needs is itself not there.
    WasNotThere,
}

impl Handle {
    pub async fn add_route(&self, route: &Route) -> Result<Added, NetlinkError> {
        let failed = |cause| NetlinkError::new(Attempted::AddRoute(Box::new(route.clone())), cause);
        let message = self.route_message(route).await.map_err(failed)?;
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewRoute(message));
        let mode = match route.insert {
            InsertMode::Add => NLM_F_EXCL,
            InsertMode::Prepend => 0,
            InsertMode::Append => NLM_F_APPEND,
        };
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | mode;
        match self.ask(request).await {
            Ok(()) => Ok(Added::Added),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(Added::WasThere),
            Err(error) => Err(failed(error)),
        }
    }

    /// Deletes exactly this route; one of another protocol is not ours and stays.
    pub async fn delete_route(&self, route: &Route) -> Result<Deleted, NetlinkError> {
        let attempted = || Attempted::DeleteRoute(Box::new(route.clone()));
        // An interface that is gone has taken its routes along.
        let found = there(self.route_message(route).await);
        let Some(message) = found.map_err(|error| NetlinkError::new(attempted(), error))? else {
            return Ok(Deleted::WasNotThere);
        };
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::DelRoute(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        match self.ask(request).await {
            Ok(()) => Ok(Deleted::Deleted),
            Err(error) => match error.raw_os_error() {
                Some(libc::ESRCH | libc::ENODEV | libc::ENETUNREACH | libc::ENOENT) => {
                    Ok(Deleted::WasNotThere)
                }
                _ => Err(NetlinkError::new(attempted(), error)),
            },
        }
    }

    /// Sends a request that is answered by an acknowledgement.
    pub(super) async fn ask(
        &self,
        request: NetlinkMessage<RouteNetlinkMessage>,
    ) -> std::io::Result<()> {
        let mut answers = self
            .inner()
            .request(request)
            .map_err(std::io::Error::other)?;
        while let Some(answer) = answers.next().await {
            if let NetlinkPayload::Error(error) = answer.payload
                && error.code.is_some()
            {
                return Err(error.to_io());
            }
        }
        Ok(())
    }

    async fn route_message(&self, route: &Route) -> std::io::Result<RouteMessage> {
        let table = match &route.vrf {
            Some(vrf) => self.vrf_table(vrf).await?,
            None => route.table.unwrap_or(TABLE_MAIN),
        };
        route_message(route, table, &index)
    }

    /// The routing table of a VRF device.
    async fn vrf_table(&self, vrf: &InterfaceName) -> std::io::Result<u32> {
        let not_found = || std::io::Error::from_raw_os_error(libc::ENODEV);
        let mut links = self
            .inner()
            .link()
            .get()
            .match_name(vrf.as_str().to_owned())
            .execute();
        let no_answer = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let link = links.next().await.ok_or_else(no_answer)?;
        let link =
            link.map_err(|error| NetlinkError::from_rtnetlink(Attempted::ListLinks, error).cause)?;
        let infos = link.attributes.iter().filter_map(|it| match it {
            LinkAttribute::LinkInfo(infos) => Some(infos),
            _ => None,
        });
        let data = infos.flatten().find_map(|info| match info {
            LinkInfo::Data(InfoData::Vrf(data)) => Some(data),
            _ => None,
        });
        data.into_iter()
            .flatten()
            .find_map(|it| match it {
                InfoVrf::TableId(table) => Some(*table),
                _ => None,
            })
            .ok_or_else(not_found)
    }
}

fn index(name: &InterfaceName) -> std::io::Result<u32> {
    if_nametoindex(name.as_str()).map_err(std::io::Error::from)
}

type Index<'i> = &'i dyn Fn(&InterfaceName) -> std::io::Result<u32>;

fn route_message(route: &Route, table: u32, index: Index<'_>) -> std::io::Result<RouteMessage> {
    let mut message = RouteMessage::default();
    let destination = route.destination.network();
    message.header = RouteHeader {
        address_family: family(route.family()),
        destination_prefix_length: destination.prefix_len,
        source_prefix_length: route.from.map_or(0, |from| from.prefix_len),
        tos: route.tos.unwrap_or(0),
        table: u8::try_from(table).unwrap_or(TABLE_COMPAT),
        protocol: route.protocol.into(),
        scope: scope(route).into(),
        kind: kind(route.kind).into(),
        flags: if route.onlink {
            RouteFlags::Onlink
        } else {
            RouteFlags::empty()
        },
    };
    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Table(table));
    if destination.prefix_len > 0 {
        attributes.push(RouteAttribute::Destination(destination.address.into()));
    }
    if let Some(from) = route.from {
        attributes.push(RouteAttribute::Source(from.network().address.into()));
    }
    attributes.extend(route.src.map(|src| RouteAttribute::PrefSource(src.into())));
    attributes.extend(route.via.map(|via| router(route.family(), via)));
    if let Some(dev) = &route.dev {
        attributes.push(RouteAttribute::Oif(index(dev)?));
    }
    attributes.extend(route.metric.map(RouteAttribute::Priority));
    attributes.extend(route.encap.as_ref().map(encap).into_iter().flatten());
    let metrics = metrics(&route.metrics);
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    attributes.extend(
        route
            .realms
            .map(|realms| RouteAttribute::Realm(realm(realms))),
    );
    attributes.extend(route.pref.map(|pref| {
        RouteAttribute::Preference(match pref {
            RoutePreference::Low => Preference::Low,
            RoutePreference::Medium => Preference::Medium,
            RoutePreference::High => Preference::High,
        })
    }));
    attributes.extend(route.expires.map(RouteAttribute::Expires));
    attributes.extend(route.ttl_propagate.map(|propagate| {
        RouteAttribute::TtlPropagate(if propagate {
            RouteMplsTtlPropagation::Enabled
        } else {
            RouteMplsTtlPropagation::Disabled
        })
    }));
    if !route.nexthops.is_empty() {
        let nexthops = route.nexthops.iter();
        let nexthops = nexthops.map(|it| nexthop(route.family(), it, index));
        attributes.push(RouteAttribute::MultiPath(
            nexthops.collect::<Result<_, _>>()?,
        ));
    }
    Ok(message)
}

pub(super) fn family(family: AddressFamily) -> Family {
    match family {
        AddressFamily::Inet => Family::Inet,
        AddressFamily::Inet6 => Family::Inet6,
    }
}

/// RTN_* in `linux/rtnetlink.h`.
fn kind(kind: RouteType) -> u8 {
    match kind {
        RouteType::Unicast => 1,
        RouteType::Local => 2,
        RouteType::Broadcast => 3,
        RouteType::Anycast => 4,
        RouteType::Multicast => 5,
        RouteType::Blackhole => 6,
        RouteType::Unreachable => 7,
        RouteType::Prohibit => 8,
        RouteType::Throw => 9,
        RouteType::Nat => 10,
        RouteType::ExternalResolve => 11,
    }
}

/// What iproute2 chooses where nothing is said.
fn scope(route: &Route) -> u8 {
    if let Some(scope) = route.scope {
        return scope.number();
    }
    let leads_to_router = route.via.is_some() || !route.nexthops.is_empty();
    match route.kind {
        _ if route.family() == AddressFamily::Inet6 => SCOPE_UNIVERSE,
        RouteType::Local | RouteType::Nat => SCOPE_HOST,
        RouteType::Broadcast | RouteType::Multicast | RouteType::Anycast => SCOPE_LINK,
        RouteType::Unicast if !leads_to_router => SCOPE_LINK,
        _ => SCOPE_UNIVERSE,
    }
}

fn router(of_route: AddressFamily, via: IpAddr) -> RouteAttribute {
    if AddressFamily::of(via) == of_route {
        return RouteAttribute::Gateway(RouteAddress::from(via));
    }
    RouteAttribute::Via(match via {
        IpAddr::V4(via) => RouteVia::Inet(via),
        IpAddr::V6(via) => RouteVia::Inet6(via),
    })
}

fn realm(realms: u32) -> RouteRealm {
    RouteRealm {
        source: u16::try_from(realms >> 16).unwrap_or(u16::MAX),
        destination: u16::try_from(realms & 0xffff).unwrap_or(u16::MAX),
    }
}

fn nexthop(
    of_route: AddressFamily,
    nexthop: &RouteNexthop,
    index: Index<'_>,
) -> std::io::Result<RouteNextHop> {
    let mut message = RouteNextHop::default();
    if nexthop.onlink {
        message.flags = RouteNextHopFlags::Onlink;
    }
    let weight = nexthop.weight.unwrap_or(1).saturating_sub(1);
    message.hops = u8::try_from(weight).unwrap_or(u8::MAX);
    if let Some(dev) = &nexthop.dev {
        message.interface_index = index(dev)?;
    }
    let attributes = &mut message.attributes;
    attributes.extend(nexthop.via.map(|via| router(of_route, via)));
    attributes.extend(nexthop.realms.map(|it| RouteAttribute::Realm(realm(it))));
    attributes.extend(nexthop.encap.as_ref().map(encap).into_iter().flatten());
    Ok(message)
}

fn metrics(metrics: &RouteMetrics) -> Vec<RouteMetric> {
    let flag = |value: Option<bool>| value.map(u32::from);
    let numbers = [
        (metrics.lock > 0).then_some(RouteMetric::Lock(metrics.lock)),
        metrics.mtu.map(RouteMetric::Mtu),
        metrics.window.map(RouteMetric::Window),
        metrics.rtt.map(RouteMetric::Rtt),
        metrics.rttvar.map(RouteMetric::RttVar),
        metrics.ssthresh.map(RouteMetric::SsThresh),
        metrics.cwnd.map(RouteMetric::Cwnd),
        metrics.advmss.map(RouteMetric::Advmss),
        metrics.reordering.map(RouteMetric::Reordering),
        metrics.hoplimit.map(RouteMetric::Hoplimit),
        metrics.initcwnd.map(RouteMetric::InitCwnd),
        metrics.features.map(RouteMetric::Features),
        metrics.rto_min.map(RouteMetric::RtoMin),
        metrics.initrwnd.map(RouteMetric::InitRwnd),
        flag(metrics.quickack).map(RouteMetric::QuickAck),
        metrics.congctl.clone().map(RouteMetric::CcAlgo),
        flag(metrics.fastopen_no_cookie).map(RouteMetric::FastopenNoCookie),
    ];
    numbers.into_iter().flatten().collect()
}

fn encap(encap: &RouteEncap) -> [RouteAttribute; 2] {
    let (kind, attributes) = match encap {
        RouteEncap::Ip(tunnel) => {
            let flags = |flags| RouteIpTunnel::Flags(RouteIpTunnelFlags::from_bits_retain(flags));
            let options = [
                tunnel.id.map(RouteIpTunnel::Id),
                tunnel.dst.map(RouteIpTunnel::Destination),
                tunnel.src.map(RouteIpTunnel::Source),
                tunnel.ttl.map(RouteIpTunnel::Ttl),
                tunnel.tos.map(RouteIpTunnel::Tos),
                tunnel.flags.map(flags),
            ];
            let options = options.into_iter().flatten().map(RouteLwTunnelEncap::Ip);
            (RouteLwEnCapType::Ip, options.collect())
        }
        RouteEncap::Ip6(tunnel) => {
            let flags = |flags| RouteIp6Tunnel::Flags(RouteIp6TunnelFlags::from_bits_retain(flags));
            let options = [
                tunnel.id.map(RouteIp6Tunnel::Id),
                tunnel.dst.map(RouteIp6Tunnel::Destination),
                tunnel.src.map(RouteIp6Tunnel::Source),
                tunnel.ttl.map(RouteIp6Tunnel::Hoplimit),
                tunnel.tos.map(RouteIp6Tunnel::Tc),
                tunnel.flags.map(flags),
            ];
            let options = options.into_iter().flatten().map(RouteLwTunnelEncap::Ip6);
            (RouteLwEnCapType::Ip6, options.collect())
        }
        RouteEncap::Mpls(labels) => {
            let labels = labels.iter().enumerate().map(|(n, &label)| MplsLabel {
                label,
                traffic_class: 0,
                bottom_of_stack: n + 1 == labels.len(),
                ttl: 0,
            });
            let stack = RouteMplsIpTunnel::Destination(labels.collect());
            (
                RouteLwEnCapType::Mpls,
                vec![RouteLwTunnelEncap::Mpls(stack)],
            )
        }
        RouteEncap::Ila(locator) => {
            let locator = DefaultNla::new(ILA_LOCATOR, locator.to_be_bytes().to_vec());
            (
                RouteLwEnCapType::Ila,
                vec![RouteLwTunnelEncap::Other(locator)],
            )
        }
    };
    [
        RouteAttribute::EncapType(kind),
        RouteAttribute::Encap(attributes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::IpPrefix;

    fn route(destination: &str, prefix_len: u8) -> Route {
        Route::new(IpPrefix {
            address: destination.parse().expect("address"),
            prefix_len,
        })
    }

    fn message(route: &Route) -> RouteMessage {
        let index = |_: &InterfaceName| Ok(7);
        route_message(route, route.table.unwrap_or(TABLE_MAIN), &index).expect("a message")
    }

    #[test]
    fn a_route_to_a_router_reaches_everywhere_and_one_without_the_link() {
        let mut it = route("10.1.2.3", 16);
        assert_eq!(u8::from(message(&it).header.scope), SCOPE_LINK);
        it.via = Some([10, 0, 0, 9].into());
        let message = message(&it);
        assert_eq!(u8::from(message.header.scope), SCOPE_UNIVERSE);
        assert_eq!(u8::from(message.header.protocol), 18);
        let network = RouteAttribute::Destination(IpAddr::from([10, 1, 0, 0]).into());
        assert!(
            message.attributes.contains(&network),
            "host bits are cleared"
        );
    }

    #[test]
    fn a_table_beyond_a_byte_is_an_attribute() {
        let mut it = route("10.1.0.0", 16);
        it.table = Some(1000);
        let message = message(&it);
        assert_eq!(message.header.table, TABLE_COMPAT);
        assert!(message.attributes.contains(&RouteAttribute::Table(1000)));
    }

    #[test]
    fn a_router_of_the_other_family_is_named_with_its_family() {
        let mut it = route("10.1.0.0", 16);
        it.via = Some("fe80::1".parse().expect("address"));
        let via = RouteAttribute::Via(RouteVia::Inet6("fe80::1".parse().expect("address")));
        assert!(message(&it).attributes.contains(&via));
    }
}
