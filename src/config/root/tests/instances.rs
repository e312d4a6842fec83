//! `vrrp_instance`.

use super::*;
use crate::config::{AntiReplay, HmacMode};
use crate::types::{AddressFamily, Priority, VrrpVersion};

#[test]
fn a_plain_instance_has_keepalived_s_defaults() {
    let text = instance("");
    let interface = crate::types::InterfaceName::new("eth0").expect("name");
    let vrid = crate::types::Vrid::new(51).expect("vrid");
    let mut expected = crate::config::VrrpInstance::new("VI_1", interface, vrid);
    let instance = parsed(&text).vrrp_instances.remove(0);
    expected
        .virtual_ipaddress
        .clone_from(&instance.virtual_ipaddress);
    assert_eq!(instance, expected);
}

#[test]
fn what_an_instance_cannot_be_without_is_an_error() {
    assert_eq!(
        codes("vrrp_instance V {\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n"),
        ["1:15 missing-keyword", "1:15 missing-keyword"]
    );
    assert_eq!(
        codes(&instance("").replace("router_id 51", "router_id 0")),
        ["3:19 required-value"]
    );
}

#[test]
fn a_peer_that_waits_for_one_advert_only_is_advised_against() {
    let text = instance("down_timer_adverts 1");
    assert_eq!(codes(&text), ["1:15 advice"]);
    assert_eq!(loaded(&text).complaints[0].severity, Severity::Note);
    assert!(codes(&instance("down_timer_adverts 2")).is_empty());
}

#[test]
fn an_interface_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    let text = instance("").replace("eth0", "eth9");
    assert_eq!(codes(&text), ["2:11 unknown-interface"]);
    assert_says(&text, "There are eth0, eth1, eth2, eth3 and lo");
    assert_eq!(loaded(&text).complaints[0].severity, Severity::Error);
    parsed(&format!("global_defs {{\ndynamic_interfaces\n}}\n{text}"));
}

#[test]
fn a_state_that_is_none_is_backup() {
    let text = instance("state master");
    assert_eq!(codes(&text), ["7:7 invalid-value"]);
    assert_says(&text, "did you mean 'MASTER'?");
    assert_eq!(only_instance(&text).state, InitialState::Backup);
}

#[test]
fn a_second_instance_of_a_name_is_not_used() {
    let text = instance("") + &instance("").replace("51", "52");
    assert_eq!(codes(&text), ["9:15 duplicate-name"]);
    assert_eq!(only_instance(&text).virtual_router_id.get(), 51);
}

#[test]
fn one_vrid_twice_on_an_interface_is_an_error() {
    let other = instance("").replace("VI_1", "VI_2");
    let text = instance("") + &other;
    assert_eq!(codes(&text), ["11:1 duplicate-vrid"]);
    assert_says(
        &text,
        "VI_1 and VI_2 both use VRID 51 with IPv4 on interface eth0",
    );
    parsed(&(instance("") + &other.replace("eth0", "eth1")));
    let of_ipv6 = "vrrp_instance V6 {\ninterface eth0\nvirtual_router_id 51\n\
                   virtual_ipaddress {\nfe80::1\n}\n}\n";
    parsed(&(instance("") + of_ipv6));
    parsed(
        &(instance("")
            + &other.replace(
                "}\n\n",
                "}\nunicast_src_ip 10.0.0.9\nunicast_peer {\n10.0.0.8\n}\n",
            )),
    );
}

#[test]
fn without_an_address_version_2_warns_and_version_3_refuses() {
    let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\n}\n";
    assert_eq!(codes(text), ["1:15 defaulted"]);
    assert_says(text, "at least one is sensible");
    let text = text.replace("_id 1", "_id 1\nversion 3");
    assert_eq!(codes(&text), ["1:15 missing-keyword"]);
}

