//! `keepalived.stats`: counters of each virtual router.

use std::fmt::Write;

use crate::vrrp::snapshot::{Counters, Snapshot};

/// The whole file.
pub fn render(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for instance in &snapshot.instances {
        let _ = writeln!(text, "VRRP Instance: {}", instance.name);
        block(&mut text, &instance.counters);
    }
    text
}

/// Each heading with its lines. Those from "Holdfast" on are not keepalived's.
fn block(text: &mut String, it: &Counters) {
    let sections: [(&str, &[(&str, u64)]); 6] = [
        (
            "Packet Errors",
            &[
                ("Length", it.packet_len_err),
                ("TTL", it.ip_ttl_err),
                ("Invalid Type", it.invalid_type_rcvd),
                ("Advertisement Interval", it.advert_interval_err),
                ("Address List", it.addr_list_err),
            ],
        ),
        (
            "Authentication Errors",
            &[
                ("Invalid Type", it.invalid_authtype),
                ("Type Mismatch", it.authtype_mismatch),
                ("Failure", it.auth_failure),
            ],
        ),
        (
            "Authentication Extension Errors",
            &[
                ("Missing", it.auth_ext_missing),
                ("Malformed", it.auth_ext_malformed),
                ("Unknown Key", it.auth_ext_unknown_key),
                ("Invalid HMAC", it.auth_ext_invalid_hmac),
                ("Stale", it.auth_ext_stale),
                ("Replay", it.auth_ext_replay),
            ],
        ),
        (
            "Priority Zero",
            &[("Received", it.pri_zero_rcvd), ("Sent", it.pri_zero_sent)],
        ),
        (
            "Holdfast Packet Errors",
            &[
                ("Version", it.version_err),
                ("Checksum", it.checksum_err),
                ("Unexpected Peer", it.unexpected_peer),
            ],
        ),
        (
            "Holdfast Restored",
            &[
                ("Addresses", it.address_restored),
                ("Routes And Rules", it.routing_restored),
            ],
        ),
    ];
    let adverts = [("Received", it.advert_rcvd), ("Sent", it.advert_sent)];
    section(text, "Advertisements", &adverts);
    let _ = writeln!(text, "  Became master: {}", it.become_master);
    let _ = writeln!(text, "  Released master: {}", it.release_master);
    for (heading, lines) in sections {
        section(text, heading, lines);
    }
}

fn section(text: &mut String, heading: &str, lines: &[(&str, u64)]) {
    let _ = writeln!(text, "  {heading}:");
    for (name, count) in lines {
        let _ = writeln!(text, "    {name}: {count}");
    }
}
