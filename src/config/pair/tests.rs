use super::*;
use crate::config::fake_host::FakeHost;
use crate::config::{Drawing, LoadOptions, load};

const NODE: &str = "\
vrrp_script chk {
    script /bin/check
    weight -60
}
vrrp_instance web {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 1
    version 2
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.0.2.1
    }
    track_script {
        chk
    }
}
virtual_server 192.0.2.1 80 {
    protocol TCP
    lb_algo rr
    lb_kind NAT
    real_server 10.0.0.1 80 {
    }
}
";

fn loaded(text: &str) -> Loaded {
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("a.conf");
    std::fs::write(&file, text).expect("written");
    let options = LoadOptions {
        origins: true,
        ..LoadOptions::default()
    };
    load(&file, &options, &FakeHost::default())
}

/// What is said of `NODE` and a peer that is `NODE` at priority 100 with these replacements on both and on the peer.
fn said(both: &[(&str, &str)], peer: &[(&str, &str)]) -> Vec<Complaint> {
    let replace = |text: &str, pairs: &[(&str, &str)]| {
        pairs.iter().fold(text.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from} in\n{text}");
            text.replace(from, to)
        })
    };
    let first = replace(NODE, both);
    let second = replace(&first.replace("priority 150", "priority 100"), peer);
    compare(&loaded(&first), &loaded(&second))
}

fn codes(both: &[(&str, &str)], peer: &[(&str, &str)]) -> Vec<Code> {
    said(both, peer)
        .iter()
        .map(|complaint| complaint.code)
        .collect()
}

#[test]
fn a_pair_that_works_causes_no_complaint() {
    assert_eq!(codes(&[], &[]), []);
}

#[test]
fn each_complaint_draws_both_files() {
    let said = said(&[], &[("advert_int 1", "advert_int 2")]);
    let text = said[0].render(Drawing::Plain);
    assert!(
        text.contains("advert_int 1") && text.contains("advert_int 2"),
        "{text}"
    );
    let also = said[0].also.as_ref().expect("a second place");
    assert_eq!(also.line, 10);
}

#[test]
fn a_vrid_on_one_node_only_has_nobody_to_take_over() {
    let moved = [("virtual_router_id 51", "virtual_router_id 52")];
    let elsewhere = [moved[0], ("192.0.2.1\n", "192.0.2.9\n")];
    assert_eq!(
        codes(&[], &elsewhere),
        [Code::OnlyOnOneNode, Code::OnlyOnOneNode]
    );
    // With the same address it is a slip, and worse.
    assert_eq!(codes(&[], &moved), [Code::PairMismatch]);
}

#[test]
fn what_adverts_carry_must_be_the_same() {
    for change in [
        ("version 2", "version 3"),
        ("advert_int 1", "advert_int 2"),
        ("auth_pass secret", "auth_pass other"),
    ] {
        assert!(
            codes(&[], &[change]).contains(&Code::PairMismatch),
            "{change:?}"
        );
    }
}

#[test]
fn version_3_follows_the_interval_that_it_hears() {
    let both = [("version 2", "version 3")];
    assert_eq!(
        codes(&both, &[("advert_int 1", "advert_int 2")]),
        [Code::PairDiffers]
    );
}

#[test]
fn addresses_that_differ_are_named() {
    let said = said(&[], &[("        192.0.2.1\n", "        192.0.2.9\n")]);
    assert!(
        said[0].message.contains("192.0.2.1, 192.0.2.9"),
        "{}",
        said[0].message
    );
}

const UNICAST: (&str, &str) = (
    "    track_script",
    "    unicast_src_ip 10.1.1.1\n    unicast_peer {\n        10.1.1.2\n    }\n    track_script",
);

#[test]
fn unicast_peers_must_name_each_other() {
    let mutual = [
        ("unicast_src_ip 10.1.1.1", "unicast_src_ip 10.1.1.x"),
        ("        10.1.1.2", "        10.1.1.1"),
        ("10.1.1.x", "10.1.1.2"),
    ];
    assert_eq!(codes(&[UNICAST], &mutual), []);
    let stranger = [("        10.1.1.2", "        10.1.1.7")];
    let codes_of_stranger = codes(&[UNICAST], &stranger);
    assert_eq!(codes_of_stranger, [Code::PairMismatch, Code::PairMismatch]);
}

