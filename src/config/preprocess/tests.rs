use std::fs;

use super::*;
use crate::config::fake_host::FakeHost;
use crate::config::root;
use crate::config::source::FileSystem;

mod definitions;
mod includes;
mod repetitions;

/// Reads a file as the host `here`.
fn read_file(path: PathBuf, findings: &mut Findings) -> Lines {
    let surroundings = Surroundings {
        files: &FileSystem,
        host: &FakeHost::default(),
        catalogue: &root::catalogue(),
        config_id: "here",
        include_check: IncludeCheck::default(),
    };
    read(surroundings, &[path], findings).expect("the file is there")
}

struct Read {
    lines: Vec<String>,
    findings: Vec<String>,
}

/// Reads `main.conf` of these files, as the host `here`.
fn read_files(files: &[(&str, &str)]) -> Read {
    let directory = tempfile::tempdir().expect("directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("in the directory")).expect("mkdir");
        fs::write(path, text).expect("write");
    }
    let mut findings = Findings::default();
    let main = directory.path().join("main.conf");
    let lines = read_file(main, &mut findings);
    let prefix = format!("{}/", directory.path().display());
    Read {
        lines: lines.iter().map(|line| line.text.to_owned()).collect(),
        findings: findings
            .into_complaints(&lines)
            .iter()
            .map(|complaint| complaint.to_string().replace(&prefix, ""))
            .collect(),
    }
}

fn lines(text: &str) -> Vec<String> {
    let read = read_files(&[("main.conf", text)]);
    assert_eq!(read.findings, [""; 0]);
    read.lines
}

fn findings(text: &str) -> Vec<String> {
    read_files(&[("main.conf", text)]).findings
}

#[test]
fn comments_start_anywhere_outside_double_quotes_even_in_a_word() {
    assert_eq!(
        lines("advert_int 1#x\n  a ! b\n# all of it\n"),
        ["advert_int 1", "a"]
    );
    assert_eq!(
        lines("auth_pass k@l!ve1\nauth_pass \"k@l!ve1\" # x\n"),
        ["auth_pass k@l", "auth_pass \"k@l!ve1\""]
    );
}

#[test]
fn a_backslash_keeps_a_comment_character() {
    assert_eq!(lines(r"auth_pass a\#b\!c"), ["auth_pass a#b!c"]);
    assert_eq!(lines(r##"x "a\"#b" c"##), [r##"x "a\"#b" c"##]);
}

#[test]
fn carriage_returns_tabs_and_a_missing_last_newline_are_fine() {
    assert_eq!(lines("a\tb\r\n\tc\r\nd"), ["a\tb", "c", "d"]);
}

#[test]
fn lines_of_1024_bytes_and_lines_with_nul_are_not_read() {
    let long = "x".repeat(1023);
    assert_eq!(lines(&long), [long.as_str()]);
    let text = format!("a\n{long}x\nb\0\nc\n");
    let read = read_files(&[("main.conf", &text)]);
    assert_eq!(read.lines, ["a", "c"]);
    assert_eq!(
        read.findings,
        [
            "main.conf:2:1: error: this line has 1024 bytes and is not read; expected at most 1023 bytes",
            "main.conf:3:1: warning: this line has a NUL byte in it and is not read",
        ]
    );
}

#[test]
fn conditions_keep_lines_for_this_host_or_for_all_others() {
    assert_eq!(
        lines("@here a\n@there b\n@^here c\n@^there\td\n"),
        ["a", "d"]
    );
}

#[test]
fn a_no_break_space_is_part_of_a_word() {
    assert_eq!(lines("\u{a0}a\u{a0}\n"), ["\u{a0}a\u{a0}"]);
}

#[test]
fn a_word_that_was_put_in_is_located_where_it_is_used() {
    let mut found = Findings::default();
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("main.conf");
    fs::write(&path, "$A=long value\n  x ${A} yy # c\n").expect("write");
    let lines = read_file(path, &mut found);
    let line = lines.iter().next().expect("a line");
    assert_eq!(line.text, "x long value yy");
    let columns = |word: &str| {
        let start = line.text.find(word).expect("in the line");
        let place = lines
            .place(line.span(start..start + word.len()))
            .expect("a place");
        (
            place.line,
            place.column,
            place.source[place.start..place.end].to_owned(),
        )
    };
    assert_eq!(columns("x"), (2, 3, "x".to_owned()));
    assert_eq!(columns("value"), (2, 5, "${A}".to_owned()));
    assert_eq!(columns("yy"), (2, 10, "yy".to_owned()));
}
