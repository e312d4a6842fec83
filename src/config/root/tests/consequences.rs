//! One mistake is one complaint: what follows from it is not said, and what it hides is.

use super::*;

/// Place, code and severity of what is wrong.
fn wrong(text: &str) -> Vec<String> {
    let complaints = loaded(text).complaints.into_iter();
    let wrong = complaints.filter(|it| it.severity > Severity::Note);
    wrong
        .map(|it| {
            let line = it.place.map_or(0, |place| place.line);
            format!("{line} {} {}", it.code.name(), it.severity)
        })
        .collect()
}

#[test]
fn a_misspelt_keyword_is_not_missing_too() {
    let text = "vrrp_instance V {\nintreface eth0\nvirtual_router_id=5\nauthentication {\nauth_type PASS\nauth_pas x\n}\nvirtual_ipaddres {\n10.0.0.1\n}\n}\n";
    assert_eq!(
        wrong(text),
        [
            // As bad as that the instance has none.
            "2 unknown-keyword error",
            "3 unknown-keyword error",
            "6 unknown-keyword warning",
            "8 unknown-keyword warning",
        ]
    );
}

#[test]
fn old_spellings_are_not_missing_where_they_are_misspelt() {
    let text = "virtual_server 10.0.0.1 80 {\nlb_alog rr\nlb_kidn NAT\nprotocl TCP\nreal_server 10.0.0.5 80 {\nTCP_CHECK {\n}\n}\n}\n";
    let unknown = |line| format!("{line} unknown-keyword warning");
    assert_eq!(wrong(text), [2, 3, 4].map(unknown));
}

#[test]
fn a_name_that_a_misspelt_block_gives_is_known() {
    let text = format!(
        "vvrp_script chk {{\nscript /bin/true\n}}\n{}vrrp_instanc W {{\n}}\nvrrp_sync_group G {{\ngroup {{\nVI_1\nW\n}}\n}}\n",
        instance("track_script {\nchk\n}")
    );
    let wrong = wrong(&text);
    assert!(
        wrong
            .iter()
            .all(|it| it.contains("unknown-keyword") || it.contains("conflict")),
        "{wrong:?}"
    );
}

#[test]
fn a_script_in_a_misspelt_list_is_used() {
    let text = format!(
        "vrrp_script chk {{\nscript /bin/true\n}}\n{}",
        instance("track_scrpt {\nchk\n}")
    );
    let wrong = wrong(&text);
    assert!(
        matches!(&wrong[..], [only] if only.contains("unknown-keyword")),
        "{wrong:?}"
    );
}

#[test]
fn an_only_address_that_is_none_leaves_no_second_complaint() {
    let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n${ADR}/24\n}\n}\n";
    assert_eq!(wrong(text), ["5 invalid-value warning"]);
}

#[test]
fn a_wrong_header_hides_no_mistake_in_its_block() {
    let text = "virtual_server 10.0.0.1 80000 {\nprotocol TCP\nlb_kindd NAT\nreal_server 10.0.0.5 80 {\nweigth 2\n}\n}\n";
    assert_eq!(
        wrong(text),
        [
            "1 out-of-range warning",
            "3 unknown-keyword warning",
            "5 unknown-keyword warning"
        ]
    );
    let text = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.5:80 {\nweigth 2\n}\n}\n";
    assert_eq!(
        wrong(text),
        ["5 invalid-value warning", "6 unknown-keyword warning"]
    );
}

#[test]
fn blocks_that_are_not_closed_are_told_a_few_times() {
    let text = "vrrp_instance V {\ninterface eth0\n".repeat(10_000);
    let loaded = loaded(&text);
    let unclosed = loaded.complaints.iter();
    let unclosed = unclosed
        .filter(|it| it.code == Code::UnbalancedBrace)
        .count();
    assert_eq!(unclosed, 21);
}

#[test]
fn what_the_worst_of_several_repetitions_says_counts() {
    let text = "$INST= \\\nvrrp_instance V$N { \\\ninterfac eth0 \\\nvirtual_router_id $N \\\nvirtual_ipaddress { \\\n10.0.0.1 \\\n} \\\n}\n~SEQ(N,1,3) $INST\n";
    let wrong = wrong(text);
    assert!(
        wrong.iter().any(|it| it.ends_with("unknown-keyword error")),
        "{wrong:?}"
    );
}

#[test]
fn a_name_of_another_kind_of_block_is_unknown_all_the_same() {
    let text = format!(
        "vrrp_instanze chk {{\n}}\n{}",
        instance("track_script {\nchk\n}")
    );
    let wrong = wrong(&text);
    assert!(
        wrong.iter().any(|it| it.contains("unknown-reference")),
        "{wrong:?}"
    );
}