#[test]
fn without_a_source_it_cannot_be_known_who_the_peer_is() {
    let without = [("    unicast_src_ip 10.1.1.1\n", "")];
    assert!(codes(&[UNICAST], &without).contains(&Code::PairUnknown));
}

#[test]
fn unicast_and_multicast_do_not_hear_each_other() {
    assert_eq!(codes(&[], &[UNICAST]), [Code::PairMismatch]);
}

#[test]
fn equal_priorities_are_a_warning_and_two_owners_an_error() {
    let equal = [("priority 100", "priority 150")];
    assert_eq!(codes(&[], &equal), [Code::PairDiffers]);
    let owners = [("priority 150", "priority 255")];
    assert_eq!(codes(&owners, &[]), [Code::PairMismatch]);
}

#[test]
fn state_master_on_both_is_a_warning() {
    assert_eq!(
        codes(&[("state BACKUP", "state MASTER")], &[]),
        [Code::PairDiffers]
    );
    assert_eq!(codes(&[], &[("state BACKUP", "state MASTER")]), []);
}

#[test]
fn a_weight_that_cannot_make_the_other_one_master_is_a_warning() {
    assert_eq!(
        codes(&[("weight -60", "weight -50")], &[]),
        [Code::PairWeight]
    );
    assert_eq!(codes(&[("weight -60", "weight -51")], &[]), []);
    assert_eq!(
        codes(&[("weight -60", "weight 20")], &[]),
        [Code::PairWeight]
    );
}

#[test]
fn what_else_than_weights_can_make_the_other_one_master_is_no_warning() {
    let weight = ("weight -60", "weight -5");
    for more in [
        "    track_interface {\n        eth1\n    }\n",
        "    track_file {\n        load weight 1\n    }\n",
    ] {
        let script = format!("{more}    track_script {{\n        chk\n");
        let both = [
            weight,
            ("    track_script {\n        chk\n", script.as_str()),
            (
                "vrrp_instance web",
                "track_file load {\n    file /run/load\n}\nvrrp_instance web",
            ),
        ];
        let said = codes(&both, &[]);
        assert!(!said.contains(&Code::PairWeight), "{more}: {said:?}");
    }
}

#[test]
fn a_backup_that_does_not_preempt_makes_weights_useless() {
    let nopreempt = ("    advert_int 1\n", "    advert_int 1\n    nopreempt\n");
    let said = said(&[nopreempt], &[]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].code, Code::PairWeight);
    assert!(said[0].message.contains("nopreempt"), "{}", said[0].message);
}

#[test]
fn the_highest_priority_is_what_a_weight_is_taken_from_at_last() {
    // 250 and 50 are 254; without the 50 it is 250.
    let both = [
        ("weight -60", "weight 50"),
        ("priority 150", "priority 250"),
    ];
    let first = both
        .iter()
        .fold(NODE.to_owned(), |text, (from, to)| text.replace(from, to));
    let second = first.replace("priority 250", "priority 190");
    let said = compare(&loaded(&first), &loaded(&second));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].message.contains("still 250"), "{}", said[0].message);
}

#[test]
fn one_vrid_on_two_interfaces_is_two_virtual_routers() {
    let second_one = NODE
        .split_once("vrrp_instance")
        .and_then(|(_, rest)| rest.split_once("virtual_server"))
        .map(|(instance, _)| {
            format!("vrrp_instance{instance}")
                .replace("web", "inside")
                .replace("eth0", "eth1")
                .replace("192.0.2.1", "198.51.100.1")
        })
        .unwrap_or_default();
    let first = format!("{NODE}{second_one}");
    let peer = |text: &str| text.replace("priority 150", "priority 100");
    assert_eq!(compare(&loaded(&first), &loaded(&peer(&first))), []);
    let said = compare(&loaded(&first), &loaded(&peer(NODE)));
    let missing: Vec<_> = said.iter().map(|complaint| complaint.code).collect();
    assert_eq!(missing, [Code::OnlyOnOneNode], "{said:?}");
}

