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
    assert_eq!(
        codes(&[], &moved),
        [Code::OnlyOnOneNode, Code::OnlyOnOneNode]
    );
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
