//! The small inputs that keepalived's own answers are known for, and what becomes of them here.

use proptest::prelude::*;

use super::*;
use crate::config::load::tests::{codes, loaded, loaded_bytes, parsed};
use crate::config::{Authentication, CheckerKind, InitialState, LvsPlane, Severity};
use crate::types::{ForwardingMethod, Scheduler, TunnelType};

/// An instance that works, with further lines in it.
fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {{\n10.0.0.1/24\n}}\n{lines}\n}}\n"
    )
}

/// A virtual server that works, with further lines in it.
fn virtual_server(lines: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.1.1 80 {{\n}}\n{lines}\n}}\n"
    )
}

/// A virtual server whose only real server has these lines.
fn real_server(lines: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.1.1 80 {{\n{lines}\n}}\n}}\n"
    )
}

/// The one instance of a text, whatever the complaints.
fn only_instance(text: &str) -> crate::config::VrrpInstance {
    let mut instances = loaded(text).config.vrrp_instances;
    assert_eq!(instances.len(), 1);
    instances.remove(0)
}

fn only_virtual_server(text: &str) -> crate::config::VirtualServer {
    let mut servers = loaded(text).config.virtual_servers;
    assert_eq!(servers.len(), 1);
    servers.remove(0)
}

fn messages(text: &str) -> Vec<String> {
    loaded(text)
        .complaints
        .iter()
        .map(|complaint| {
            let help = complaint.help.as_deref().unwrap_or_default();
            format!("{} {help}", complaint.message)
        })
        .collect()
}

fn assert_says(text: &str, part: &str) {
    let messages = messages(text);
    assert!(
        messages.iter().any(|message| message.contains(part)),
        "'{part}' is not in {messages:#?}"
    );
}

mod words {
    use super::*;

    #[test]
    fn an_unknown_keyword_gets_the_nearest_known_one() {
        assert_eq!(codes(&instance("foo")), ["7:1 unknown-keyword"]);
        assert_says(&instance("intervael 1"), "unknown keyword 'intervael'");
        assert_says(&instance("prioritty 1"), "did you mean 'priority'?");
        assert_says(&instance("State MASTER"), "did you mean 'state'?");
        assert_says(&real_server("weigth 1"), "did you mean 'weight'?");
        assert_says("vvrp_script x {\n}\n", "did you mean 'vrrp_script'?");
        assert_says(
            &real_server("SMTP_CHEKC {\n}"),
            "did you mean 'SMTP_CHECK'?",
        );
    }

    #[test]
    fn a_value_glued_to_its_keyword_needs_a_blank() {
        assert_says(
            &instance("mcast_src_ip=10.0.0.1"),
            "a blank is missing behind 'mcast_src_ip'",
        );
        assert_says(
            &virtual_server("sorry_server<10.0.0.1> 80"),
            "a blank is missing behind 'sorry_server'",
        );
    }

    #[test]
    fn a_keyword_of_another_block_is_sent_there() {
        assert_eq!(codes(&instance("lb_algo rr")), ["7:1 misplaced-keyword"]);
        assert_says(&instance("lb_algo rr"), "it belongs in 'virtual_server'");
        assert_says(&instance("auth_pass x"), "it belongs in 'authentication'");
    }

    #[test]
    fn an_unknown_block_is_one_complaint_and_nothing_in_it_is_applied() {
        let text = instance("foo {\npriority 20\nbar\n}");
        assert_eq!(codes(&text), ["7:1 unknown-keyword"]);
        assert_eq!(only_instance(&text).priority.get(), 100);
    }

    #[test]
    fn a_missing_parameter_is_an_error_and_the_rest_is_read() {
        let text = "vrrp_instance VI_1 {\ninterface\nvirtual_router_id 51\nfoo\n}\n";
        let codes = codes(text);
        assert!(
            codes.contains(&"2:1 missing-parameter".to_owned()),
            "{codes:?}"
        );
        assert!(
            codes.contains(&"4:1 unknown-keyword".to_owned()),
            "{codes:?}"
        );
    }

    #[test]
    fn words_behind_the_value_are_said_and_the_value_counts() {
        let text = instance("priority 90 extra words");
        assert_eq!(codes(&text), ["7:13 extra-words"]);
        assert_eq!(only_instance(&text).priority.get(), 90);
    }

