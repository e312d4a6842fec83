use super::*;
use crate::config::lines::{Lines, Rewritten};

/// The tokens of a line, in a notation of this test: `"…` an open quote.
fn shown(text: &str) -> Vec<String> {
    let mut lines = Lines::default();
    lines.add_logical(0, Rewritten::replacement(text, 0..0));
    lines
        .iter()
        .flat_map(tokens)
        .map(|located| match located.token {
            Token::Word(word) => word.text.to_owned(),
            Token::Open(_) => "<{>".to_owned(),
            Token::Close(_) => "<}>".to_owned(),
            Token::Unterminated(word) => format!("\"{}", word.text),
        })
        .collect()
}

#[test]
fn words_are_separated_by_blanks_and_tabs() {
    assert_eq!(shown("a\tb  c"), ["a", "b", "c"]);
}

#[test]
fn a_double_quote_starts_and_ends_a_word_and_nothing_escapes() {
    assert_eq!(shown(r#"a "b c" d"#), ["a", "b c", "d"]);
    assert_eq!(shown(r#"a"b c"d"#), ["a", "b c", "d"]);
    assert_eq!(shown(r#"a "b\" c"#), ["a", r"b\", "c"]);
    assert_eq!(shown(r#"a """#), ["a", ""]);
}

#[test]
fn single_quotes_are_ordinary_characters() {
    assert_eq!(shown("auth_pass 'a b'"), ["auth_pass", "'a", "b'"]);
}

#[test]
fn a_quote_that_is_not_closed_reaches_to_the_end_of_the_line() {
    assert_eq!(shown(r#"a "b c"#), ["a", "\"b c"]);
}

#[test]
fn braces_need_no_blanks_around_them_and_are_literal_in_quotes() {
    assert_eq!(shown("VI_1{"), ["VI_1", "<{>"]);
    assert_eq!(shown("10.0.0.1 }"), ["10.0.0.1", "<}>"]);
    assert_eq!(shown(r#"a "{b}""#), ["a", "{b}"]);
}

#[test]
fn an_undefined_reference_stays_one_word() {
    assert_eq!(shown("state ${UNDEF}x $Y"), ["state", "${UNDEF}x", "$Y"]);
}

#[test]
fn integers_and_what_is_behind_them() {
    assert_eq!(integer("5"), Number::Whole(5));
    assert_eq!(integer("-1"), Number::Whole(-1));
    assert_eq!(integer("5x"), Number::Prefix(5));
    assert_eq!(integer("x5"), Number::No);
    assert_eq!(integer(""), Number::No);
    assert_eq!(integer("99999999999999999999"), Number::No);
}

#[test]
fn seconds_are_read_to_the_microsecond() {
    assert_eq!(microseconds("1"), Number::Whole(1_000_000));
    assert_eq!(microseconds("0.5"), Number::Whole(500_000));
    assert_eq!(microseconds(".25"), Number::Whole(250_000));
    assert_eq!(microseconds("2."), Number::Whole(2_000_000));
    assert_eq!(microseconds("0.0000014"), Number::Whole(1));
    assert_eq!(microseconds("0.0000015"), Number::Whole(2));
    assert_eq!(microseconds("-1"), Number::Whole(-1_000_000));
    assert_eq!(microseconds("1s"), Number::Prefix(1_000_000));
    assert_eq!(microseconds("."), Number::No);
    assert_eq!(microseconds("abc"), Number::No);
    assert_eq!(microseconds("9223372036854775807"), Number::No);
}

fn words(text: &str) -> Vec<String> {
    script_words(text).expect("quotes are closed")
}

#[test]
fn a_script_in_quotes_is_one_word_and_user_and_group_follow() {
    assert_eq!(
        words(r#" "/x/s.sh a b" nobody wheel"#),
        ["/x/s.sh a b", "nobody", "wheel"]
    );
    assert_eq!(words(" /x/s.sh a b"), ["/x/s.sh", "a", "b"]);
    assert_eq!(words(" '/x/s.sh a' nobody"), ["/x/s.sh a", "nobody"]);
}

#[test]
fn pieces_of_a_script_side_by_side_are_one_word() {
    assert_eq!(words(r#""a "'b c'd"#), ["a b cd"]);
}

#[test]
fn backslashes_in_a_script_make_control_octal_and_hexadecimal_characters() {
    assert_eq!(words(r#""a\tb\x41\101\"c""#), ["a\tbAA\"c"]);
    assert_eq!(words(r"a\ b"), ["a b"]);
    assert_eq!(words(r"a\cA"), ["a\u{1}"]);
    assert_eq!(words("a\\"), ["a\\"]);
}

#[test]
fn a_quote_that_is_not_closed_in_a_script_is_an_error() {
    assert_eq!(script_words("\"/x 'a"), Err(UnclosedQuote { quote: '"' }));
    assert_eq!(script_words("'/x a"), Err(UnclosedQuote { quote: '\'' }));
}

#[test]
fn a_command_is_split_a_second_time_with_both_kinds_of_quotes() {
    assert_eq!(split_command("/path/x 'a b' c"), ["/path/x", "a b", "c"]);
    assert_eq!(split_command("/x \"a 'b\" ''"), ["/x", "a 'b", ""]);
    assert_eq!(split_command("  "), [""; 0]);
}
