//! `include` and its variants.

use super::*;

#[test]
fn includes_are_relative_to_the_file_they_stand_in_and_sorted() {
    let read = read_files(&[
        ("main.conf", "a\ninclude conf.d/*.conf\nd\n"),
        ("conf.d/2.conf", "c\n"),
        ("conf.d/1.conf", "include sub/x\n"),
        ("conf.d/sub/x", "b\n"),
    ]);
    assert_eq!(read.lines, ["a", "b", "c", "d"]);
    assert_eq!(read.findings, [""; 0]);
}

/// What is said when `keyword` includes a missing file, a pattern without matches, an executable and a
/// file that opens a block: one letter each, `e`rror, `w`arning, `n`ote or `-`.
fn said_by(keyword: &str) -> String {
    let mut said = String::new();
    for target in ["none.conf", "none*.conf", "d", "open.conf"] {
        let main = format!("{keyword} {target}\n");
        let read = read_files(&[("main.conf", &main), ("open.conf", "a {\n"), ("d/x", "")]);
        assert!(read.findings.len() < 2, "{:?}", read.findings);
        let severity = read
            .findings
            .first()
            .and_then(|said| said.split(": ").nth(1));
        said.push_str(severity.and_then(|word| word.get(..1)).unwrap_or("-"));
    }
    said
}

#[test]
fn each_variant_of_include_minds_what_its_letter_says() {
    assert_eq!(said_by("include"), "n-w-");
    assert_eq!(said_by("includer"), "n-w-");
    assert_eq!(said_by("includem"), "e-w-");
    assert_eq!(said_by("includew"), "eew-");
    assert_eq!(said_by("includeb"), "n-we");
    assert_eq!(said_by("includea"), "eewe");
}

#[test]
fn include_check_says_what_plain_includes_of_the_file_mind() {
    let check = |words: &str| said_by(&format!("include_check {words}\ninclude"));
    assert_eq!(check("match"), "e-w-");
    assert_eq!(check("+wildcard_match +brace_match"), "newe");
    assert_eq!(check(""), "eewe");
    assert_eq!(check("match -match"), "n-w-");
    // It ends with its file.
    let read = read_files(&[
        ("main.conf", "include a.conf\ninclude none.conf\n"),
        ("a.conf", "include_check match\n"),
    ]);
    assert!(read.findings[0].contains("note"), "{:?}", read.findings);
}

#[test]
fn an_include_without_a_file_is_missing_a_parameter() {
    assert_eq!(
        findings("include\n"),
        ["main.conf:1:1: error: 'include' is missing a parameter; expected a file or a pattern"]
    );
}

#[test]
fn what_a_pattern_matches_beside_files_is_passed_over() {
    let read = read_files(&[("main.conf", "include *.d\n"), ("a.d/x", "")]);
    assert_eq!(
        read.findings,
        ["main.conf:1:9: note: 'a.d' is a directory, a regular file is expected"]
    );
}

#[test]
fn braces_in_an_include_are_alternatives_and_definitions_may_stand_in_it() {
    let read = read_files(&[
        (
            "main.conf",
            "$D=sub\ninclude ${D}/{b,a}.conf\n@here include ${_PWD}/sub/a.conf\n",
        ),
        ("sub/a.conf", "a\n"),
        ("sub/b.conf", "b\n"),
    ]);
    assert_eq!(read.lines, ["b", "a", "a"]);
    assert_eq!(read.findings, [""; 0]);
}

#[test]
fn an_explosion_of_includes_ends_with_one_complaint() {
    let everything = "include *.conf\n".repeat(4);
    let files: Vec<(String, &str)> = (0..20)
        .map(|number| (format!("{number}.conf"), everything.as_str()))
        .collect();
    let mut files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    files.push(("main.conf", "include [0-9]*.conf\n"));
    let read = read_files(&files);
    let limits = |said: &&String| said.contains("more than");
    assert!(
        read.findings.iter().filter(limits).count() >= 1,
        "{:?}",
        read.findings.len()
    );
    // Names alone are counted too.
    let read = read_files(&[("main.conf", &"include {a,b,c,d}{1,2,3,4}*\n".repeat(1000))]);
    assert_eq!(read.findings.len(), 1, "{:?}", read.findings);
}

#[test]
fn a_fifo_that_is_included_is_not_opened() {
    let directory = tempfile::tempdir().expect("directory");
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
    let main = directory.path().join("main.conf");
    fs::write(&main, "include fifo\na\n").expect("write");
    let mut found = Findings::default();
    let lines = read_file(main, &mut found);
    assert_eq!(
        lines.iter().map(|line| line.text).collect::<Vec<_>>(),
        ["a"]
    );
    let said = found.into_complaints(&lines);
    assert!(said[0].message.contains("is a FIFO"), "{said:?}");
}

#[test]
fn a_file_that_includes_itself_is_an_error_once() {
    let read = read_files(&[
        ("main.conf", "a\ninclude b.conf\n"),
        ("b.conf", "b\ninclude ./main.conf\nc\n"),
    ]);
    assert_eq!(read.lines, ["a", "b", "c"]);
    assert_eq!(
        read.findings,
        ["b.conf:2:9: error: './main.conf' includes itself"]
    );
}

#[test]
fn a_directory_that_is_included_is_skipped() {
    let read = read_files(&[("main.conf", "include d\na\n"), ("d/x", "")]);
    assert_eq!(read.lines, ["a"]);
    assert_eq!(
        read.findings,
        ["main.conf:1:9: warning: 'd' is a directory, a regular file is expected"]
    );
}

#[test]
fn a_pattern_that_looks_at_too_much_is_one_complaint() {
    let found = findings("include /*/*/*/*\na\n");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn programs_that_a_pattern_matches_are_one_complaint() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("directory");
    for name in ["1.x", "2.x", "3.x"] {
        let path = directory.path().join(name);
        fs::write(&path, "a\n").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    let main = directory.path().join("main.conf");
    fs::write(&main, "include *.x\n").expect("write");
    let mut found = Findings::default();
    let lines = read_file(main, &mut found);
    let said = found.into_complaints(&lines);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].message.contains("3 files that are not read"),
        "{said:?}"
    );
}