    #[test]
    fn a_second_keyword_on_the_line_needs_a_line_of_its_own() {
        let text = "vrrp_instance V { interface eth0 virtual_router_id 51 }\n";
        assert_says(text, "each keyword needs a line of its own");
        assert_says(text, "the virtual router id must be set");
    }

    #[test]
    fn the_last_of_two_values_counts() {
        assert_eq!(
            parsed(&instance("priority 90\npriority 80")).vrrp_instances[0]
                .priority
                .get(),
            80
        );
    }

    #[test]
    fn complaints_come_in_the_order_of_the_file() {
        let text = format!(
            "{}{}",
            instance("foo\nadvert_int abc"),
            virtual_server("quorum 9\nbar")
        );
        let lines: Vec<u32> = loaded(&text)
            .complaints
            .iter()
            .filter_map(|complaint| complaint.place.as_ref())
            .map(|place| place.line)
            .collect();
        assert!(lines.is_sorted() && lines.len() == 4, "{lines:?}");
    }
}

mod values {
    use super::*;

    #[test]
    fn bad_numbers_keep_the_default() {
        let text = instance("advert_int abc\npriority 300\npreempt_delay -1");
        assert_eq!(
            codes(&text),
            [
                "7:12 invalid-value",
                "8:10 out-of-range",
                "9:15 out-of-range"
            ]
        );
        let instance = only_instance(&text);
        assert_eq!(
            (instance.advert_int.as_secs_v2(), instance.priority.get()),
            (1, 100)
        );
    }

    #[test]
    fn a_count_with_something_behind_it_is_read_as_far_as_it_is_one() {
        let text = instance("garp_master_delay 7x");
        assert_eq!(codes(&text), ["7:19 invalid-value"]);
        assert_eq!(only_instance(&text).garp.garp_master_delay.as_secs(), 7);
        assert_eq!(only_instance(&instance("priority 7x")).priority.get(), 100);
    }

    #[test]
    fn a_boolean_that_is_none_is_not_applied() {
        let text = format!(
            "global_defs {{\nvrrp_strict maybe\nvrrp_skip_check_adv_addr Yes\n}}\n{}",
            instance("")
        );
        assert_eq!(codes(&text), ["2:13 invalid-value", "3:26 invalid-value"]);
        assert!(!only_instance(&text).skip_check_adv_addr);
    }

    #[test]
    fn skip_check_adv_addr_no_means_no() {
        let text = format!(
            "global_defs {{\nvrrp_skip_check_adv_addr\n}}\n{}",
            instance("skip_check_adv_addr no")
        );
        assert!(!parsed(&text).vrrp_instances[0].skip_check_adv_addr);
    }

    #[test]
    fn the_sample_s_garp_interval_of_zero_is_none() {
        parsed("global_defs {\nvrrp_garp_interval 0\nvrrp_gna_interval 0\n}\n");
        assert_eq!(
            codes("global_defs {\nvrrp_garp_interval 0.001\n}\n"),
            ["2:1 not-carried-out"]
        );
    }

    #[test]
    fn our_own_keywords_are_read() {
        let config =
            parsed("global_defs {\nhello_interval 2.5\nlvs_plane userspace\nrouter_id me\n}\n");
        assert_eq!(config.global_defs.hello_interval.as_millis(), 2500);
        assert_eq!(config.global_defs.lvs_plane, LvsPlane::Userspace);
        assert_eq!(config.global_defs.router_id, "me");
        assert_eq!(parsed("").global_defs.router_id, "test.example.org");
        assert_eq!(
            codes("global_defs {\nlvs_plane kernel\n}\n"),
            ["2:11 invalid-value"]
        );
    }
}

