//! `vrrp_sync_group`.

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

#[test]
fn trackers_with_a_weight_are_left_out_of_a_group_unless_it_says_otherwise() {
    let text = group("VI_1 VI_2").replacen(
        "}\n\n}",
        "}\ntrack_interface {\neth2\neth3 weight 5\n}\n}",
        1,
    );
    assert_eq!(codes(&text), ["20:17 conflict"]);
    let config = loaded(&text).config;
    assert_eq!(config.vrrp_instances[0].track_interface.len(), 1);
    let text = text.replace("group {", "sync_group_tracking_weight\ngroup {");
    assert_eq!(parsed(&text).vrrp_instances[0].track_interface.len(), 2);
}

#[test]
fn an_owner_and_another_do_not_go_together_in_a_group() {
    let text = group("VI_1 VI_2").replacen("router_id 51", "router_id 51\npriority 255", 1);
    assert_says(&text, "mixes address owners");
}
