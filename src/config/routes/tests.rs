use super::*;
use crate::config::load::tests::{codes, loaded};
use crate::types::RouteEncap;

fn text(entries: &str) -> String {
    format!(
        "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.0.0.1\n}}\nvirtual_routes {{\n{entries}\n}}\n}}\n"
    )
}

fn routes(entries: &str) -> Vec<Route> {
    loaded(&text(entries)).config.vrrp_instances[0]
        .virtual_routes
        .clone()
}

fn route(entry: &str) -> Route {
    let routes = routes(entry);
    assert_eq!(routes.len(), 1, "{entry}: {:?}", complaints(entry));
    routes[0].clone()
}

/// Complaints other than that the keyword is not carried out, the first entry being on line 8.
fn complaints(entries: &str) -> Vec<String> {
    let mut codes = codes(&text(entries));
    codes.retain(|code| !code.ends_with("not-carried-out"));
    codes
}

#[test]
fn the_words_of_a_route_come_in_any_order() {
    for entry in [
        "10.1.0.0/16 via 10.0.0.9 dev eth1 src 10.0.0.1 metric 5 table main",
        "src 10.0.0.1 metric 5 table 254 dev eth1 via 10.0.0.9 to 10.1.0.0/16",
    ] {
        let route = route(entry);
        assert_eq!(
            route.to_string(),
            "10.1.0.0/16 via 10.0.0.9 dev eth1 src 10.0.0.1 table 254 metric 5"
        );
        assert_eq!(route.protocol, RTPROT_KEEPALIVED);
        assert_eq!(complaints(entry), Vec::<String>::new());
    }
}

#[test]
fn a_default_route_is_of_the_family_of_its_router() {
    assert_eq!(
        route("default via 10.0.0.9").to_string(),
        "default via 10.0.0.9"
    );
    let of = |entry: &str| route(entry).family();
    assert_eq!(of("all via 10.0.0.9"), AddressFamily::Inet);
    assert_eq!(of("default via fe80::1 dev eth0"), AddressFamily::Inet6);
    assert_eq!(of("inet6 default dev eth0"), AddressFamily::Inet6);
    assert_eq!(of("default6 via fe80::1 dev eth0"), AddressFamily::Inet6);
    assert_eq!(
        complaints("default6 via fe80::1 dev eth0"),
        ["8:1 deprecated"]
    );
}

#[test]
fn a_route_that_leads_nowhere_is_added_and_others_are_prepended() {
    assert_eq!(route("blackhole 10.4.0.0/16").kind, RouteType::Blackhole);
    assert_eq!(route("blackhole 10.4.0.0/16").insert, InsertMode::Add);
    assert_eq!(route("10.4.0.0/16 dev eth0").insert, InsertMode::Prepend);
    assert_eq!(
        route("append 10.4.0.0/16 dev eth0").insert,
        InsertMode::Append
    );
}

#[test]
fn old_words_for_routers_work_and_are_said() {
    assert_eq!(
        route("10.1.0.0/16 gw 10.0.0.9").via,
        Some([10, 0, 0, 9].into())
    );
    assert_eq!(complaints("10.1.0.0/16 gw 10.0.0.9"), ["8:13 deprecated"]);
    let two = route("10.3.0.0/16 via 10.0.0.9 or 10.0.0.8");
    assert_eq!(two.via, None);
    let routers: Vec<_> = two.nexthops.iter().filter_map(|hop| hop.via).collect();
    assert_eq!(
        routers,
        ["10.0.0.9", "10.0.0.8"].map(|it| it.parse::<std::net::IpAddr>().expect("address"))
    );
}

#[test]
fn several_ways_have_weights_and_interfaces() {
    let route =
        route("10.15.0.0/16 nexthop via 10.0.0.1 weight 2 nexthop via 10.0.0.2 dev eth1 onlink");
    assert_eq!(route.nexthops.len(), 2);
    assert_eq!(route.nexthops[0].weight, Some(2));
    assert!(route.nexthops[1].onlink);
    assert_eq!(
        complaints("10.15.0.0/16 nexthop via 10.0.0.1 weight 300"),
        ["8:42 out-of-range"]
    );
}

