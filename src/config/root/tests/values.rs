//! Numbers, booleans, and values that are none.

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
    let defs = |text: &str| parsed(text).global_defs;
    let sample = defs("global_defs {\nvrrp_garp_interval 0\nvrrp_gna_interval 0\n}\n");
    assert!(sample.vrrp_garp_interval.is_zero() && sample.vrrp_gna_interval.is_zero());
    let paced = defs("global_defs {\nvrrp_garp_interval 0.001\n}\n");
    assert_eq!(paced.vrrp_garp_interval.as_millis(), 1);
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
