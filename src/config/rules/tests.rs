use super::*;
use crate::config::load::tests::{codes, loaded};

fn text(entries: &str) -> String {
    format!(
        "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.0.0.1\n}}\nvirtual_rules {{\n{entries}\n}}\n}}\n"
    )
}

fn rules(entries: &str) -> Vec<Rule> {
    loaded(&text(entries)).config.vrrp_instances[0]
        .virtual_rules
        .clone()
}

fn rule(entry: &str) -> Rule {
    let rules = rules(entry);
    assert_eq!(rules.len(), 1, "{entry}: {:?}", complaints(entry));
    rules[0].clone()
}

/// Complaints other than that the keyword is not carried out, the first entry being on line 8.
fn complaints(entries: &str) -> Vec<String> {
    let mut codes = codes(&text(entries));
    codes.retain(|code| !code.ends_with("not-carried-out"));
    codes
}

#[test]
fn the_words_of_a_rule_come_in_any_order() {
    for entry in [
        "from 10.0.0.0/8 iif eth1 fwmark 0x10/0xff lookup main priority 10",
        "order 10 table 254 dev eth1 fwmark 16/255 from 10.0.0.0/8",
    ] {
        let rule = rule(entry);
        assert_eq!(
            rule.to_string(),
            "10: from 10.0.0.0/8 iif eth1 fwmark 0x10 lookup 254"
        );
        assert_eq!(rule.fwmask, Some(255));
        assert_eq!(complaints(entry), Vec::<String>::new());
    }
}

#[test]
fn every_action_is_read() {
    let action = |words: &str| rule(&format!("from 10.0.0.0/8 priority 5 {words}")).action;
    assert_eq!(action("goto 50"), RuleAction::Goto(50));
    assert_eq!(action("nop"), RuleAction::Nop);
    assert_eq!(action("blackhole"), RuleAction::Blackhole);
    assert_eq!(action("type prohibit"), RuleAction::Prohibit);
    assert_eq!(action("l3mdev"), RuleAction::Lookup(None));
}

#[test]
fn rules_without_a_preference_are_numbered_downwards() {
    let entries = "from 10.0.0.0/8 table 100\nfrom 10.0.0.0/9 table 100";
    let preferences: Vec<_> = rules(entries).iter().map(|rule| rule.preference).collect();
    assert_eq!(preferences, [16_384, 16_383]);
    assert_eq!(complaints(entries), ["8:1 defaulted", "9:1 defaulted"]);
}

#[test]
fn ranges_and_single_ports_are_read() {
    let rule = rule("sport 80-90 dport 443 uidrange 1-2 ipproto tcp table 5 priority 5");
    assert_eq!(
        rule.sport,
        Some(NumberRange {
            first: 80,
            last: 90
        })
    );
    assert_eq!(
        rule.dport,
        Some(NumberRange {
            first: 443,
            last: 443
        })
    );
    assert_eq!(
        (rule.uidrange, rule.ipproto),
        (Some(NumberRange { first: 1, last: 2 }), Some(6))
    );
}

#[test]
fn a_mistake_leaves_the_whole_rule_out() {
    for (entry, expected) in [
        ("from 10.0.0.0/8 preference 10", "8:1 invalid-value"),
        ("from 10.0.0.0/8 goto 5 priority 10", "8:17 conflict"),
        (
            "from 10.0.0.0/8 to fe80::/64 table 1 priority 10",
            "8:20 conflict",
        ),
        ("fwmark foo table 5 priority 4", "8:8 invalid-value"),
        ("uidrange 5-2 table 5 priority 5", "8:10 out-of-range"),
        ("ipproto nosuch table 5 priority 5", "8:9 invalid-value"),
        ("l3mdev table 5 priority 5", "8:8 conflict"),
        ("sup_pl 10 nop priority 5", "8:1 conflict"),
        ("type foo priority 5", "8:6 invalid-value"),
        ("foo table 5 priority 5", "8:1 invalid-value"),
        ("from foo table 5 priority 5", "8:6 invalid-value"),
        ("table 0 priority 5", "8:7 out-of-range"),
        ("table 5 table 6 priority 5", "8:9 conflict"),
        ("table 5 priority 5 track_group X", "8:20 misplaced-keyword"),
    ] {
        assert_eq!(complaints(entry), [expected], "{entry}");
        assert!(rules(entry).is_empty(), "{entry}");
    }
}

#[test]
fn a_rule_of_another_protocol_is_not_tracked() {
    assert_eq!(
        rule("protocol 5 table 7 priority 5").protocol,
        RTPROT_KEEPALIVED
    );
    assert_eq!(rule("protocol 5 no_track table 7 priority 5").protocol, 5);
}
