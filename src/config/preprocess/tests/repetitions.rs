//! `~SEQ` and `~LST`.

use super::*;

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
fn sequences_in_sequences_end_with_one_complaint() {
    let found = findings("~SEQ(a,1,90000) ~SEQ(b,1,90000) ~SEQ(c,1,90000) ${a} ${b} ${c}\n");
    assert_eq!(found.len(), 1, "{found:?}");
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