#[test]
fn the_initial_state_master_clears_nopreempt_and_preempt_delay() {
    let text = instance("state MASTER\nnopreempt\npreempt_delay 5");
    assert_eq!(codes(&text), ["7:1 advice", "8:1 conflict", "9:1 conflict"]);
    let instance = only_instance(&text);
    assert!(instance.preempt && instance.preempt_delay.is_zero());
}

#[test]
fn nopreempt_clears_preempt_delay() {
    let text = instance("state BACKUP\nnopreempt\npreempt_delay 5");
    assert_eq!(codes(&text), ["9:1 conflict"]);
    assert!(!only_instance(&text).preempt);
}

#[test]
fn master_without_a_priority_is_the_owner() {
    assert!(only_instance(&instance("state MASTER")).priority.is_owner());
    assert_eq!(
        only_instance(&instance("priority 255")).state,
        InitialState::Master
    );
}

#[test]
fn a_long_password_is_cut_to_eight_characters() {
    let text = instance("authentication {\nauth_type PASS\nauth_pass 123456789012\n}");
    assert_eq!(codes(&text), ["9:11 out-of-range"]);
    assert_says(&text, "Truncating auth_pass to 8 characters");
    assert_eq!(
        only_instance(&text).authentication,
        Authentication::Pass(*b"12345678")
    );
}

#[test]
fn a_comment_character_cuts_a_password_as_keepalived_does() {
    let text = instance("authentication {\nauth_type PASS\nauth_pass k@l!ve1\n}");
    assert_eq!(
        only_instance(&text).authentication,
        Authentication::Pass(*b"k@l\0\0\0\0\0")
    );
    let text = text.replace("k@l!ve1", "\"k@l!ve1\"");
    assert_eq!(
        only_instance(&text).authentication,
        Authentication::Pass(*b"k@l!ve1\0")
    );
}

#[test]
fn an_authentication_type_that_is_none_is_said() {
    let text = instance("authentication {\nauth_type pass\nauth_pass x\n}");
    assert_eq!(codes(&text), ["7:1 conflict", "8:11 invalid-value"]);
    assert_eq!(only_instance(&text).authentication, Authentication::None);
}

#[test]
fn version_3_has_no_authentication() {
    let text = instance("version 3\nauthentication {\nauth_type PASS\nauth_pass x\n}");
    assert_eq!(codes(&text), ["8:1 conflict"]);
    assert_eq!(only_instance(&text).authentication, Authentication::None);
}

#[test]
fn auth_hmac_without_a_usable_key_leaves_the_instance_out() {
    let text = instance("auth_hmac {\nkey 1 hex:00\n}");
    assert_eq!(codes(&text), ["7:1 left-out", "8:1 invalid-value"]);
    assert!(loaded(&text).config.vrrp_instances.is_empty());
    assert_eq!(loaded(&text).test_status(), 5);
    assert_says(&text, "key 1 has 1 octets, and is not used");
}

#[test]
fn auth_hmac_takes_keys_of_three_kinds_and_has_keepalived_s_defaults() {
    let text = "0123456789abcdef0123456789abcdef";
    let hex = "30313233343536373839616263646566".repeat(2);
    let keys = format!("key 1 {text}\nkey 2 hex:{hex}\nkey 3 file:/etc/vrrp.key");
    let lines = format!("advert_int 4\nauth_hmac {{\n{keys}\nactive_key 2\n}}");
    let auth_hmac = only_instance(&instance(&lines)).auth_hmac.expect("a block");
    for id in 1..=3 {
        assert_eq!(auth_hmac.key_of(id), Some(text.as_bytes()), "key {id}");
    }
    assert_eq!(auth_hmac.active_key, 2);
    assert_eq!(auth_hmac.time_window.as_secs(), 12);
    assert_eq!(auth_hmac.anti_replay, AntiReplay::Time);
    assert_eq!(auth_hmac.mode, HmacMode::Enforce);
    assert!(!format!("{auth_hmac:?}").contains("0123"));

    let lines = format!(
        "auth_hmac {{\nkey 9 {text}\ntime_window 30\nanti_replay monotonic\nmode receive-only\n}}"
    );
    let auth_hmac = only_instance(&instance(&lines)).auth_hmac.expect("a block");
    assert_eq!(
        (auth_hmac.active_key, auth_hmac.time_window.as_secs()),
        (9, 30)
    );
    assert_eq!(auth_hmac.anti_replay, AntiReplay::Monotonic);
    assert_eq!(auth_hmac.mode, HmacMode::ReceiveOnly);
}