#[test]
fn metrics_may_be_locked_and_times_have_units() {
    let metrics = route("10.13.0.0/16 dev eth0 mtu lock 1400 advmss 1000 rtt 300ms rto_min 1s congctl lock cubic features ecn quickack 1").metrics;
    assert_eq!((metrics.mtu, metrics.advmss), (Some(1400), Some(1000)));
    assert_eq!((metrics.rtt, metrics.rto_min), (Some(2400), Some(1000)));
    assert_eq!(metrics.lock, 1 << 2 | 1 << 16);
    assert_eq!(metrics.congctl.as_deref(), Some("cubic"));
    assert_eq!((metrics.features, metrics.quickack), (Some(1), Some(true)));
}

#[test]
fn tunnels_are_read_up_to_their_last_option() {
    let ip = route("10.16.0.0/16 encap ip id 1 dst 10.0.0.2 ttl 7 dev eth0");
    assert_eq!(ip.dev.as_ref().map(|dev| dev.as_str()), Some("eth0"));
    assert!(matches!(ip.encap, Some(RouteEncap::Ip(tunnel)) if tunnel.ttl == Some(7)));
    let mpls = route("10.17.0.0/16 encap mpls 100/200 via 10.0.0.1");
    assert_eq!(mpls.encap, Some(RouteEncap::Mpls(vec![100, 200])));
    let ila = route("fd00::/64 encap ila 1:2:3:4 dev eth0");
    assert_eq!(ila.encap, Some(RouteEncap::Ila(0x0001_0002_0003_0004)));
}

#[test]
fn a_route_of_another_protocol_is_not_tracked() {
    assert_eq!(
        route("10.11.0.0/16 protocol static dev eth0").protocol,
        RTPROT_KEEPALIVED
    );
    assert_eq!(
        complaints("10.11.0.0/16 protocol static dev eth0"),
        ["8:14 conflict"]
    );
    assert_eq!(
        route("10.11.0.0/16 protocol static no_track dev eth0").protocol,
        4
    );
}

#[test]
fn a_mistake_leaves_the_whole_route_out() {
    for (entry, expected) in [
        ("via 10.0.0.1", "8:1 invalid-value"),
        ("10.6.0.0/16 table nosuch", "8:19 invalid-value"),
        ("10.7.0.0/16 via fe80::1", "8:17 conflict"),
        ("10.8.0.0/16 foo", "8:13 invalid-value"),
        ("10.9.0.0/16 metric 10x", "8:20 invalid-value"),
        ("10.9.0.0/16 metric", "8:13 missing-parameter"),
        ("10.14.0.0/16 features foo", "8:23 invalid-value"),
        ("10.14.0.0/16 quickack 2", "8:23 out-of-range"),
        ("10.21.0.0/16 pref high dev eth0", "8:14 conflict"),
        ("fd00::/16 pref foo dev eth0", "8:16 invalid-value"),
        ("10.22.0.0/16 expires 10", "8:14 conflict"),
        ("10.22.0.0/16 track_group X", "8:14 misplaced-keyword"),
        ("10.24.0.0/16 dev eth0 hoplimit 300", "8:32 out-of-range"),
        ("10.24.0.0/16 dev eth0 from 10.0.0.0/8", "8:28 conflict"),
    ] {
        assert_eq!(complaints(entry), [expected], "{entry}");
        assert!(routes(entry).is_empty(), "{entry}");
    }
}

#[test]
fn a_route_may_lead_to_a_router_of_the_other_family() {
    let route = route("10.7.0.0/16 via inet6 fe80::1 dev eth0");
    assert_eq!(route.family(), AddressFamily::Inet);
    assert!(route.via.is_some_and(|via| via.is_ipv6()));
}

#[test]
fn an_interface_that_does_not_exist_is_an_error() {
    assert_eq!(
        complaints("10.18.0.0/16 dev eth9"),
        ["8:18 unknown-interface"]
    );
}

#[test]
fn a_time_below_200_milliseconds_is_raised_and_said() {
    let entry = "10.13.0.0/16 dev eth0 rtt 1599 rttvar 199ms rto_min 100";
    let metrics = route(entry).metrics;
    assert_eq!(
        (metrics.rtt, metrics.rttvar, metrics.rto_min),
        (Some(1600), Some(800), Some(200))
    );
    assert_eq!(
        complaints(entry),
        ["8:27 defaulted", "8:39 defaulted", "8:53 defaulted"]
    );
    let entry = "10.13.0.0/16 dev eth0 rtt 1600 rttvar 200ms rto_min 200";
    assert_eq!(complaints(entry), Vec::<String>::new());
}
