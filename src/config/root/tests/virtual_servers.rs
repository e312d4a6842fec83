//! `virtual_server` and `real_server`.

use super::*;
use crate::config::{Granularity, GroupEntry, IpFamily, ServiceTarget};

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
fn an_address_that_is_written_with_its_port_is_taken_apart_in_the_help() {
    let real = |address: &str| {
        virtual_server("").replace("real_server 10.0.1.1 80", &format!("real_server {address}"))
    };
    assert_says(&real("10.0.1.1:80"), "did you mean '10.0.1.1 80'?");
    assert_says(&real("[fd00::2]:80"), "did you mean 'fd00::2 80'?");
    assert_says(&real("[fd00::2] 80"), "did you mean 'fd00::2'?");
    let service = "virtual_server [fd00::1]:80 {\nreal_server fd00::2 80 {\n}\n}\n";
    assert_says(
        service,
        "did you mean 'fd00::1 80'? The virtual server is not used",
    );
    let service = "virtual_server fd00::1:80 {\nreal_server fd00::2 80 {\n}\n}\n";
    assert_says(service, "did you mean 'fd00::1 80'?");
    let service = "virtual_server fd00::1 {\nreal_server fd00::2 80 {\n}\n}\n";
    assert_says(service, "no port, or 0, means all ports");
}