#[test]
fn strict_mode_enforces_auth_hmac() {
    let block = "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nmode permissive\n}";
    let text = instance(&format!("strict_mode\n{block}"));
    let auth_hmac = only_instance(&text).auth_hmac.expect("a block");
    assert_eq!(auth_hmac.mode, HmacMode::Enforce);
    assert_says(&text, "Strict mode requires auth_hmac mode enforce");
}

#[test]
fn the_authentication_header_begins_as_backup_and_over_ipv4_only() {
    let block = "authentication {\nauth_type AH\nauth_pass secret\n}";
    let text = instance(&format!("state MASTER\npriority 150\n{block}"));
    assert_eq!(codes(&text), ["7:1 conflict"]);
    let loaded = only_instance(&text);
    assert_eq!(loaded.authentication, Authentication::Ah(*b"secret\0\0"));
    assert_eq!(loaded.state, InitialState::Backup);
    let ipv6 = instance(&format!("version 2\n{block}")).replace("10.0.0.1/24", "fe80::1");
    assert_says(&ipv6, "Cannot use AH authentication with IPv6. ignoring");
    assert_eq!(only_instance(&ipv6).authentication, Authentication::None);
}

#[test]
fn a_group_is_a_multicast_address_of_the_instance_s_family() {
    let group = |lines: &str| {
        only_instance(&instance(lines))
            .multicast_group()
            .to_string()
    };
    assert_eq!(group(""), "224.0.0.18");
    assert_eq!(group("mcast_dst_ip 224.0.0.19"), "224.0.0.19");
    assert_eq!(
        codes(&instance("mcast_dst_ip 10.0.0.9")),
        ["7:14 invalid-value"]
    );
    assert_eq!(codes(&instance("mcast_dst_ip ff02::13")), ["7:14 conflict"]);
    let global = "global_defs {\nvrrp_mcast_group4 224.0.0.20\nvrrp_mcast_group6 ff02::20\n}\n";
    let text = format!("{global}{}", instance(""));
    assert_eq!(
        only_instance(&text).multicast_group().to_string(),
        "224.0.0.20"
    );
    let text = text.replace("10.0.0.1/24", "fe80::1");
    assert_eq!(
        only_instance(&text).multicast_group().to_string(),
        "ff02::20"
    );
}

#[test]
fn a_unicast_peer_may_say_how_far_away_it_is() {
    let peers = "10.0.0.3 min_ttl 250 max_ttl 254\n10.0.0.4\n10.0.0.5 min_ttl 3 max_ttl 2\nfe80::3";
    let text = instance(&format!("unicast_ttl 64\nunicast_peer {{\n{peers}\n}}"));
    assert_eq!(codes(&text), ["11:1 conflict", "12:1 conflict"]);
    let instance = only_instance(&text);
    assert_eq!(instance.unicast_ttl, 64);
    let ranges: Vec<_> = instance
        .unicast_peer
        .iter()
        .map(|it| (it.min_ttl, it.max_ttl))
        .collect();
    assert_eq!(ranges, [(250, 254), (0, 255), (3, 2)]);
}

#[test]
fn unicast_words_do_nothing_without_a_peer() {
    let text = instance("unicast_ttl 64");
    assert_eq!(codes(&text), ["7:1 conflict"]);
    assert_eq!(only_instance(&text).unicast_ttl, 255);
    assert_eq!(codes(&instance("check_unicast_src")), ["7:1 deprecated"]);
}

