use std::collections::HashSet;

use super::*;
use crate::config::lines::Span;
use crate::config::load::tests::loaded;

#[test]
fn a_complaint_is_drawn_with_its_line_and_the_words_underlined() {
    let loaded = loaded("global_defs {\n\trouter_idd me\n}\n");
    let complaint = &loaded.complaints[0];
    let file = &complaint.place.as_ref().expect("a place").file;
    assert_eq!(
        complaint.render(Drawing::Plain).replace(file, "FILE"),
        "\
warning[unknown-keyword]: unknown keyword 'router_idd' in 'global_defs'
 --> FILE:2:2
  |
2 |     router_idd me
  |     ^^^^^^^^^^
  |
  = help: did you mean 'router_id'?"
    );
}

#[test]
fn colours_are_for_terminals_only() {
    let loaded = loaded("nonsense\n");
    assert!(!loaded.render(Drawing::Plain).contains('\x1b'));
    assert!(loaded.render(Drawing::Coloured).contains('\x1b'));
}

#[test]
fn a_complaint_is_one_line_in_a_log() {
    let loaded = loaded("vrrp_instance V {\npriority 300\n}\n");
    let line = loaded.complaints.last().expect("a complaint").to_string();
    let (_, said) = line.split_once(":2:").expect("line 2");
    assert_eq!(
        said,
        "10: warning: '300' is out of range for 'priority'; expected a number from 1 to 255 (priority 100 is used)"
    );
}

#[test]
fn columns_count_characters_and_not_bytes() {
    let loaded = loaded("global_defs {\nrouter_id \"Zürich\" extra\n}\n");
    let place = loaded.complaints[0].place.as_ref().expect("a place");
    assert_eq!((place.line, place.column), (2, 20));
    assert_eq!(&place.source[place.start..place.end], "extra");
}

#[test]
fn bytes_that_are_not_utf_8_are_no_reason_to_stop() {
    let loaded = crate::config::load::tests::loaded_bytes(b"# Z\xfcrich\nfoo \xff\n");
    assert_eq!(loaded.complaints.len(), 1);
}

#[test]
fn a_file_of_nothing_but_mistakes_is_bounded() {
    let loaded = loaded(&"x\n".repeat(MAX_COMPLAINTS + 5));
    assert_eq!(loaded.complaints.len(), MAX_COMPLAINTS + 1);
    let last = loaded
        .complaints
        .last()
        .map(|complaint| complaint.message.as_str());
    assert_eq!(last, Some("5 further complaints are not shown"));
}

#[test]
fn the_nearest_word_is_near() {
    let known = ["priority", "interface", "state"];
    assert_eq!(nearest("prioritiy", known), Some("priority"));
    assert_eq!(nearest("STATE", known), Some("state"));
    assert_eq!(nearest("itnerface", known), Some("interface"));
    assert_eq!(nearest("xyz", known), None);
    assert_eq!(nearest("4", ["2", "3"]), None);
}

#[test]
fn among_words_as_near_the_likelier_slip_is_meant() {
    assert_eq!(nearest("patth", ["patch", "path"]), Some("path"));
    assert_eq!(nearest("form", ["fork", "from"]), Some("from"));
    assert_eq!(nearest("STATE", ["stat", "state"]), Some("state"));
}

#[test]
fn a_word_that_is_nearly_one_of_another_block_is_shown_the_way() {
    let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nconect_port 80\n}\n";
    let loaded = loaded(text);
    let complaint = loaded
        .complaints
        .iter()
        .find(|complaint| complaint.code == Code::UnknownKeyword)
        .expect("unknown");
    let help = complaint.help.as_deref().unwrap_or_default();
    assert!(
        help.starts_with("did you mean 'connect_port'? It belongs in '"),
        "{help}"
    );
}

#[test]
fn a_slip_that_makes_a_word_of_another_block_suggests_this_block_s_own() {
    // `weight` is one of vrrp_script's words; here it is far from everything, so only its home is named.
    let loaded = loaded("global_defs {\nweight 5\n}\n");
    let help = loaded.complaints[0].help.as_deref().unwrap_or_default();
    assert!(help.starts_with("it belongs in '"), "{help}");
}

#[test]
fn names_of_codes_are_unique() {
    // Tools tell complaints apart by them.
    let text = include_str!("code.rs");
    let names: Vec<&str> = text
        .lines()
        .filter(|line| line.trim_start().starts_with("Self::") && line.contains("=> \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    let unique: HashSet<_> = names.iter().collect();
    assert!(names.len() > 30);
    assert_eq!(unique.len(), names.len());
}

#[test]
fn what_follows_from_a_misread_keyword_is_not_said_and_makes_it_as_bad() {
    let (header, cause) = (Span::new(1, 15..16), Span::new(2, 2..11));
    let mut findings = Findings::default();
    findings.push(Finding::new(Code::UnknownKeyword, cause, "unknown"));
    findings.note_misread(header, "interface", cause);
    let lack = |keyword| {
        Finding::new(Code::MissingKeyword, header, "lacking").unless_misread(header, keyword)
    };
    findings.push(lack("interface"));
    findings.push(lack("virtual_router_id"));
    let said: Vec<_> = findings.iter().map(|it| (it.code, it.severity)).collect();
    assert_eq!(
        said,
        [
            (Code::UnknownKeyword, Severity::Error),
            (Code::MissingKeyword, Severity::Error)
        ]
    );
}

#[test]
fn a_name_in_a_block_that_is_not_read_is_neither_unknown_nor_unused() {
    let cause = Span::new(1, 0..11);
    let mut findings = Findings::default();
    findings.push(Finding::new(Code::UnknownKeyword, cause, "unknown"));
    findings.note_unread("vrrp_script", "chk", cause);
    findings.note_unread_use("other", cause);
    let about = |code| Finding::new(code, Span::new(9, 2..5), "about it");
    findings.push(about(Code::UnknownReference).unless_unread(&["vrrp_script"], "chk"));
    findings.push(about(Code::UnusedScript).unless_used_unread("other"));
    assert_eq!(findings.iter().count(), 1);
    findings.push(about(Code::UnknownReference).unless_unread(&["vrrp_script"], "other"));
    findings.push(about(Code::UnknownReference).unless_unread(&["track_file"], "chk"));
    assert_eq!(findings.iter().count(), 3);
}
