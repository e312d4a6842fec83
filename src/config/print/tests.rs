use std::path::Path;

use super::*;
use crate::config::fake_host::FakeHost;
use crate::config::{Drawing, Host, LoadOptions, Place, load, source};

fn load_with_origins(file: &Path, host: &dyn Host) -> Loaded {
    let options = LoadOptions {
        origins: true,
        ..LoadOptions::default()
    };
    load(file, &options, host)
}

pub(super) fn load_text(text: &str, host: &dyn Host) -> Loaded {
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("a.conf");
    std::fs::write(&file, text).expect("written");
    let mut loaded = load_with_origins(&file, host);
    if let Some(origins) = &mut loaded.origins {
        shorten(&mut origins.records);
    }
    loaded
}

/// File names without their directory.
fn shorten(records: &mut [Record]) {
    for record in records {
        record.place.file = "a.conf".to_owned();
        for entry in &mut record.entries {
            entry.place.file = "a.conf".to_owned();
        }
        shorten(&mut record.children);
    }
}

/// What is printed for a text, loaded again: the same configuration.
fn round_trip(loaded: &Loaded, host: &dyn Host) -> Loaded {
    let printed = print(loaded, Secrets::Shown);
    let again = load_text(&printed, host);
    assert_eq!(again.config, loaded.config, "\n{printed}");
    again
}

fn printed(text: &str) -> String {
    print(&load_text(text, &FakeHost::default()), Secrets::Hidden)
}

/// The line of what is printed that begins with these words.
fn line_of<'p>(printed: &'p str, words: &str) -> &'p str {
    printed
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with(words))
        .unwrap_or_else(|| panic!("no {words} in\n{printed}"))
}

#[test]
fn every_file_in_conf_d_loads_from_its_print_without_a_complaint() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d");
    let mut files = source::found("examples/*.conf", &root);
    files.push(root.join("holdfast.conf"));
    for file in files {
        let host = FakeHost {
            has_script_user: false,
            ..FakeHost::default()
        };
        let again = round_trip(&load_with_origins(&file, &host), &host);
        let complaints = again.render(Drawing::Plain);
        assert_eq!(complaints, "", "{}", file.display());
    }
}

const PAIR: &str = "\
global_defs {
    vrrp_version 3
    vrrp_garp_master_delay 7
}
vrrp_script chk {
    script \"/bin/check '#1'\" nobody
    weight -20
}
vrrp_instance a {
    interface eth0
    virtual_router_id 51
    nopreempt
    advert_int 0.5
    advert_int 0.25
    priority 1000
    virtual_ipaddress {
        192.0.2.1/24 dev eth1
        192.0.2.1/24 dev eth1
    }
    track_script {
        chk
    }
}
virtual_server 192.0.2.1 80 {
    delay_loop 5
    lb_algo rr
    lb_kind DR
    protocol TCP
    quorum 9
    real_server 10.0.0.1 8080 {
        TCP_CHECK {
            retry 2
        }
    }
}
";

#[test]
fn a_value_says_in_which_line_it_stands() {
    let text = printed(PAIR);
    assert!(line_of(&text, "interface eth0").ends_with("# a.conf:10"));
    assert!(
        line_of(&text, "priority 100").ends_with("# default"),
        "what is refused does not count"
    );
    assert!(line_of(&text, "nopreempt").ends_with("# a.conf:12"));
    assert!(
        line_of(&text, "lvs_sched rr").ends_with("# a.conf:26"),
        "an old spelling"
    );
}

#[test]
fn the_last_of_several_counts() {
    assert!(line_of(&printed(PAIR), "advert_int 0.25").ends_with("# a.conf:14"));
}

#[test]
fn what_comes_from_another_block_says_so() {
    let text = printed(PAIR);
    assert!(line_of(&text, "version 3").ends_with("# vrrp_version at a.conf:2"));
    let delay = line_of(&text, "garp_lower_prio_delay 7");
    assert!(
        delay.ends_with("# vrrp_garp_master_delay at a.conf:3"),
        "{delay}"
    );
    let own = text.split("real_server ").nth(1).unwrap_or_default();
    let method = line_of(own, "lvs_method DR");
    assert!(
        method.ends_with("# virtual_server's lb_kind at a.conf:27"),
        "{method}"
    );
    let warmup = line_of(&text, "warmup 5");
    assert!(
        warmup.ends_with("# virtual_server's delay_loop at a.conf:25"),
        "{warmup}"
    );
}

#[test]
fn a_value_that_was_corrected_says_what_is_written() {
    let text = printed(PAIR);
    assert!(line_of(&text, "quorum 1").ends_with("# a.conf:29, which says 9"));
    assert!(line_of(&text, "real_server 10.0.0.1 80 {").ends_with("# a.conf:30"));
}

