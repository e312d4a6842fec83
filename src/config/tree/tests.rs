use super::*;
use crate::config::diagnostic::Findings;
use crate::config::fake_host::FakeHost;
use crate::config::load::tests::{codes, loaded};
use crate::config::source::FileSystem;
use crate::config::{preprocess, root};

/// The tree as one line: `a b{c;d{};};`, with the complaints behind it.
fn shown(text: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), text).expect("write");
    let mut findings = Findings::default();
    let catalogue = root::catalogue();
    let surroundings = preprocess::Surroundings {
        catalogue: &catalogue,
        files: &FileSystem,
        host: &FakeHost::default(),
        config_id: "",
        include_check: preprocess::IncludeCheck::default(),
    };
    let lines =
        preprocess::read(surroundings, &[file.path().to_owned()], &mut findings).expect("read");
    let mut reader = Reader::new(findings, root::catalogue());
    let mut statements = Vec::new();
    build(&lines, &mut reader, |statement, _| {
        statements.push(statement)
    });
    let mut shown = String::new();
    show(&statements, &mut shown);
    for complaint in reader.findings.into_complaints(&lines) {
        let line = complaint.place.map_or(0, |place| place.line);
        shown.push_str(&format!(" [{line} {}]", complaint.code.name()));
    }
    shown
}

fn show(statements: &[Statement<'_>], shown: &mut String) {
    for statement in statements {
        let words: Vec<_> = statement.words().map(|word| word.text).collect();
        shown.push_str(&words.join(" "));
        if let Some(block) = &statement.block {
            shown.push('{');
            show(&block.statements, shown);
            shown.push('}');
        }
        shown.push(';');
    }
}

#[test]
fn a_brace_stands_behind_its_keyword_or_on_the_next_line() {
    for text in [
        "vrrp_instance V {\nstate BACKUP\n}\n",
        "vrrp_instance V{\nstate BACKUP }\n",
        "vrrp_instance V\n{\nstate BACKUP\n}\n",
        "vrrp_instance V\n\n{ state BACKUP\n}\n",
    ] {
        assert_eq!(shown(text), "vrrp_instance V{state BACKUP;};", "{text}");
    }
}

#[test]
fn an_unknown_block_is_a_whole() {
    assert_eq!(
        shown("foo {\npriority 20\nbar {\n}\n}\nglobal_defs {\n}\n"),
        "foo{priority 20;bar{};};global_defs{};"
    );
}

#[test]
fn a_brace_too_many_is_reported_once() {
    assert_eq!(
        shown("global_defs {\n}\n}\n}\n"),
        "global_defs{}; [3 unbalanced-brace]"
    );
}

#[test]
fn a_brace_missing_at_the_end_is_reported_at_the_block_that_is_open() {
    assert_eq!(
        shown("vrrp_instance V {\nstate BACKUP\n"),
        "vrrp_instance V{state BACKUP;}; [1 unbalanced-brace]"
    );
}

#[test]
fn the_number_of_braces_missing_at_the_end_is_said() {
    let says = |text: &str, what: &str| {
        let complaints = loaded(text).complaints;
        let message = |c: &crate::config::Complaint| c.message.contains(what);
        assert!(complaints.iter().any(message), "{complaints:#?}");
    };
    says(
        "global_defs {\nrouter_id x\n",
        "the block 'global_defs' is not closed: one '}' is missing at the end of the file",
    );
    says(
        "virtual_server 10.0.0.1 80 {\nreal_server 10.0.1.1 80 {\n",
        "the block 'virtual_server' is not closed: 2 '}' are missing at the end of the file",
    );
}

#[test]
fn a_brace_missing_in_the_middle_does_not_swallow_the_next_block() {
    assert_eq!(
        shown("vrrp_instance V {\nstate BACKUP\nvrrp_instance W {\nstate BACKUP\n}\n"),
        "vrrp_instance V{state BACKUP;};vrrp_instance W{state BACKUP;}; [1 unbalanced-brace]"
    );
    assert_eq!(
        shown("vrrp_instance V {\nvirtual_ipaddress {\n10.0.0.1\ntrack_script {\nchk\n}\n}\n"),
        "vrrp_instance V{virtual_ipaddress{10.0.0.1;};track_script{chk;};}; [2 unbalanced-brace]"
    );
}

#[test]
fn a_missing_opening_brace_is_put_in_where_what_follows_belongs_to_the_block() {
    assert_eq!(
        shown("vrrp_instance V\nstate BACKUP\n}\nglobal_defs {\n}\n"),
        "vrrp_instance V{state BACKUP;};global_defs{}; [1 missing-brace]"
    );
    assert_eq!(
        shown("virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nTCP_CHECK\n}\n}\n"),
        "virtual_server 10.0.0.1 80{real_server 10.0.0.2 80{TCP_CHECK;};}; [3 missing-brace]"
    );
}

#[test]
fn a_brace_without_a_keyword_is_skipped_with_its_block() {
    assert_eq!(
        shown("global_defs {\n{\nrouter_id x\n}\nrouter_id y\n}\n"),
        "global_defs{router_id y;}; [2 unexpected-brace]"
    );
}

#[test]
fn ten_thousand_nested_blocks_are_one_complaint() {
    let text = "x {\n".repeat(10_000) + &"}\n".repeat(10_000);
    assert!(shown(&text).ends_with(" [33 too-large]"));
    let open = "x {\n".repeat(10_000);
    assert!(shown(&open).contains("too-large"));
}

#[test]
fn a_quote_that_is_not_closed_is_an_error_at_the_quote() {
    assert_eq!(
        codes("global_defs {\nrouter_id \"x\n}\n"),
        ["2:11 unterminated-quote"]
    );
}

#[test]
fn the_whole_instance_on_one_line_is_one_statement() {
    assert_eq!(
        shown("vrrp_instance V { interface eth0 virtual_router_id 51 }\n"),
        "vrrp_instance V{interface eth0 virtual_router_id 51;};"
    );
}
