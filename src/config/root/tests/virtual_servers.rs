//! `virtual_server` and `real_server`.

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
    for target in ["fwmark 1", "group G", "2001:db8::1 80"] {
        let text = virtual_server("").replace("10.0.0.1 80", target);
        assert_eq!(codes(&text), ["1:1 left-out"], "{target}");
        assert_says(&text, "is left out: nobody serves it");
        assert_eq!(loaded(&text).test_status(), 5, "{target}");
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