#[test]
fn the_first_script_for_an_event_counts() {
    let text = instance("notify_master /bin/true\nnotify_master /bin/false");
    assert_eq!(codes(&text), ["7:1 script-security", "8:1 duplicate-entry"]);
    let script = only_instance(&text).notify.notify_master;
    assert_eq!(script.expect("a script").argv, ["/bin/true"]);
}

#[test]
fn timer_expired_backup_needs_nopreempt() {
    let priority = |lines: &str| only_instance(&instance(lines)).timer_expired_backup;
    assert_eq!(priority("nopreempt\ntimer_expired_backup"), 99);
    assert_eq!(priority("nopreempt\ntimer_expired_backup 50"), 50);
    assert_eq!(priority("timer_expired_backup 50"), 0);
    let text = instance("nopreempt\nthread_timer_expired 50");
    assert_eq!(codes(&text), ["8:1 deprecated"]);
}

#[test]
fn only_an_owner_ignores_adverts() {
    let ignores = |lines: &str| only_instance(&instance(lines)).owner_ignore_adverts;
    assert!(ignores("priority 255\nowner_ignore_adverts"));
    assert!(!ignores("priority 254\nowner_ignore_adverts"));
    assert!(!ignores("priority 255"));
    assert!(ignores("priority 255\nstate MASTER\nstrict_mode"));
}

#[test]
fn version_3_may_do_without_addresses_where_the_file_says_so() {
    let text = instance("version 3\nno_virtual_ipaddress").replace("10.0.0.1/24\n", "");
    assert_eq!(codes(&text), [""; 0]);
    let text = text.replace("no_virtual_ipaddress\n", "");
    assert_says(&text, "No VIP specified; at least one is required");
}

#[test]
fn version_2_rounds_the_interval_to_seconds_and_version_3_to_hundredths() {
    let text = instance("advert_int 0.5");
    assert_eq!(codes(&text), ["7:1 conflict"]);
    assert_eq!(only_instance(&text).advert_int.as_secs_v2(), 1);
    let text = instance("version 3\nadvert_int 0.555");
    assert_eq!(codes(&text), ["8:1 invalid-value"]);
    assert_eq!(only_instance(&text).advert_int.as_centis_v3(), 56);
    let text = instance("version 3\nadvert_int 41");
    assert_eq!(only_instance(&text).advert_int.as_centis_v3(), 4095);
}

#[test]
fn addresses_of_another_family_and_duplicates_are_left_out() {
    let text = instance("").replace("10.0.0.1/24", "10.0.0.1/24\nfe80::1\n10.0.0.1/24");
    assert_eq!(codes(&text), ["6:1 conflict", "7:1 duplicate-entry"]);
    assert_eq!(only_instance(&text).virtual_ipaddress.len(), 1);
}

#[test]
fn an_ipv6_instance_is_version_3_whatever_the_global_version_is() {
    let addresses = "fe80::1\n2001:db8::1/64";
    let text = instance("advert_int 0.5").replace("10.0.0.1/24", addresses);
    assert_eq!(codes(&text), [""; 0]);
    let loaded = only_instance(&format!("global_defs {{\nvrrp_version 2\n}}\n{text}"));
    assert_eq!(loaded.version, VrrpVersion::V3);
    assert_eq!(loaded.family(), AddressFamily::Inet6);
    let prefixes: Vec<_> = loaded
        .virtual_ipaddress
        .iter()
        .map(|it| it.prefix_len)
        .collect();
    assert_eq!(prefixes, [128, 64]);
    let version_2 = instance("version 2").replace("10.0.0.1/24", addresses);
    assert_eq!(only_instance(&version_2).version, VrrpVersion::V2);
}

#[test]
fn the_first_ipv6_address_is_to_be_link_local() {
    let text = instance("").replace("10.0.0.1/24", "2001:db8::1\nfe80::1");
    assert_eq!(codes(&text), ["5:1 advice"]);
    assert_says(&text, "the first IPv6 VIP address should be link local");
    let strict = format!("global_defs {{\nvrrp_strict\n}}\n{text}");
    assert_says(&strict, "the first IPv6 VIP address must be link local");
}