#[test]
fn a_refused_entry_is_left_out_and_the_result_is_without_a_complaint() {
    let host = FakeHost::default();
    let loaded = load_text(PAIR, &host);
    assert!(loaded.has_warnings());
    let text = print(&loaded, Secrets::Shown);
    assert_eq!(text.matches("192.0.2.1/24 dev eth1").count(), 1);
    let again = round_trip(&loaded, &host);
    assert!(!again.has_warnings(), "{}", again.render(Drawing::Plain));
}

#[test]
fn scripts_keep_their_quotes_and_their_user() {
    let text = printed(PAIR);
    assert!(
        text.contains("script \"/bin/check '#1'\" nobody "),
        "{text}"
    );
}

#[test]
fn a_tracked_script_that_cannot_be_run_is_printed_as_one_that_cannot_be_run() {
    let text = "vrrp_script chk {\nscript \"/missing/chk 1\"\n}\nvrrp_instance web {\ninterface eth0\n\
                virtual_router_id 51\nvirtual_ipaddress {\n192.0.2.1\n}\ntrack_script {\nchk\n}\n}\n";
    let host = FakeHost::default();
    let loaded = load_text(text, &host);
    let printed = print(&loaded, Secrets::Shown);
    assert!(
        line_of(&printed, "script \"/missing/chk 1\" ").ends_with("# a.conf:2, cannot be run"),
        "{printed}"
    );
    round_trip(&loaded, &host);
}

#[test]
fn a_list_of_which_nothing_is_used_is_not_printed() {
    let printed = printed("linkbeat_interfaces {\nnone\n}\n");
    assert!(!printed.contains("linkbeat_interfaces"), "{printed}");
}

#[test]
fn words_that_are_not_carried_out_yet_are_named() {
    let text = "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind TUN\nreal_server 10.0.0.1 80 {\n\
                lvs_method TUN type gue port 6080 remcsum\n}\n}\n";
    let printed = printed(text);
    assert!(
        line_of(&printed, "lvs_method TUN type gue port 6080 remcsum")
            .ends_with("# a.conf:5, 'remcsum' not carried out yet"),
        "{printed}"
    );
}

/// The words of a list that have no effect yet, by what is printed of the entry.
#[test]
fn options_of_an_entry_that_are_not_carried_out_yet_are_named() {
    let mut entry = Entry {
        words: ["192.0.2.1", "dev", "eth0", "use_x"]
            .map(|text| RecordedWord {
                text: text.to_owned(),
                refused: false,
                pending: text == "use_x",
            })
            .to_vec(),
        place: Place {
            file: "a.conf".to_owned(),
            line: 5,
            column: 1,
            start: 0,
            end: 0,
            source: String::new(),
        },
        entries: Vec::new(),
    };
    let text = |entry: &Entry| {
        let mut printer = Printer {
            catalogue: root::catalogue(),
            globals: &[],
            secrets: Secrets::Hidden,
            page: Page::default(),
        };
        printer.entries(&[entry]);
        printer.page.render()
    };
    assert!(
        text(&entry).contains("192.0.2.1 dev eth0 use_x  # a.conf:5, 'use_x' not carried out yet"),
        "{}",
        text(&entry)
    );
    entry.words.pop();
    assert!(!text(&entry).contains("not carried out"));
}

#[test]
fn passwords_are_shown_on_demand_only() {
    let text = "vrrp_instance a {\ninterface eth0\nvirtual_router_id 1\nauthentication {\nauth_type PASS\n\
                auth_pass \"so secret\"\n}\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n";
    let loaded = load_text(text, &FakeHost::default());
    assert!(!print(&loaded, Secrets::Hidden).contains("secre "));
    assert!(!print(&loaded, Secrets::Hidden).contains("so secre"));
    assert!(print(&loaded, Secrets::Shown).contains("auth_pass \"so secre\""));
}

#[test]
fn an_ordinary_load_records_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("a.conf");
    std::fs::write(&file, PAIR).expect("written");
    let loaded = load(&file, &LoadOptions::default(), &FakeHost::default());
    assert!(loaded.origins.is_none());
}

#[test]
fn a_port_that_is_reset_is_that_of_the_checks_all_the_same() {
    let text = "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind DR\nreal_server 10.0.0.1 81 {\n\
                TCP_CHECK {\n}\nHTTP_GET {\nurl {\npath /\n}\n}\nTCP_CHECK {\nconnect_port 82\n}\n}\n}\n";
    let host = FakeHost::default();
    let loaded = load_text(text, &host);
    let printed = print(&loaded, Secrets::Shown);
    assert!(printed.contains("real_server 10.0.0.1 80 {"), "{printed}");
    assert_eq!(printed.matches("connect_port 81").count(), 2, "{printed}");
    assert_eq!(printed.matches("connect_port 82").count(), 1, "{printed}");
    let again = round_trip(&loaded, &host);
    assert!(!again.render(Drawing::Plain).contains("resetting"));
}
