//! Keywords, and words that are none.

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
fn a_word_that_is_near_one_of_another_block_is_shown_the_way() {
    let complaints = loaded("typo 1\n").complaints;
    assert_eq!(complaints.len(), 1);
    assert_eq!(
        complaints[0].message,
        "unknown keyword 'typo' in the top level"
    );
    // Near nothing: no guess.
    assert_eq!(complaints[0].help, None);
    assert_eq!(
        loaded(&instance("lb_alg rr")).complaints[0].help.as_deref(),
        Some("did you mean 'lb_algo'? It belongs in 'virtual_server'")
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

#[test]
fn a_block_without_its_name_is_still_looked_over() {
    assert_eq!(
        codes("vrrp_instance {\n  pirority 100\n}\n"),
        ["1:1 missing-parameter", "2:3 unknown-keyword"]
    );
}