#[test]
fn a_misspelt_method_or_protocol_is_said_with_what_was_meant() {
    assert_says(
        &virtual_server("lb_kind NATT"),
        "did you mean 'NAT'? For now the ",
    );
    let text = virtual_server("").replace("protocol TCP", "protocol tpc");
    assert_says(&text, "did you mean 'TCP'? For now the default counts: UDP");
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
fn full_nat_is_ours() {
    let text = virtual_server("").replace("NAT", "FULLNAT");
    assert_eq!(
        parsed(&text).virtual_servers[0].lvs_method,
        ForwardingMethod::FullNat
    );
}

#[test]
fn direct_routing_cannot_change_the_port() {
    let text = real_server("")
        .replace("NAT", "DR")
        .replace("10.0.1.1 80", "10.0.1.1 81");
    assert_eq!(codes(&text), ["5:1 conflict"]);
    assert_says(&text, "ports don't match - resetting");
    assert!(
        !messages(&text)
            .iter()
            .any(|message| message.contains("WARNING"))
    );
    assert_eq!(only_virtual_server(&text).real_servers[0].address.port, 80);
}

#[test]
fn where_the_port_cannot_change_the_checks_ask_the_one_that_is_written() {
    // As with keepalived: a port of its own for health is as good behind DR as with NAT.
    let ports = |checker: &str, method: &str| {
        let text = real_server(checker)
            .replace("NAT", method)
            .replace("10.0.1.1 80", "10.0.1.1 81");
        let real_server = only_virtual_server(&text).real_servers.remove(0);
        let CheckerKind::TcpCheck(connect) = &real_server.checkers[0].kind else {
            panic!("no TCP_CHECK");
        };
        (real_server.address.port, connect.target.port)
    };
    assert_eq!(ports("TCP_CHECK {\n}", "DR"), (80, 81));
    assert_eq!(ports("TCP_CHECK {\n}", "NAT"), (81, 81));
    assert_eq!(ports("TCP_CHECK {\nconnect_port 82\n}", "DR"), (80, 82));
    let text = real_server("TCP_CHECK {\n}")
        .replace("NAT", "DR")
        .replace("10.0.1.1 80", "10.0.1.1 81");
    assert_says(&text, "checkers without 'connect_port' ask 81");
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
fn what_is_not_carried_out_is_left_out_with_a_warning() {
    let group = "virtual_server_group G {\n10.0.0.1-3 80\n}\n";
    let on_mark =
        "virtual_server fwmark 1 {\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.1.1 0 {\n}\n}\n";
    let on_group = group.to_owned() + &virtual_server("").replace("10.0.0.1 80", "group G");
    let on_v6 = virtual_server("")
        .replace("10.0.0.1 80", "2001:db8::1 80")
        .replace("10.0.1.1", "2001:db8::2");
    for (text, target) in [
        (on_mark.to_owned(), ServiceTarget::Fwmark(1)),
        (on_group, ServiceTarget::Group("G".to_owned())),
        (on_v6, ServiceTarget::Address),
    ] {
        assert_says(&text, "is left out: nobody serves it");
        let loaded = loaded(&text);
        assert_eq!(loaded.test_status(), 5, "{target:?}");
        assert!(loaded.config.virtual_servers.is_empty());
        assert_eq!(loaded.config.pending_virtual_servers[0].target, target);
        let warnings = loaded.complaints.iter();
        let warnings = warnings.filter(|complaint| complaint.severity == Severity::Warning);
        assert_eq!(warnings.count(), 1, "{target:?}");
    }
}

#[test]
fn a_service_with_a_firewall_mark_has_neither_protocol_nor_ports() {
    let text = virtual_server("").replace("10.0.0.1 80", "fwmark 7");
    assert_says(&text, "protocol will be ignored");
    assert_says(&text, "real server 10.0.1.1 has no port - clearing");
    let server = loaded(&text).config.pending_virtual_servers.remove(0);
    assert_eq!(server.real_servers[0].address.port, 0);
    assert_eq!(server.log_name(), "FWM 7");
}

#[test]
fn a_group_has_ranges_prefixes_and_marks() {
    let text = "virtual_server_group G {\n10.0.0.1-3 80\n10.0.1.4/30\n2001:db8::1-f 53\nfwmark 9 inet6\n10.0.0.9-3\nwww 80\n10.0.0.1 80 81\n}\n";
    let groups = loaded(text).config.virtual_server_groups;
    let addresses = |first: &str, last: &str, port| GroupEntry::Addresses {
        first: first.parse().expect("address"),
        last: last.parse().expect("address"),
        port,
    };
    assert_eq!(
        groups[0].entries,
        [
            addresses("10.0.0.1", "10.0.0.3", 80),
            addresses("10.0.1.4", "10.0.1.7", 0),
            addresses("2001:db8::1", "2001:db8::f", 53),
            GroupEntry::Fwmark {
                mark: 9,
                family: Some(IpFamily::Inet6)
            },
        ]
    );
    assert_eq!(
        codes(text),
        [
            "1:1 not-carried-out",
            "6:1 out-of-range",
            "7:1 invalid-value",
            "8:13 extra-words"
        ]
    );
}

#[test]
fn a_group_that_is_not_there_gets_the_nearest_name() {
    let text = "virtual_server_group WEB {\n10.0.0.1 80\n}\n".to_owned()
        + &virtual_server("").replace("10.0.0.1 80", "group WEBB");
    assert_says(&text, "did you mean 'WEB'?");
}

#[test]
fn flags_of_a_scheduler_are_for_that_scheduler() {
    let text = virtual_server("sh-port\nflag-3");
    assert_says(&text, "'sh-port' is for scheduler sh, not rr");
    let options = only_virtual_server(&text).options;
    assert!(!options.flag_2 && options.flag_3);
    let options = only_virtual_server(&text.replace("lb_algo rr", "lb_algo sh")).options;
    assert!(options.flag_2);
}

#[test]
fn one_packet_scheduling_is_for_udp_and_a_granularity_for_its_family() {
    let text = virtual_server("ops\npersistence_granularity 64");
    assert_says(&text, "one packet scheduling requires UDP - resetting");
    assert_says(&text, "does not fit the address family");
    let text = virtual_server("ops\npersistence_granularity 255.255.255.0").replace("TCP", "udp");
    let options = only_virtual_server(&text).options;
    assert!(options.ops);
    assert_eq!(
        options.persistence_granularity,
        Some(Granularity::Netmask([255, 255, 255, 0].into()))
    );
    assert_eq!(
        codes(&virtual_server("persistence_granularity 255.0.255.0")),
        ["7:25 invalid-value"]
    );
}

#[test]
fn mail_about_real_servers_is_on_and_about_virtual_servers_off_unless_the_file_says_otherwise() {
    let alerts = |text: &str| {
        let server = only_virtual_server(text);
        let real_server = server.real_servers[0].options.smtp_alert;
        (server.options.smtp_alert, real_server)
    };
    let text = virtual_server("");
    assert_eq!(alerts(&text), (false, true));
    let off = format!("global_defs {{\nsmtp_alert on\nsmtp_alert_checker off\n}}\n{text}");
    assert_eq!(alerts(&off), (false, false));
    let on = format!(
        "global_defs {{\nsmtp_alert on\n}}\n{}",
        virtual_server("smtp_alert off")
    );
    assert_eq!(alerts(&on), (false, true));
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
