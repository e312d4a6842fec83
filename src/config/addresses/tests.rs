use super::*;
use crate::config::load::tests::{codes, loaded};
use crate::types::VirtualAddress;

fn instance(entries: &str) -> String {
    format!(
        "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n{entries}\n}}\n}}\n"
    )
}

fn addresses(entries: &str) -> Vec<VirtualAddress> {
    let loaded = loaded(&instance(entries));
    loaded.config.vrrp_instances[0].virtual_ipaddress.clone()
}

#[test]
fn all_options_of_an_address_are_read() {
    let entry = &addresses("10.0.0.1/24 dev eth1 scope link brd + label eth1:vip no_track")[0];
    assert_eq!(entry.to_string(), "10.0.0.1/24");
    assert_eq!(entry.dev, InterfaceName::new("eth1").ok());
    assert_eq!(entry.scope, AddressScope::Link);
    assert_eq!(entry.broadcast, Some(Ipv4Addr::new(10, 0, 0, 255)));
    assert_eq!(entry.label.as_deref(), Some("eth1:vip"));
    assert!(entry.no_track);
}

#[test]
fn an_address_without_a_prefix_is_a_host() {
    assert_eq!(
        addresses("10.0.0.1"),
        [VirtualAddress::new(
            "10.0.0.1".parse().expect("address"),
            32
        )]
    );
}

#[test]
fn a_prefix_out_of_range_becomes_32() {
    assert_eq!(addresses("10.0.0.1/33")[0].prefix_len, 32);
    assert_eq!(codes(&instance("10.0.0.1/33")), ["5:1 out-of-range"]);
}

#[test]
fn what_is_no_address_is_left_out() {
    assert_eq!(
        codes(&instance("10.0.0.300/24\n10.0.0.1")),
        ["5:1 invalid-value"]
    );
    assert_eq!(addresses("10.0.0.300/24\n10.0.0.1").len(), 1);
}

#[test]
fn two_addresses_on_a_line_are_one_and_a_complaint() {
    assert_eq!(addresses("10.0.0.1 10.0.0.2").len(), 1);
    assert_eq!(codes(&instance("10.0.0.1 10.0.0.2")), ["5:10 extra-words"]);
    assert_eq!(
        codes(&instance("10.0.0.1/24 foo bar")),
        ["5:13 extra-words", "5:17 extra-words"]
    );
}

#[test]
fn options_that_are_not_carried_out_are_said_with_their_values() {
    assert_eq!(
        codes(&instance("10.0.0.1 peer 10.0.0.9 home")),
        ["5:10 not-carried-out", "5:24 not-carried-out"]
    );
}

#[test]
fn the_broadcast_address_of_every_prefix_is_computed() {
    assert_eq!(
        addresses("10.0.0.1/32 brd +")[0].broadcast,
        Some(Ipv4Addr::new(10, 0, 0, 1))
    );
    assert_eq!(
        addresses("10.0.0.1/0 brd +")[0].broadcast,
        Some(Ipv4Addr::BROADCAST)
    );
    assert_eq!(addresses("10.0.0.1/24 brd -")[0].broadcast, None);
}
