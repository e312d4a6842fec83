use std::net::IpAddr;

use super::*;
use crate::config::Authentication;
use crate::types::{AdvertInterval, OwnedAddress, Priority, Vrid, VrrpVersion};
use crate::vrrp::snapshot::{Counters, Dump, GroupSnapshot, Lateness, ScriptSnapshot, Snapshot};

fn interface() -> InterfaceName {
    InterfaceName::new("eth0").expect("a name")
}

fn now() -> Now {
    Now {
        at: Instant::now(),
        unix: Duration::from_secs(1_000_000),
    }
}

/// One instance with one address.
fn dump(state: State, now: Now) -> Dump {
    let vrid = Vrid::new(51).expect("a VRID");
    let mut config = VrrpInstance::new("V", interface(), vrid);
    let address = IpAddr::from([10, 0, 0, 100]);
    config.virtual_ipaddress = vec![VirtualAddress::new(address, 24)];
    config.authentication = Authentication::Pass(*b"secret\0\0");
    let owned = OwnedAddress {
        interface: interface(),
        address,
        prefix_len: 24,
        peer: None,
    };
    let instance = InstanceSnapshot {
        name: "V".to_owned(),
        state,
        wants_master: state == State::Master,
        interface: interface(),
        virtual_router_id: vrid,
        version: VrrpVersion::V2,
        base_priority: Priority::DEFAULT,
        effective_priority: Priority::DEFAULT,
        advert_int: AdvertInterval::DEFAULT,
        master_adver_interval: AdvertInterval::DEFAULT,
        source: Some(IpAddr::from([10, 0, 0, 1])),
        master: (state == State::Backup).then(|| (IpAddr::from([10, 0, 0, 2]), 150)),
        faults: Vec::new(),
        addresses: if state == State::Master {
            vec![owned]
        } else {
            Vec::new()
        },
        last_transition: now.at.checked_sub(Duration::from_millis(2500)),
        next_timeout: None,
        master_down_interval: Duration::from_micros(3_609_375),
        counters: Counters {
            advert_sent: 7,
            checksum_err: 3,
            ..Counters::default()
        },
    };
    Dump {
        snapshot: Snapshot {
            instances: vec![instance],
            groups: vec![GroupSnapshot {
                name: "G".to_owned(),
                state,
                members: vec!["V".to_owned()],
            }],
            scripts: vec![ScriptSnapshot {
                name: "S".to_owned(),
                good: Some(false),
                running: false,
                last_status: 1,
            }],
            lateness: Lateness::default(),
        },
        configs: vec![config],
    }
}

fn assert_lines(text: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(text.lines().any(|it| it == *line), "{line:?} in\n{text}");
    }
}

#[test]
fn the_data_of_a_master_say_its_state_its_addresses_and_why() {
    let now = now();
    let text = data(&dump(State::Master, now), now);
    let wanted = [
        "------< VRRP Topology >------",
        " VRRP Instance = V",
        "   State = MASTER",
        "   Wantstate = MASTER",
        "   Master down timer = 3609375 usecs",
        "   Priority = 100",
        "   Advert interval = 1 sec",
        "   Authentication type = SIMPLE_PASSWORD",
        "   Password = ********",
        "   Virtual IP (1):",
        "     10.0.0.100/24 dev eth0 scope global set",
        "   Reason = no better master was heard",
        "   In this state for = 2 secs",
        " VRRP Sync Group = G, MASTER",
        "   Status = BAD",
        " At most 100 usecs = 0",
        " Latest = 0 usecs",
    ];
    assert_lines(&text, &wanted);
    assert!(text.contains("Last transition = 999997.500000 ("), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn the_data_of_a_backup_name_its_master() {
    let now = now();
    let text = data(&dump(State::Backup, now), now);
    let wanted = [
        "   State = BACKUP",
        "   Master router = 10.0.0.2",
        "   Master priority = 150",
        "     10.0.0.100/24 dev eth0 scope global",
        "   Reason = 10.0.0.2 is master with priority 150",
    ];
    assert_lines(&text, &wanted);
}

#[test]
fn the_stats_have_a_line_for_each_counter_and_ours_behind_keepalived_s() {
    let text = stats(&dump(State::Master, now()).snapshot);
    let head =
        "VRRP Instance: V\n  Advertisements:\n    Received: 0\n    Sent: 7\n  Became master: 0\n";
    assert!(text.starts_with(head), "{text}");
    assert_lines(&text, &["  Priority Zero:", "    Checksum: 3"]);
}

#[test]
fn json_has_keepalived_s_keys_in_its_order_and_numbers_for_its_flags() {
    let now = now();
    let dump = dump(State::Master, now);
    let text = json(&dump, 1, now);
    let head = "[{\"data\":{\"iname\":\"V\",\"dont_track_primary\":0,\"skip_check_adv_addr\":0,\"strict_mode\":0,\
                \"vmac_ifname\":\"\",\"ifp_ifname\":\"eth0\",\"master_priority\":0,\"last_transition\":999997.5,";
    assert!(text.starts_with(head), "{text}");
    let rest = "\"vipset\":true,\"promote_secondaries\":false,\"adver_int\":1,\"master_adver_int\":1,\"accept\":1,\
                \"nopreempt\":false,\"preempt_delay\":0,\"state\":2,\"wantstate\":2,\"version\":2,\
                \"smtp_alert\":false,\"notify_deleted\":false,\"vips\":[\"10.0.0.100/24 dev eth0 scope global set\"],\
                \"auth_type\":1,\"auth_data\":\"********\"},\"stats\":{\"advert_rcvd\":0,\"advert_sent\":7,";
    assert!(text.contains(rest), "{text}");
    let version_2 = json(&dump, 2, now);
    assert!(
        version_2.starts_with("{\"vrrp\":[{\"data\":"),
        "{version_2}"
    );
}