#[test]
fn how_an_address_is_put_on_an_interface_is_compared() {
    let vip = "        192.0.2.1\n";
    for (change, what) in [
        ("        192.0.2.1/24\n", "prefix length 32 and 24"),
        ("        192.0.2.1 dev eth1\n", "is on eth0 and on eth1"),
    ] {
        let said = said(&[], &[(vip, change)]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].code, Code::PairDiffers);
        assert!(said[0].message.contains(what), "{}", said[0].message);
    }
    assert_eq!(codes(&[], &[(vip, "        192.0.2.1 dev eth0\n")]), []);
}

#[test]
fn interfaces_may_have_other_names_on_the_other_node() {
    let both = [("        192.0.2.1\n", "        192.0.2.1/24 dev eth0\n")];
    assert_eq!(codes(&both, &[("eth0", "eth1")]), []);
}

#[test]
fn each_setting_of_a_service_that_differs_is_a_warning_of_its_own() {
    let server = "real_server 10.0.0.1 80 {";
    for (to, what) in [
        (("lb_algo rr", "lb_algo wlc"), "lb_algo rr and wlc"),
        (("lb_kind NAT", "lvs_method DR"), "lb_kind NAT and DR"),
        (("protocol TCP", "protocol UDP"), "protocol tcp and udp"),
        (
            (server, "real_server 10.0.0.1 80 {\nweight 3"),
            "weight 1 and 3",
        ),
        (
            (server, "real_server 10.0.0.1 80 {\nTCP_CHECK {\n}"),
            "checked on one node only",
        ),
    ] {
        let said = said(&[], &[to]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].code, Code::PairDiffers);
        let message = said[0].message.to_lowercase();
        assert!(message.contains(&what.to_lowercase()), "{message}");
        assert!(said[0].place.is_some() && said[0].also.is_some());
    }
}

#[test]
fn checkers_must_decide_alike_and_may_connect_from_the_node_s_own_address() {
    let checker = "real_server 10.0.0.1 80 {\nTCP_CHECK {\nbindto 10.0.0.8\nconnect_timeout 2\n}";
    let both = [("real_server 10.0.0.1 80 {", checker)];
    assert_eq!(codes(&both, &[("bindto 10.0.0.8", "bindto 10.0.0.9")]), []);
    let slower = [("connect_timeout 2", "connect_timeout 3")];
    let said = said(&both, &slower);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].message.contains("two ways"), "{}", said[0].message);
}

#[test]
fn services_of_both_protocols_at_one_address_find_their_own() {
    let udp = "virtual_server 192.0.2.1 80 {\nprotocol UDP\nlb_algo wlc\nreal_server 10.0.0.1 80 {\n}\n}\n";
    let with_udp = format!("{udp}virtual_server 192.0.2.1");
    let with = [("virtual_server 192.0.2.1", with_udp.as_str())];
    assert_eq!(codes(&with, &[]), []);
    assert_eq!(codes(&[], &with), [Code::OnlyOnOneNode]);
}

#[test]
fn a_file_that_cannot_be_read_is_not_compared() {
    let options = LoadOptions::default();
    let missing = load(
        std::path::Path::new("/nonexistent/pair.conf"),
        &options,
        &FakeHost::default(),
    );
    assert!(missing.is_unreadable());
    let there = loaded(NODE);
    for said in [compare(&missing, &there), compare(&there, &missing)] {
        let codes: Vec<Code> = said.iter().map(|complaint| complaint.code).collect();
        assert_eq!(codes, [Code::PairUnknown]);
    }
}

#[test]
fn virtual_servers_that_differ_are_a_warning() {
    let other = [("real_server 10.0.0.1", "real_server 10.0.0.2")];
    assert_eq!(codes(&[], &other), [Code::PairDiffers]);
    let moved = [("virtual_server 192.0.2.1 80", "virtual_server 192.0.2.1 81")];
    assert_eq!(
        codes(&[], &moved),
        [Code::OnlyOnOneNode, Code::OnlyOnOneNode]
    );
}

#[test]
fn sync_groups_must_have_the_same_virtual_routers() {
    let group = "vrrp_sync_group g {\n    group {\n        web\n    }\n}\nvirtual_server 192.0.2.1";
    let with = [("virtual_server 192.0.2.1", group)];
    assert_eq!(codes(&with, &[]), []);
    assert_eq!(codes(&[], &with), [Code::PairDiffers]);
}
