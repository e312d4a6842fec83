use std::fs;

use super::*;
use crate::config::fake_host::FakeHost;
use crate::config::root;
use crate::config::source::FileSystem;

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
fn definitions_are_put_in_where_they_stand_alone_or_in_braces() {
    assert_eq!(
        lines("$A=eth0\n$B=${A}.1\ninterface $A\ndev ${B}, $A)\n"),
        ["interface eth0", "dev eth0.1, eth0)"]
    );
    let read = read_files(&[("main.conf", "$a=10.0.0.1\n$a/24\n${a}/24\n")]);
    assert_eq!(read.lines, ["$a/24", "10.0.0.1/24"]);
    assert_eq!(
        read.findings,
        ["main.conf:2:1: warning: '$a' is left as it is, because '/' follows (write '${a}')"]
    );
    let read = read_files(&[("main.conf", "$A=1\n$A=2\nx $A\ny $UNDEF ${UNDEF}\n")]);
    assert_eq!(read.lines, ["x 2", "y $UNDEF ${UNDEF}"]);
    assert_eq!(read.findings.len(), 2, "{:?}", read.findings);
}

#[test]
fn a_definition_of_several_lines_is_put_in_at_the_end_of_a_line() {
    assert_eq!(lines("$VIPS=a \\\nb\\\nc\nx $VIPS\n"), ["x a ", "b", "c"]);
    let read = read_files(&[("main.conf", "$VIPS=a\\\nb\n$VIPS y\n")]);
    assert_eq!(read.lines, ["$VIPS y"]);
    assert!(
        read.findings[0].contains("several lines"),
        "{:?}",
        read.findings
    );
}

#[test]
fn built_in_definitions_are_there() {
    assert_eq!(lines("a${_HASH}b${_BANG} ${_INSTANCE}\n"), ["a#b! here"]);
}

