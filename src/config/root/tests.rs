//! The small inputs that keepalived's own answers are known for, and what becomes of them here.

use proptest::prelude::*;

use super::*;
use crate::config::load::tests::{codes, loaded, loaded_bytes, parsed};
use crate::config::{Authentication, CheckerKind, InitialState, LvsPlane, Place, Severity};
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

mod checkers;
mod consequences;
mod global_defs;
mod instances;
mod inventory;
mod scripts;
mod sync_groups;
mod tables;
mod tracking;
mod values;
mod virtual_servers;
mod words;

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
