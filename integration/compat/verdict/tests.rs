//! What the comparison lets pass, and what not.

use super::{Comparison, OfflineHost, Totals, Verdict, load};

/// An unknown block in the first of two instances.
const FILE: &str = "\
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    foo {
        bar
    }
    virtual_ipaddress {
        192.0.2.1
    }
}
vrrp_instance B {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress {
        192.0.2.2
    }
}
";

/// What is neither matched nor meant.
fn differences(text: &str, verdict: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("f.conf");
    std::fs::write(&path, text).expect("written");
    let host = OfflineHost::with_listed_programs("tests", &["eth0"]);
    let ours = load(&path, &host);
    let theirs = Verdict::of_text(verdict);
    let mut totals = Totals::default();
    totals.add("f", Comparison::new(&path, &theirs, &ours.complaints));
    totals.check(&[]).err().unwrap_or_default()
}

#[test]
fn what_follows_of_an_unknown_block_ends_with_the_block_around_it() {
    let unknown = "exit\t5\nf.conf\t4\tUnknown keyword 'foo'\n";
    let cascade =
        "f.conf\t5\tUnknown keyword 'bar'\nf.conf\t7\tUnknown keyword 'virtual_ipaddress'\n";
    assert_eq!(differences(FILE, &format!("{unknown}{cascade}")), "");
    let elsewhere = "f.conf\t13\tUnknown keyword 'virtual_router_id'\n";
    assert_eq!(
        differences(FILE, &format!("{unknown}{cascade}{elsewhere}")),
        "a new difference: f:13: theirs: Unknown keyword 'virtual_router_id'\n"
    );
    // Another kind of message is no consequence.
    let value = "f.conf\t8\tVRRP parsed invalid IP 192.0.2.1. skipping IP...\n";
    assert!(differences(FILE, &format!("{unknown}{value}")).contains("f:8: theirs"));
}

#[test]
fn keepalived_s_end_excuses_only_what_it_had_not_come_to() {
    let text = FILE.replace("    foo {\n        bar\n    }\n", "    priority 300\n");
    // It ends in the second instance, and had read the first one.
    let verdict =
        "exit\t2\nf.conf\t11\t*** Configuration line starting `x` is missing a parameter\n";
    assert!(differences(&text, verdict).contains("f:4: ours: [out-of-range]"));
    let behind = text.replace("192.0.2.2", "192.0.2");
    let verdict = format!("{verdict}f.conf\t4\tnumber '300' outside range [1, 255]\n");
    let left = differences(&behind, &verdict);
    assert!(!left.contains("ours"), "{left}");
}

#[test]
fn a_message_without_a_name_matches_nothing_by_it() {
    // Block-wide kinds that name nothing have to stand at a place.
    let verdict = "exit\t5\nf.conf\t4\tUnknown keyword 'foo'\n-\t-\tHTTP/SSL_GET checker has no urls specified - ignoring\n";
    assert!(differences(FILE, verdict).contains("theirs: HTTP/SSL_GET"));
}

#[test]
fn a_difference_that_is_gone_is_to_be_taken_from_the_list() {
    let totals = Totals::default();
    let message = totals.check(&["f:1: ours: x"]).expect_err("not found");
    assert_eq!(
        message,
        "not a difference any more, take it from the list: f:1: ours: x\n"
    );
}

#[test]
fn words_that_keepalived_ignores_are_listed_one_by_one() {
    let verdict = "exit\t5\nf.conf\t4\tUnknown keyword 'foo'\n";
    let text = FILE.replace("virtual_router_id 2", "virtual_router_id 2 more");
    assert_eq!(
        differences(&text, verdict),
        "a new difference: f:13: ours: [extra-words] 'more' behind 'virtual_router_id' is not read\n"
    );
}

#[test]
fn a_message_without_a_place_is_no_consequence_of_whatever_is_wrong() {
    let verdict = "exit\t5\nf.conf\t4\tUnknown keyword 'foo'\n\
                   -\t-\t(A) No VIP specified; at least one is sensible\n";
    assert_eq!(
        differences(FILE, verdict),
        "a new difference: f:-: theirs: (A) No VIP specified; at least one is sensible\n"
    );
}

#[test]
fn a_row_explains_no_more_than_it_is_allowed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("f.conf");
    std::fs::write(&path, FILE).expect("written");
    let host = OfflineHost::with_listed_programs("tests", &["eth0"]);
    let theirs = Verdict::of_text(
        "exit\t5\nf.conf\t4\tUnknown keyword 'foo'\nf.conf\t5\tUnknown keyword 'bar'\n",
    );
    let mut totals = Totals::default();
    let ours = load(&path, &host);
    totals.add("f", Comparison::new(&path, &theirs, &ours.complaints));
    assert_eq!(totals.above(&[], &[]), [("unknown block", 1)]);
    assert_eq!(totals.above(&[("unknown block", 1)], &[]), []);
}