mod instances {
    use super::*;

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
            ["1:15 missing-keyword", "3:19 out-of-range"]
        );
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
        assert_eq!(codes(&text), ["8:1 conflict", "9:1 conflict"]);
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
    fn what_peers_could_not_understand_leaves_the_instance_out() {
        for lines in [
            "authentication {\nauth_type AH\nauth_pass x\n}",
            "mcast_dst_ip 224.0.0.19",
            "auth_hmac {\nkey 1 hex:00\n}",
        ] {
            let loaded = loaded(&instance(lines));
            assert!(loaded.config.vrrp_instances.is_empty());
            assert_eq!(loaded.test_status(), 0, "{lines}");
            assert!(
                loaded
                    .complaints
                    .iter()
                    .any(|c| c.message.contains("left out")),
                "{lines}"
            );
        }
        assert_eq!(
            only_instance(&instance("mcast_dst_ip 224.0.0.18"))
                .virtual_router_id
                .get(),
            51
        );
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
    fn an_ipv6_instance_is_left_out_with_a_note() {
        let loaded = loaded(&instance("").replace("10.0.0.1/24", "fe80::1"));
        assert!(loaded.config.vrrp_instances.is_empty());
        assert_eq!(loaded.complaints.len(), 1);
        assert_eq!(loaded.complaints[0].severity, Severity::Note);
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
    fn garp_settings_come_from_the_instance_then_from_global_defs() {
        let text = format!(
            "global_defs {{\nvrrp_garp_master_delay 2\nvrrp_garp_master_repeat 3\n}}\n{}",
            instance("garp_master_repeat 0\ngarp_master_refresh 60")
        );
        let garp = parsed(&text).vrrp_instances[0].garp;
        assert_eq!(
            (garp.garp_master_delay.as_secs(), garp.garp_master_repeat),
            (2, 1)
        );
        assert_eq!(
            (
                garp.garp_lower_prio_delay.as_secs(),
                garp.garp_lower_prio_repeat
            ),
            (2, 1)
        );
        assert_eq!(garp.garp_master_refresh.as_secs(), 60);
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
}

mod scripts {
    use super::*;

    fn tracked(script: &str) -> String {
        format!(
            "global_defs {{\nenable_script_security\n}}\n{}{script}",
            instance("track_script {\nchk\n}")
        )
    }

    #[test]
    fn a_script_may_be_defined_behind_its_use() {
        let text = tracked(
            "vrrp_script chk {\nscript \"/x/y 'a b' c\"\ninterval 2\nweight -10\nrise 2\nfall 3\nuser nobody wheel\n}\n",
        );
        let config = parsed(&text);
        let script = &config.vrrp_scripts[0];
        assert_eq!(script.script.argv, ["/x/y", "a b", "c"]);
        assert_eq!(
            script.script.user.map(|user| (user.uid, user.gid)),
            Some((65_534, 10))
        );
        assert_eq!(
            (script.interval.as_secs(), script.timeout.as_secs()),
            (2, 2)
        );
        assert_eq!((script.rise, script.fall), (2, 3));
        assert_eq!(config.vrrp_instances[0].track_script[0].weight.get(), -10);
    }

    #[test]
    fn a_script_that_does_not_exist_is_disabled_and_said_once() {
        let text = tracked("vrrp_script chk {\nscript \"/missing/chk\"\n}\n");
        assert_eq!(codes(&text), ["15:1 script-unusable"]);
        assert!(only_instance(&text).track_script.is_empty());
        assert_says(&text, "'/missing/chk' does not exist");
    }

    #[test]
    fn script_security_refuses_what_others_may_change() {
        let text = tracked("vrrp_script chk {\nscript \"/insecure/chk\"\n}\n");
        assert_eq!(codes(&text), ["15:1 script-unusable"]);
        assert_says(&text, "'/insecure' belongs to user 0 and has mode 777");
        let lax = text.replace("enable_script_security", "router_id x");
        assert_eq!(codes(&lax), ["script-security"]);
    }

    #[test]
    fn a_name_that_no_script_has_is_said_where_it_is_used() {
        let text = tracked("vrrp_script chkk {\nscript \"/x\"\n}\n");
        assert_eq!(
            codes(&text),
            ["11:1 unknown-reference", "14:13 unused-script"]
        );
        assert_says(
            &text,
            "(VI_1) track script chk not found, ignoring... did you mean 'chkk'?",
        );
    }

    #[test]
    fn an_unquoted_command_with_arguments_is_read_as_users() {
        let text = instance("notify_fault /x/s.sh a b");
        assert_eq!(codes(&text), ["7:1 script-unusable"]);
        assert_says(&text, "double quotes");
        assert_eq!(only_instance(&text).notify.notify_fault, None);
    }

    #[test]
    fn notify_scripts_keep_their_arguments_and_escapes() {
        let text = instance("notify \"/x 'a b' c\\x41\" root\nnotify_master '/y d'");
        let notify = only_instance(&text).notify;
        assert_eq!(
            notify.notify.map(|command| command.argv),
            Some(["/x", "a b", "cA"].map(str::to_owned).to_vec())
        );
        assert_eq!(
            notify.notify_master.map(|command| command.argv),
            Some(["/y", "d"].map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn a_redirection_is_left_to_a_shell_and_a_bare_name_to_path() {
        let text = instance("notify \"</dev/tcp/127.0.0.1/80\"\nnotify_stop \"killall -0 sshd\"");
        let notify = only_instance(&text).notify;
        let argv = notify.notify.expect("notify").argv;
        assert_eq!(argv, ["/bin/sh", "-c", "</dev/tcp/127.0.0.1/80"]);
        assert_eq!(
            notify.notify_stop.expect("notify_stop").argv,
            ["/usr/bin/killall", "-0", "sshd"]
        );
    }
}

mod sync_groups {
    use super::*;

    fn group(members: &str) -> String {
        let other = instance("").replace("VI_1", "VI_2").replace("51", "52");
        format!(
            "{}{other}vrrp_sync_group G {{\ngroup {{\n{members}\n}}\n}}\n",
            instance("")
        )
    }

    #[test]
    fn members_may_stand_on_one_line_or_on_several() {
        assert_eq!(
            parsed(&group("VI_1 VI_2")).vrrp_sync_groups[0].group,
            ["VI_1", "VI_2"]
        );
        assert_eq!(
            parsed(&group("VI_1\nVI_2")).vrrp_sync_groups[0].group,
            ["VI_1", "VI_2"]
        );
    }

    #[test]
    fn members_that_do_not_exist_or_are_named_twice_are_left_out() {
        assert_eq!(
            codes(&group("VI_1\nVI_2\nVI_3\nVI_1")),
            ["21:1 unknown-reference", "22:1 duplicate-entry"]
        );
    }

    #[test]
    fn a_group_of_one_is_probably_not_meant_and_one_of_none_is_removed() {
        assert_eq!(codes(&group("VI_1")), ["17:17 conflict"]);
        let text = group("");
        assert_eq!(codes(&text), ["17:17 nothing-to-do"]);
        assert!(loaded(&text).config.vrrp_sync_groups.is_empty());
    }

    #[test]
    fn names_without_their_group_block_do_not_abort() {
        let text = format!("vrrp_sync_group G {{\nVI_1\nVI_2\n}}\n{}", instance(""));
        assert_eq!(
            codes(&text),
            [
                "1:17 nothing-to-do",
                "2:1 unknown-keyword",
                "3:1 unknown-keyword"
            ]
        );
    }
}

mod virtual_servers {
    use super::*;

    #[test]
    fn a_virtual_server_without_real_servers_is_not_used() {
        let text = virtual_server("").replace("real_server 10.0.1.1 80 {\n}\n", "");
        assert_eq!(codes(&text), ["1:1 nothing-to-do"]);
        assert!(loaded(&text).config.virtual_servers.is_empty());
    }

    #[test]
    fn defaults_of_a_virtual_server_are_said() {
        let text = "virtual_server 10.0.0.1 80 {\nreal_server 10.0.1.1 80 {\n}\n}\n";
        assert_eq!(
            codes(text),
            ["1:1 defaulted", "1:1 defaulted", "1:1 defaulted"]
        );
        assert_says(text, "no protocol set - defaulting to UDP");
        assert_says(text, "setting default 'wlc'");
        assert_says(text, "setting default NAT");
        let server = only_virtual_server(text);
        assert_eq!(
            (server.lvs_sched, server.lvs_method),
            (Scheduler::Wlc, ForwardingMethod::Nat)
        );
    }

    #[test]
    fn names_of_schedulers_and_methods_must_be_exact() {
        assert_says(&virtual_server("lb_kind dr"), "did you mean 'DR'?");
        assert_says(
            &virtual_server("lb_algo foo"),
            "invalid value 'foo' for 'lb_algo'",
        );
        let server = only_virtual_server(&virtual_server("lb_kind dr\nlb_algo foo"));
        assert_eq!(
            (server.lvs_sched, server.lvs_method),
            (Scheduler::Rr, ForwardingMethod::Nat)
        );
        assert_eq!(
            only_virtual_server(&virtual_server("protocol udp"))
                .protocol
                .number(),
            17
        );
    }

    #[test]
    fn tunnels_have_types() {
        let text = virtual_server("lb_kind TUN type gue port 6080 nocsum");
        assert_eq!(
            only_virtual_server(&text).lvs_method,
            ForwardingMethod::Tunnel(TunnelType::Gue { port: 6080 })
        );
        let text = real_server("lvs_method TUN type gre");
        let server = only_virtual_server(&text);
        assert_eq!(
            server.real_servers[0].lvs_method,
            ForwardingMethod::Tunnel(TunnelType::Gre)
        );
        assert_eq!(
            codes(&virtual_server("lvs_method TUN type gue")),
            ["7:1 invalid-value"]
        );
    }

    #[test]
    fn direct_routing_cannot_change_the_port() {
        let text = real_server("")
            .replace("NAT", "DR")
            .replace("10.0.1.1 80", "10.0.1.1 81");
        assert_eq!(codes(&text), ["5:1 conflict"]);
        assert_says(&text, "ports don't match - resetting");
        assert_eq!(only_virtual_server(&text).real_servers[0].address.port, 80);
    }

    #[test]
    fn a_port_of_zero_needs_persistence() {
        let text = virtual_server("").replace("10.0.0.1 80", "10.0.0.1 0");
        assert_eq!(codes(&text), ["1:1 conflict"]);
        assert_eq!(
            only_virtual_server(&text)
                .persistence_timeout
                .map(|t| t.as_secs()),
            Some(360)
        );
        let text = virtual_server("persistence_timeout");
        assert_eq!(
            parsed(&text).virtual_servers[0]
                .persistence_timeout
                .map(|t| t.as_secs()),
            Some(360)
        );
    }

    #[test]
    fn a_quorum_that_cannot_be_met_is_reduced_and_the_hysteresis_stays_below_it() {
        let text = virtual_server("quorum 5\nhysteresis 5");
        assert_eq!(codes(&text), ["7:1 conflict", "8:1 conflict"]);
        assert_says(&text, "reducing quorum to 1");
        assert_says(&text, "setting hysteresis to 0");
        let server = only_virtual_server(&text);
        assert_eq!((server.quorum, server.hysteresis), (1, 0));
    }

    #[test]
    fn a_host_name_is_no_address_of_a_virtual_server() {
        let text = virtual_server("").replace("10.0.0.1", "www.example.org");
        assert_eq!(codes(&text), ["1:16 invalid-value"]);
        assert!(loaded(&text).config.virtual_servers.is_empty());
    }

    #[test]
    fn what_is_not_carried_out_is_left_out_with_a_note() {
        for target in ["fwmark 1", "group G", "2001:db8::1 80"] {
            let text = virtual_server("").replace("10.0.0.1 80", target);
            assert_eq!(codes(&text), ["1:1 not-carried-out"], "{target}");
        }
    }

    #[test]
    fn a_real_server_of_another_family_or_named_twice_is_left_out() {
        let text = virtual_server("real_server 2001:db8::1 80 {\n}\nreal_server 10.0.1.1 80 {\n}");
        assert_eq!(codes(&text), ["7:1 conflict", "9:1 duplicate-entry"]);
        assert_eq!(only_virtual_server(&text).real_servers.len(), 1);
    }

    #[test]
    fn a_sorry_server_takes_the_virtual_server_s_port_and_method() {
        let server = parsed(&virtual_server("sorry_server 10.0.2.1"))
            .virtual_servers
            .remove(0);
        let sorry = server.sorry_server.expect("sorry server");
        assert_eq!(sorry.address.to_string(), "10.0.2.1:80");
        assert_eq!(sorry.lvs_method, ForwardingMethod::Nat);
    }
}

mod checkers {
    use super::*;
    use crate::config::{Checker, HttpProtocol};

    fn checker(lines: &str) -> Checker {
        parsed(&real_server(lines)).virtual_servers[0].real_servers[0].checkers[0].clone()
    }

    #[test]
    fn a_tcp_check_connects_to_its_real_server() {
        let checker = checker("TCP_CHECK {\n}");
        let CheckerKind::TcpCheck(connect) = checker.kind else {
            panic!("{checker:?}");
        };
        assert_eq!(connect.target.to_string(), "10.0.1.1:80");
        assert_eq!(connect.connect_timeout.as_secs(), 5);
        assert_eq!(
            (checker.retry, checker.delay_before_retry.as_secs()),
            (1, 1)
        );
        assert_eq!(
            (checker.delay_loop.as_secs(), checker.warmup.as_secs()),
            (60, 60)
        );
    }

    #[test]
    fn settings_come_from_the_checker_then_the_real_server_then_the_virtual_server() {
        let text = virtual_server("delay_loop 6\nretry 4\nconnect_timeout 9\ndelay_before_retry 7\nalpha").replace(
            "real_server 10.0.1.1 80 {\n",
            "real_server 10.0.1.1 80 {\nretry 3\nconnect_timeout 8\nTCP_CHECK {\nconnect_timeout 2\nconnect_port 8080\nwarmup 0\n}\n",
        );
        let checker = parsed(&text).virtual_servers[0].real_servers[0].checkers[0].clone();
        let CheckerKind::TcpCheck(connect) = checker.kind else {
            panic!("{checker:?}");
        };
        assert_eq!(
            (connect.connect_timeout.as_secs(), connect.target.port),
            (2, 8080)
        );
        assert_eq!(
            (checker.retry, checker.delay_before_retry.as_secs()),
            (3, 7)
        );
        assert_eq!(
            (checker.delay_loop.as_secs(), checker.warmup.as_secs()),
            (6, 0)
        );
        assert!(checker.alpha);
    }

    #[test]
    fn an_http_check_knows_its_urls() {
        let checker = checker(
            "HTTP_GET {\nvirtualhost www\nhttp_protocol 1.1\nurl {\npath /a\nstatus_code 200 300-399\n}\n\
             url {\npath /b\nvirtualhost other\ndigest 00112233445566778899aabbccddeeff\n}\n}",
        );
        assert_eq!(checker.delay_before_retry.as_secs(), 3);
        let CheckerKind::HttpGet(_, http) = checker.kind else {
            panic!("{checker:?}");
        };
        assert!(!http.tls && http.http_protocol == HttpProtocol::V1_1);
        let ranges: Vec<_> = http.urls[0]
            .status_code
            .iter()
            .map(|r| (r.first, r.last))
            .collect();
        assert_eq!(ranges, [(200, 200), (300, 399)]);
        assert_eq!(http.urls[0].virtualhost.as_deref(), Some("www"));
        assert_eq!(http.urls[1].virtualhost.as_deref(), Some("other"));
        assert_eq!(http.urls[1].digest.map(|digest| digest[1]), Some(0x11));
        assert_eq!(http.urls[1].status_code[0].last, 299);
    }

    #[test]
    fn ssl_get_is_http_get_with_tls() {
        let checker = checker("SSL_GET {\nenable_sni\nurl {\npath /\n}\n}");
        assert!(
            matches!(checker.kind, CheckerKind::HttpGet(_, http) if http.tls && http.enable_sni)
        );
    }

    #[test]
    fn mistakes_in_a_url_are_one_complaint_each() {
        let text = real_server("HTTP_GET {\nurl {\npath /\ndigest 0011\nstatus_code 700 200\n}\n}");
        assert_eq!(codes(&text), ["9:8 invalid-value", "10:13 invalid-value"]);
        assert_eq!(codes(&real_server("HTTP_GET {\n}")), ["6:1 nothing-to-do"]);
        assert_eq!(
            codes(&real_server("HTTP_GET {\nurl {\n}\n}")),
            ["6:1 nothing-to-do", "7:1 nothing-to-do"]
        );
    }

    #[test]
    fn a_checker_without_its_block_is_an_error() {
        assert_eq!(codes(&real_server("TCP_CHECK")), ["6:1 missing-brace"]);
    }

    #[test]
    fn a_misc_check_runs_for_as_long_as_the_delay_loop() {
        let text = real_server("MISC_CHECK {\nmisc_path \"/x/check a\"\nmisc_dynamic\n}")
            .replace("protocol TCP", "protocol TCP\ndelay_loop 7");
        let loaded = loaded(&text);
        let checker = &loaded.config.virtual_servers[0].real_servers[0].checkers[0];
        let CheckerKind::MiscCheck(misc) = &checker.kind else {
            panic!("{checker:?}");
        };
        assert_eq!(misc.misc_path.argv, ["/x/check", "a"]);
        assert_eq!(
            (
                misc.misc_timeout.as_secs(),
                misc.misc_dynamic,
                checker.retry
            ),
            (7, true, 0)
        );
        assert_eq!(
            codes(&real_server("MISC_CHECK {\n}")),
            ["6:1 nothing-to-do"]
        );
    }

    #[test]
    fn checkers_that_are_not_carried_out_are_said_and_their_words_are_checked() {
        let text = real_server("SMTP_CHECK {\nhelo_nam x\nconnect_port 99999\n}");
        assert_eq!(
            codes(&text),
            [
                "6:1 not-carried-out",
                "7:1 unknown-keyword",
                "8:14 out-of-range"
            ]
        );
        assert_says(&text, "did you mean 'helo_name'?");
    }

    #[test]
    fn old_spellings_work_and_are_said() {
        let text = real_server("TCP_CHECK {\nnb_get_retry 5\n}");
        assert_eq!(codes(&text), ["7:1 deprecated"]);
        assert_eq!(
            only_virtual_server(&text).real_servers[0].checkers[0].retry,
            5
        );
    }
}

mod tables {
    use super::*;
    use crate::config::keyword::Opens;

    #[test]
    fn no_table_has_a_keyword_twice() {
        let mut seen = std::collections::HashSet::new();
        for keyword in catalogue().reference() {
            assert!(seen.insert((keyword.block, keyword.name)), "{keyword:?}");
        }
    }

    #[test]
    fn every_block_that_a_keyword_opens_has_a_table() {
        let catalogue = catalogue();
        for keyword in catalogue.reference() {
            if let Some(Opens::Keywords(table)) = catalogue.opens(keyword.block, keyword.name) {
                assert!(catalogue.names(table).next().is_some(), "{table}");
            }
        }
    }
}

/// Pieces that a configuration is made of, and some that it is not.
fn fragment() -> impl Strategy<Value = String> {
    let names: Vec<&str> = catalogue()
        .reference()
        .iter()
        .map(|keyword| keyword.name)
        .collect();
    prop_oneof![
        4 => proptest::sample::select(names).prop_map(str::to_owned),
        2 => proptest::sample::select(vec![
            "{", "}", "\n", " ", "\"", "'", "#", "!", "\\", "$A", "${A}", "$A=", "~SEQ(x,1,3)", "~LST(x,a)", "@id",
            "10.0.0.1", "10.0.0.1/24", "fe80::1", "80", "-1", "0.5", "eth0", "MASTER", "on", "/x/y",
        ]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let loaded = loaded_bytes(&bytes);
        loaded.render(crate::config::Drawing::Plain);
    }

    #[test]
    fn any_words_are_read_without_a_panic(fragments in proptest::collection::vec(fragment(), 0..120)) {
        let loaded = loaded(&fragments.join(" "));
        loaded.render(crate::config::Drawing::Plain);
    }

    #[test]
    fn any_change_to_a_valid_file_is_read_without_a_panic(
        at in any::<prop::sample::Index>(),
        length in 0usize..20,
        replacement in fragment(),
    ) {
        let mut text = include_str!("../../../conf.d/examples/director-a.conf").to_owned();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.replace_range(start..end, &replacement);
        let loaded = loaded(&text);
        loaded.render(crate::config::Drawing::Plain);
        for complaint in &loaded.complaints {
            if let Some(place) = &complaint.place {
                prop_assert!(place.source.get(place.start..place.end).is_some());
            }
        }
    }
}