#[test]
fn an_excluded_address_may_be_of_the_other_family() {
    let text = instance("virtual_ipaddress_excluded {\n2001:db8::1\n}");
    assert_eq!(codes(&text), [""; 0]);
    assert_eq!(only_instance(&text).virtual_ipaddress_excluded.len(), 1);
    assert_eq!(only_instance(&text).family(), AddressFamily::Inet);
}

#[test]
fn all_mistakes_of_an_ipv6_instance_are_said_at_once() {
    let text = instance("track_script {\nnone\n}\ntrack_interface {\neth8\n}")
        .replace("eth0", "eth9")
        .replace("10.0.0.1/24", "fe80::1\nfe80::1\n10.0.0.1");
    assert_eq!(
        codes(&text),
        [
            "2:11 unknown-interface",
            "6:1 duplicate-entry",
            "7:1 conflict",
            "10:1 unknown-reference",
            "13:1 unknown-interface",
        ]
    );
}

#[test]
fn mistakes_in_an_instance_without_an_interface_are_said() {
    let text = instance("nopreempt\nstate MASTER").replace("interface eth0\n", "");
    assert_eq!(
        codes(&text),
        ["1:15 missing-keyword", "6:1 conflict", "7:1 advice"]
    );
}

#[test]
fn strict_mode_does_without_authentication_and_without_state_master() {
    let lines = "state MASTER\npriority 100\nauthentication {\nauth_type PASS\nauth_pass x\n}";
    let text = format!("global_defs {{\nvrrp_strict\n}}\n{}", instance(lines));
    let instance = only_instance(&text);
    assert_eq!(
        (instance.state, instance.authentication),
        (InitialState::Backup, Authentication::None)
    );
    assert!(instance.lower_prio_no_advert);
    assert_says(&text, "State MASTER must match being address owner");
    assert_says(&text, "Strict mode does not support authentication");
    assert!(!loaded(&text).has_errors());
}

#[test]
fn unicast_instances_know_their_peers() {
    let text = instance("unicast_src_ip 10.0.0.2\nunicast_peer {\n10.0.0.3\n10.0.0.x\n}");
    assert_eq!(codes(&text), ["10:1 invalid-value"]);
    let instance = only_instance(&text);
    assert_eq!(instance.unicast_peer.len(), 1);
    assert!(instance.unicast_src_ip.is_some());
}

#[test]
fn unicast_peers_that_are_all_refused_are_a_warning_of_multicast() {
    let text = instance("unicast_src_ip 10.0.0.2\nunicast_peer {\n10.0.0.x\nnode-b\n}");
    assert_eq!(
        codes(&text),
        [
            "8:1 nothing-to-do",
            "9:1 invalid-value",
            "10:1 invalid-value"
        ]
    );
    assert_says(
        &text,
        "(VI_1) no entry of 'unicast_peer' is usable, so adverts go out by multicast",
    );
    assert_eq!(loaded(&text).complaints[0].severity, Severity::Warning);
    assert!(only_instance(&text).unicast_peer.is_empty());
}

#[test]
fn a_unicast_source_without_peers_is_a_multicast_source() {
    let text = instance("unicast_src_ip 10.0.0.2");
    assert_eq!(codes(&text), ["7:1 deprecated"]);
    let instance = only_instance(&text);
    assert_eq!(
        (instance.unicast_src_ip, instance.mcast_src_ip.is_some()),
        (None, true)
    );
}

#[test]
fn a_priority_that_is_none_is_not_that_of_an_owner() {
    for text in ["state MASTER\npriority PRI", "state MASTER\npriority 300"] {
        assert_eq!(only_instance(&instance(text)).priority, Priority::DEFAULT);
    }
}