#[test]
fn a_definition_of_itself_ends_with_one_complaint() {
    let found = findings("$A=x ${A} y\n$A\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("never end"), "{found:?}");
    let doubling = "$A=$B\\\n$B\n$B=$A\\\n$A\n$A\n";
    assert_eq!(findings(doubling).len(), 1);
}

#[test]
fn a_comment_inside_a_definition_is_said_and_the_definition_goes_on() {
    let read = read_files(&[("main.conf", "$A=a\\\n# b \\\nc\n$A\n")]);
    assert_eq!(read.lines, ["a", "c"]);
    assert_eq!(read.findings.len(), 1);
    assert!(
        read.findings[0].starts_with("main.conf:2:1: warning"),
        "{:?}",
        read.findings
    );
}

#[test]
fn a_variable_of_the_environment_is_put_in_and_one_that_is_not_there_is_said() {
    assert_eq!(lines("a ${_ENV COLOUR}.1\n"), ["a blue.1"]);
    let read = read_files(&[("main.conf", "a ${_ENV NONE} b\n")]);
    assert_eq!(read.lines, ["a  b"]);
    assert_eq!(
        read.findings,
        ["main.conf:1:3: warning: there is no environment variable 'NONE'"]
    );
}

#[test]
fn random_numbers_keep_within_their_limits_and_are_the_same_each_time() {
    let text = "${_RANDOM}\n${_RANDOM 32767}\n${_RANDOM 5 7}\n${_RANDOM 5 7}\n${_RANDOM 5 5}\n";
    let numbers: Vec<u32> = lines(text)
        .iter()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert!(numbers[0] <= 32_767);
    assert_eq!(numbers[1], 32_767);
    assert!((5..=7).contains(&numbers[2]) && (5..=7).contains(&numbers[3]));
    assert_eq!(numbers[4], 5);
    // An unchanged file means the same after a reload.
    assert_eq!(lines(text), lines(text));
    let seeded = |seed| lines(&format!("random_seed {seed}\n${{_RANDOM}}\n"))[1].clone();
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
    assert_eq!(findings("a ${_RANDOM 7 5}\nb ${_RANDOM x}\n").len(), 2);
}

#[test]
fn sequences_repeat_the_rest_of_the_line() {
    assert_eq!(
        lines("~SEQ(x,3) 10.0.0.${x}/32\n"),
        ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"]
    );
    assert_eq!(lines("~SEQ(x,5,3) $x\n"), ["5", "4", "3"]);
    assert_eq!(lines("~SEQx(x,8,8,0x18) $x\n"), ["8", "10", "18"]);
    assert_eq!(
        lines("~SEQ(x,1,2) ~SEQ(y,1,2) 10.${x}.0.${y}\n"),
        ["10.1.0.1", "10.1.0.2", "10.2.0.1", "10.2.0.2"]
    );
}

#[test]
fn a_repetition_reaches_into_the_definition_at_its_end() {
    let block = "$A= \\\nreal_server 10.0.${x}.${y} { \\\n}\n$B= \\\n~SEQ(y,1,2) $A\n";
    assert_eq!(
        lines(&format!("{block}~LST({{x,z}}, {{3,w}}) $B\n")),
        [
            "real_server 10.0.3.1 { ",
            "}",
            "real_server 10.0.3.2 { ",
            "}"
        ]
    );
}

#[test]
fn a_built_in_comment_character_at_the_start_of_a_word_starts_a_comment() {
    let text = "$OFF=${_HASH}\n$OFF priority 1\nid a${_HASH}b\nx \" ${_BANG}\"${_BANG} ${_BANG}\n";
    assert_eq!(lines(text), ["id a#b", "x \" !\"! "]);
}

#[test]
fn an_undefined_name_in_braces_is_said_once_for_each_place() {
    let found = findings("state $UNDEF\nrouter_id a${NONE}b${_HASH}\n~SEQ(x,2) ${NONE}${x}\n");
    assert_eq!(
        found,
        [
            "main.conf:1:7: warning: '$UNDEF' is not defined",
            "main.conf:2:12: warning: '${NONE}' is not defined",
            "main.conf:3:1: warning: '${NONE}' is not defined",
        ]
    );
}

#[test]
fn the_numbers_of_a_sequence_may_be_definitions_and_values_around_it() {
    let numbers = "$FROM=4\n$TO=0x5\n";
    assert_eq!(
        lines(&format!("{numbers}~SEQ(x, $FROM, ${{TO}}) a${{x}}\n")),
        ["a4", "a5"]
    );
    assert_eq!(
        lines("~SEQ(x,2) ~SEQ(y,$x,2) a${x}-${y}\n"),
        ["a1-1", "a1-2", "a2-2"]
    );
    let found = findings("~SEQ(x, $UNKNOWN) a${x}\n");
    assert!(found[0].contains("'$UNKNOWN' is no number"), "{found:?}");
}

#[test]
fn a_value_of_a_list_that_is_a_name_is_put_in_where_the_value_is() {
    // keepalived: of the file or of the list itself, in whatever order, where the name ends.
    assert_eq!(
        lines("$X=5\n~LST(a, $X, b$X, 6) r${a}\n"),
        ["r5", "rb5", "r6"]
    );
    assert_eq!(lines("~LST({a,b}, {$b,1}) ${b}-${a}\n"), ["1-1"]);
    assert_eq!(lines("~LST({a,b}, {2,$a}) ${a}-${b}\n"), ["2-2"]);
    assert_eq!(lines("~LST(a, $c) ~LST(c, 1, 2) v${a}\n"), ["v1", "v2"]);
    // Behind it stands what ends no name.
    let read = read_files(&[("main.conf", "~LST({a,b}, {$b,1}) ${a}-${b}\n")]);
    assert_eq!(read.lines, ["$b-1"]);
    // One that is itself.
    let found = findings("~LST(a, $a) q${a}\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("never end"), "{found:?}");
}

#[test]
fn blanks_before_the_value_of_a_definition_are_no_part_of_it() {
    assert_eq!(lines("$A= \tb\na${A}c\n"), ["abc"]);
}

#[test]
fn what_a_definition_or_a_repetition_makes_may_be_a_definition() {
    // keepalived: its value is what is written, not what that stood for.
    assert_eq!(
        lines("$A= \\\nx \\\n$B=${C}\n$C=1\n$A\n$C=2\ne${B}\n"),
        ["x ", "e2"]
    );
    assert_eq!(lines("~SEQ(n,2) $M${n}=d${n}\nh${M1}${M2}\n"), ["hd1d2"]);
    // Its versions differ.
    let found = findings("$A=$B=1\n$A\ne${B}\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("versions of keepalived differ"),
        "{found:?}"
    );
}

#[test]
fn a_definition_goes_on_behind_a_line_that_ends_in_a_backslash_whatever_else_it_is() {
    // keepalived 2.2.7: a blank line, a comment or a line that is for another node ends it as any other.
    for (end, expected) in [
        ("\n", &["c", "a "][..]),
        ("# b\n", &["c", "a "]),
        ("@other b\n", &["c", "a "]),
        ("@other b \\\n", &["a ", "c"]),
        ("@here b \\\n", &["a ", "b ", "c"]),
    ] {
        let read = read_files(&[("main.conf", &format!("$A=a \\\n{end}c\n$A\n"))]);
        assert_eq!(read.lines, expected, "{end:?}");
        assert_eq!(read.findings, [""; 0], "{end:?}");
    }
    // 2.4 ends it at a comment whatever stands at its end.
    for line in ["# b \\", "b # c \\"] {
        let read = read_files(&[("main.conf", &format!("$A=a \\\n{line}\nc\n$A\n"))]);
        assert_eq!(read.lines.first().map(String::as_str), Some("a "), "{line}");
        assert_eq!(read.lines.last().map(String::as_str), Some("c"), "{line}");
        assert_eq!(read.findings.len(), 1, "{:?}", read.findings);
        assert!(read.findings[0].contains("versions of keepalived differ"));
    }
}

#[test]
fn what_was_meant_as_a_definition_is_one_complaint_that_says_how_it_is_written() {
    for (line, help) in [
        ("$FOO = bar", "no blank before the '=': $FOO=VALUE"),
        ("$FOO =bar", "no blank before the '=': $FOO=VALUE"),
        (
            "$ FOO=bar",
            "this is no definition of 'FOO': there is a blank in it",
        ),
        ("${FOO}=bar", "here write $FOO=VALUE"),
        ("$FOO-X=bar", "'FOO-X' is no name"),
        ("$1FOO=bar", "'1FOO' is no name"),
        ("$FOO+=bar", "write $FOO=VALUE: there is only '='"),
        ("$FOO = bar \\\nb", "no blank before the '='"),
    ] {
        let read = read_files(&[("main.conf", &format!("{line}\na\n"))]);
        let [found] = read.findings.as_slice() else {
            panic!("{line}: {:?}", read.findings);
        };
        assert!(found.starts_with("main.conf:1:1: warning: "), "{found}");
        assert!(found.contains(help), "{found}");
        assert_eq!(read.lines.last().map(String::as_str), Some("a"));
    }
    let found = findings("$FOO = bar\nstate ${FOO}\n");
    assert!(
        found[1].contains("line 1 of main.conf does not define it"),
        "{found:?}"
    );
}

#[test]
fn a_name_that_has_a_value_is_put_in_before_a_blank_and_an_equals_sign() {
    let read = read_files(&[("main.conf", "$FOO=a\n$FOO = b\n${FOO}=b\n")]);
    assert_eq!(read.lines, ["a = b", "a=b"]);
    assert_eq!(read.findings.len(), 2, "{:?}", read.findings);
    // Words with a `=` in them are no definitions.
    assert_eq!(lines("$FOO=a\n$FOO b=c\n${FOO}x=c\n"), ["a b=c", "ax=c"]);
}

#[test]
fn lists_repeat_the_rest_of_the_line() {
    let read = read_files(&[("main.conf", "~LST(x, a, b) $x/1\n")]);
    assert_eq!(read.lines, ["$x/1", "$x/1"]);
    assert_eq!(read.findings.len(), 1, "{:?}", read.findings);
    assert_eq!(lines("~LST(x, a, b) ${x}/1\n"), ["a/1", "b/1"]);
    assert_eq!(lines("~LST({a,b}, {1,2}, {3}) ${a}-${b}\n"), ["1-2", "3-"]);
}

#[test]
fn a_sequence_of_a_billion_is_refused() {
    for (line, what) in [
        ("~SEQ(x,1,1000000000) $x", "would make 1000000000 lines"),
        ("~SEQ(x,1000000000000000000000) $x", "too large for ~SEQ"),
        ("~SEQ(x,-0x10000000000,5) $x", "too large for ~SEQ"),
    ] {
        let found = findings(&format!("{line}\nb\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("main.conf:1:1: error: "), "{found:?}");
        assert!(found[0].contains(what), "{found:?}");
        assert!(found[0].contains("use a smaller END"), "{found:?}");
    }
    let expected = "at most 100000 lines";
    assert!(findings("~SEQ(x,100001) $x\n")[0].contains(expected));
    let read = read_files(&[("main.conf", "~SEQ(x,1000000000) a {\nb\n}\nc\n")]);
    assert_eq!(read.lines, [" ~ {", "b", "}", "c"]);
    assert_eq!(
        findings("~SEQ(x,1,0,5) $x\n~SEQ(x\n~LST(x, {1,2}) $x\n").len(),
        3
    );
}

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
fn definitions_that_double_one_another_end_with_one_complaint() {
    let mut text = String::from("$A0=xxxxxxxx\n");
    for level in 1..40 {
        text.push_str(&format!(
            "$A{level}=${{A{}}} ${{A{}}}\n",
            level - 1,
            level - 1
        ));
    }
    let found = findings(&(text + "a ${A39}\n"));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn many_small_definitions_in_long_lines_end_with_one_complaint() {
    let line = "${E}".repeat(255) + "\n";
    let found = findings(&("$E=\n".to_owned() + &line.repeat(8000)));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn sequences_in_sequences_end_with_one_complaint() {
    let found = findings("~SEQ(a,1,90000) ~SEQ(b,1,90000) ~SEQ(c,1,90000) ${a} ${b} ${c}\n");
    assert_eq!(found.len(), 1, "{found:?}");
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
fn a_no_break_space_is_part_of_a_word() {
    assert_eq!(lines("\u{a0}a\u{a0}\n"), ["\u{a0}a\u{a0}"]);
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

/// What is said of names in a script's command, a quoted text, a password and a word of its own.
fn said_of(name: &str) -> Vec<bool> {
    [
        format!("script \"/bin/a {name} \""),
        format!("script \"/bin/sh -c 'echo {name} '\""),
        format!("router_id \"a {name} \""),
        format!("auth_pass {name}"),
        format!("interface {name}"),
    ]
    .iter()
    .map(|line| !findings(&format!("$NETWORK=1\n{line}\n")).is_empty())
    .collect()
}

#[test]
fn an_undefined_name_is_said_where_it_is_no_text_or_nearly_defined() {
    assert_eq!(said_of("$OTHER"), [true, false, false, false, true]);
    assert_eq!(said_of("$NETWROK"), [true; 5]);
    assert_eq!(said_of("$NETWORK"), [false; 5]);
    let found = findings("a $LATE\n$LATE=1\n");
    assert!(found[0].contains("further down"), "{found:?}");
    let found = findings("~SEQ(index,1,2) ${idnex}\n");
    assert!(found[0].contains("did you mean '${index}'?"), "{found:?}");
}

#[test]
fn a_name_that_is_not_put_in_because_of_what_follows_is_said() {
    // keepalived: only a blank, `,`, `)` or the end of the line ends a name.
    assert_eq!(findings("$A=1\nauth_pass \"$A\"\n").len(), 1);
    assert_eq!(
        findings("$A=1\nscript \"/bin/sh -c 'echo $A;'\"\n").len(),
        0
    );
}

#[test]
fn a_faulty_repetition_is_one_complaint_and_its_line_and_block_are_not_read() {
    for line in [
        "~SEQ(x,1,0,5) real_server 10.0.0.${x} 80 {",
        "~SEQ(x,1,3 real_server 10.0.0.${x} 80 {",
        "~SEQX(x,1,3) real_server 10.0.0.${x} 80 {",
        "~LST({a,b}, {1,2,3}) real_server ${a} 80 {",
        "~LST(x) real_server ${x} 80 {",
        "real_server 10.0.0.${_RANDOM 7 5} 80 {",
    ] {
        let read = read_files(&[("main.conf", &format!("{line}\nweight 1\n}}\nb\n"))]);
        assert_eq!(read.lines, [" ~ {", "weight 1", "}", "b"], "{line}");
        assert_eq!(read.findings.len(), 1, "{line}: {:?}", read.findings);
    }
    let read = read_files(&[("main.conf", "a ~SEQ(x,1,2) b\n~SEQ (x, 1, 2)c\n")]);
    // keepalived: in the middle of a line it is a word like others, and blanks may stand before the bracket.
    assert_eq!(read.lines, ["a ~SEQ(x,1,2) b", "c", "c"]);
}

#[test]
fn a_misspelt_repetition_is_said_with_what_was_meant() {
    for (written, meant) in [
        ("~seq(x, 1, 3)", "~SEQ"),
        ("~seqx (x, 1, 3)", "~SEQx"),
        ("~SEQX(x, 1, 3)", "~SEQx"),
        ("~lst(x, 1, 3)", "~LST"),
        ("~LIST(x, 1, 3)", "~LST"),
    ] {
        let found = findings(&format!("{written} 10.0.0.$x\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        let help = format!("did you mean '{meant}'?");
        assert!(found[0].contains(&help), "{found:?}");
    }
    // Nothing like one, or not at the beginning: words like others.
    for written in ["~(x)", "~é(x)", "~/bin/x (y)", "a ~seq(x, 1, 3)", "~seq"] {
        assert_eq!(lines(&format!("{written}\n")), [written]);
    }
}

#[test]
fn too_many_values_of_a_list_are_counted() {
    let found = findings("~LST(x, {1, 2}) $x\n~LST({x, y}, {1, 2, 3}) $x\n");
    assert!(found[0].contains("has 1 name, but 2 values"), "{found:?}");
    assert!(found[1].contains("has 2 names, but 3 values"), "{found:?}");
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

#[test]
fn a_long_definition_that_is_used_often_ends_with_one_complaint() {
    let text = format!("$A=\\\n{}x\n{}", "x \\\n".repeat(50_000), "$A\n".repeat(50));
    let found = findings(&text);
    assert_eq!(found.len(), 1, "{found:?}");
}
