use super::*;
use crate::config::load::tests::{codes, loaded};
use crate::types::{InterfaceName, IpPrefix, VirtualAddress};

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
    assert_eq!(entry.scope, RouteScope::LINK);
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
fn flags_and_lifetimes_are_read() {
    let entry = &addresses("10.0.0.1 home -nodad mngtmpaddr noprefixroute autojoin")[0];
    assert!(entry.home && entry.dad && entry.mngtmpaddr && entry.noprefixroute && entry.autojoin);
    assert_eq!(entry.preferred_lifetime(), PreferredLifetime::Forever);
    let entry = &addresses("10.0.0.1 preferred_lft 10")[0];
    assert_eq!(entry.preferred_lifetime(), PreferredLifetime::Seconds(10));
    assert_eq!(
        codes(&instance("10.0.0.1 preferred_lft foo")),
        ["5:24 invalid-value"]
    );
}

#[test]
fn an_ipv6_host_address_is_never_a_source_unless_the_file_says_so() {
    let never = VirtualAddress::new("fd00::1".parse().expect("address"), 128);
    assert_eq!(never.preferred_lifetime(), PreferredLifetime::Seconds(0));
    let forever = VirtualAddress::new("fd00::1".parse().expect("address"), 64);
    assert_eq!(forever.preferred_lifetime(), PreferredLifetime::Forever);
}

#[test]
fn a_peer_brings_the_prefix_length() {
    let entry = &addresses("10.0.0.1 peer 10.0.0.9/24")[0];
    let peer = IpPrefix {
        address: "10.0.0.9".parse().expect("address"),
        prefix_len: 24,
    };
    assert_eq!((entry.peer, entry.prefix_len), (Some(peer), 24));
    assert!(codes(&instance("10.0.0.1/24 peer 10.0.0.9")).contains(&"5:1 conflict".to_owned()));
    let other_family = "10.0.0.1 peer fe80::1";
    assert!(codes(&instance(other_family)).contains(&"5:15 invalid-value".to_owned()));
    assert_eq!(addresses(other_family)[0].peer, None);
}

#[test]
fn a_label_that_is_too_long_or_a_wrong_broadcast_address_leaves_the_address_out() {
    let label = "10.0.0.1 label averyveryverylonglabel\n10.0.0.2";
    assert_eq!(addresses(label).len(), 1);
    assert_eq!(codes(&instance(label)), ["5:16 out-of-range"]);
    let broadcast = "10.0.0.1 brd foo\n10.0.0.2";
    assert_eq!(addresses(broadcast).len(), 1);
    assert_eq!(codes(&instance(broadcast)), ["5:14 invalid-value"]);
    assert_eq!(codes(&instance("10.0.0.1 scope 77")), Vec::<String>::new());
    assert_eq!(addresses("10.0.0.1 scope fishy\n10.0.0.2").len(), 2);
}

#[test]
fn a_misspelt_option_and_its_value_are_one_complaint() {
    let text = instance("10.0.0.1/24 devv eth0 label eth0:1 hoome");
    assert_eq!(codes(&text), ["5:13 extra-words", "5:36 extra-words"]);
}

#[test]
fn options_of_other_lists_are_said() {
    assert_eq!(
        codes(&instance("10.0.0.1 track_group X")),
        ["5:10 misplaced-keyword", "5:22 extra-words"]
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