#[test]
fn garp_settings_come_from_the_instance_then_from_global_defs() {
    let text = format!(
        "global_defs {{\nvrrp_garp_master_delay 2\nvrrp_garp_master_repeat 3\n}}\n{}",
        instance("garp_master_repeat 0\ngarp_master_refresh 60")
    );
    assert_eq!(codes(&text), ["11:1 out-of-range"]);
    let garp = only_instance(&text).garp;
    assert_eq!(
        (garp.garp_master_delay.as_secs(), garp.garp_master_repeat),
        (2, 1)
    );
    assert_eq!(
        (
            garp.garp_lower_prio_delay.as_secs(),
            garp.garp_lower_prio_repeat
        ),
        (2, 3),
        "they follow global_defs, not the instance"
    );
    assert_eq!(garp.garp_master_refresh.as_secs(), 60);
}

#[test]
fn a_slow_refresh_is_on_unless_the_file_turns_it_off() {
    let refresh = |global: &str, own: &str| {
        let text = format!("global_defs {{\n{global}\n}}\n{}", instance(own));
        parsed(&text).vrrp_instances[0]
            .garp
            .garp_master_refresh
            .as_secs()
    };
    assert_eq!(refresh("", ""), 60);
    assert_eq!(refresh("", "garp_master_refresh 0"), 0);
    assert_eq!(refresh("vrrp_garp_master_refresh 0", ""), 0);
    assert_eq!(refresh("vrrp_min_garp", ""), 0);
    assert_eq!(refresh("vrrp_min_garp", "garp_master_refresh 5"), 5);
}

#[test]
fn the_own_interface_is_tracked_anyway() {
    let text = instance("track_interface {\neth0\neth1 weight -20\neth1\n}");
    assert_eq!(
        codes(&text),
        ["8:1 duplicate-entry", "10:1 duplicate-entry"]
    );
    let tracked = only_instance(&text).track_interface;
    assert_eq!(tracked.len(), 1);
    assert_eq!(tracked[0].weight.get(), -20);
}

#[test]
fn a_prefix_length_behind_an_address_of_adverts_is_a_note() {
    let text = instance("unicast_src_ip 10.0.0.1/24\nunicast_peer {\n10.0.0.2/24\n}");
    let loaded = loaded(&text);
    let router = &loaded.config.vrrp_instances[0];
    assert_eq!(router.unicast_peer[0].address.to_string(), "10.0.0.2");
    assert_eq!(
        router.unicast_src_ip.map(|it| it.to_string()).as_deref(),
        Some("10.0.0.1")
    );
    assert_eq!(codes(&text), ["7:16 no-effect", "9:1 no-effect"]);
    assert_eq!(
        codes(&instance("mcast_src_ip 10.0.0.1/x")),
        ["7:14 invalid-value"]
    );
}

#[test]
fn promote_secondaries_is_what_a_vmac_has_anyway() {
    let text = instance("use_vmac\npromote_secondaries");
    assert_says(&text, "promote_secondaries is automatically set for vmacs");
}

#[test]
fn a_password_that_is_too_long_is_said_where_the_version_has_none() {
    let block = "version 3\nauthentication {\nauth_type PASS\nauth_pass 123456789\n}";
    assert_eq!(
        codes(&instance(block)),
        ["8:1 conflict", "10:11 out-of-range"]
    );
}

#[test]
fn adverts_to_unicast_peers_leave_through_the_interface_below_a_vmac() {
    let text = instance("use_vmac\nunicast_src_ip 10.0.0.1\nunicast_peer {\n10.0.0.2\n}");
    assert_eq!(codes(&text), ["7:1 defaulted"]);
    assert!(loaded(&text).config.vrrp_instances[0].vmac_xmit_base);
}

#[test]
fn a_unicast_peer_is_not_the_node_itself() {
    let peers = |peer: &str| {
        codes(&instance(&format!(
            "unicast_src_ip 10.0.0.1\nunicast_peer {{\n10.0.0.2\n{peer}\n}}"
        )))
    };
    assert_eq!(peers("10.0.0.3"), Vec::<String>::new());
    assert_eq!(peers("10.0.0.1"), ["10:1 conflict"]);
}
