//! `$NAME` definitions, built-in ones too.

use super::*;

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
fn a_long_definition_that_is_used_often_ends_with_one_complaint() {
    let text = format!("$A=\\\n{}x\n{}", "x \\\n".repeat(50_000), "$A\n".repeat(50));
    let found = findings(&text);
    assert_eq!(found.len(), 1, "{found:?}");
}
