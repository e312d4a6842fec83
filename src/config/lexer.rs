//! From lines to words and braces, and from words to values: keepalived's lexical rules.
//!
//! Ordinary words are parts of their line, so they borrow it. Scripts are read a second time with richer rules by
//! [`script_words`] and [`split_command`].

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_while, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{opt, recognize, value};
use nom::multi::many1_count;
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use super::lines::{Line, Span};

/// A word: bare, or in double quotes (which are not part of it).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// With the quotes.
    pub(crate) span: Span,
}

/// A piece of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token<'a> {
    Word(Word<'a>),
    /// `{`
    Open(Span),
    /// `}`
    Close(Span),
    /// From a double quote to the end of the line, because the second quote is missing.
    Unterminated(Word<'a>),
}

/// A token and the bytes of the line it stands at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The tokens of a line.
pub(crate) fn tokens(line: Line<'_>) -> impl Iterator<Item = Located<'_>> {
    let mut rest = line.text;
    std::iter::from_fn(move || {
        let (after, (_, lexeme)) = pair(blanks, lexeme).parse(rest).ok()?;
        let end = line.text.len() - after.len();
        let start = end - lexeme.raw_length();
        rest = after;
        let span = line.span(start..end);
        let token = match lexeme {
            Lexeme::Open => Token::Open(span),
            Lexeme::Close => Token::Close(span),
            Lexeme::Bare(text) | Lexeme::Quoted(text) => Token::Word(Word { text, span }),
            Lexeme::Unterminated(text) => Token::Unterminated(Word { text, span }),
        };
        Some(Located { token, start, end })
    })
}

#[derive(Clone, Copy, Debug)]
enum Lexeme<'a> {
    Open,
    Close,
    Bare(&'a str),
    Quoted(&'a str),
    Unterminated(&'a str),
}

impl Lexeme<'_> {
    /// Bytes it takes in the line.
    fn raw_length(self) -> usize {
        match self {
            Self::Open | Self::Close => 1,
            Self::Bare(text) => text.len(),
            Self::Quoted(text) => text.len() + 2,
            Self::Unterminated(text) => text.len() + 1,
        }
    }
}

fn lexeme(input: &str) -> IResult<&str, Lexeme<'_>> {
    alt((
        value(Lexeme::Open, char('{')),
        value(Lexeme::Close, char('}')),
        delimited(char('"'), take_till(|c| c == '"'), char('"')).map(Lexeme::Quoted),
        preceded(char('"'), take_while(|_| true)).map(Lexeme::Unterminated),
        bare.map(Lexeme::Bare),
    ))
    .parse(input)
}

/// Up to a blank, a double quote or a brace; an undefined `${NAME}` stays whole.
fn bare(input: &str) -> IResult<&str, &str> {
    let name = take_while1(|c: char| c == '_' || c.is_ascii_alphanumeric());
    let plain = |c| !is_blank(c) && !matches!(c, '"' | '{' | '}' | '$');
    recognize(many1_count(alt((
        recognize((tag("${"), name, char('}'))),
        take_while1(plain),
        tag("$"),
    ))))
    .parse(input)
}

fn blanks(input: &str) -> IResult<&str, &str> {
    take_while(is_blank).parse(input)
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t' || c == '\r' || c == '\x0b' || c == '\x0c'
}

/// How much of a word is a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Number<T> {
    Whole(T),
    /// A number with something behind it.
    Prefix(T),
    No,
}

/// A decimal integer.
pub(crate) fn integer(word: &str) -> Number<i64> {
    let parsed: IResult<&str, &str> = recognize(pair(
        opt(one_of("+-")),
        take_while1(|c: char| c.is_ascii_digit()),
    ))
    .parse(word);
    classify(parsed, |digits| digits.parse().ok())
}

/// Decimal seconds as microseconds; more than six digits after the point are rounded.
pub(crate) fn microseconds(word: &str) -> Number<i64> {
    let digits = || take_while(|c: char| c.is_ascii_digit());
    let parsed: IResult<&str, &str> =
        recognize((opt(one_of("+-")), digits(), opt(pair(char('.'), digits())))).parse(word);
    classify(parsed, decimal_micros)
}

fn classify<T>(parsed: IResult<&str, &str>, convert: impl Fn(&str) -> Option<T>) -> Number<T> {
    match parsed {
        Ok((rest, digits)) => match convert(digits) {
            Some(value) if rest.is_empty() => Number::Whole(value),
            Some(value) => Number::Prefix(value),
            None => Number::No,
        },
        Err(_) => Number::No,
    }
}

fn decimal_micros(text: &str) -> Option<i64> {
    let (digits, sign) = match text.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (text.strip_prefix('+').unwrap_or(text), 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let round_up = i64::from(fraction.as_bytes().get(6).is_some_and(|&b| b >= b'5'));
    let fraction = six.parse::<i64>().ok()? + round_up;
    Some(sign * whole.checked_mul(1_000_000)?.checked_add(fraction)?)
}

/// A script value cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the quote {quote} is not closed")]
pub(crate) struct UnclosedQuote {
    quote: char,
}

/// The words of a script value: double and single quotes, pieces side by side make one word, backslash escapes
/// (keepalived: alloc_strvec_quoted_escaped). At most `MAX_LINE_BYTES` long, as lines are.
pub(crate) fn script_words(text: &str) -> Result<Vec<String>, UnclosedQuote> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => word
                .get_or_insert_default()
                .push(escaped(&mut chars).unwrap_or('\\')),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if is_blank(c) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quote {
        Some(quote) => Err(UnclosedQuote { quote }),
        None => Ok(words),
    }
}

/// The character that follows a backslash.
fn escaped(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    Some(match chars.next()? {
        'a' => '\x07',
        'b' => '\x08',
        'E' => '\x1b',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'c' => char::from(u8::try_from(chars.next()?).ok()? & 0x1f),
        'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => digits(chars, 16, 2, 0),
        first @ '0'..='7' => digits(chars, 8, 2, first.to_digit(8).unwrap_or_default()),
        literal => literal,
    })
}

fn digits(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    radix: u32,
    most: usize,
    mut value: u32,
) -> char {
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else {
            break;
        };
        value = value * radix + digit;
        chars.next();
    }
    char::from(u8::try_from(value & 0xff).unwrap_or_default())
}

/// Splits the command of a script value into its arguments; quotes of both kinds group, nothing escapes
/// (keepalived: set_script_params_array).
pub(crate) fn split_command(command: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut argument: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            ('"' | '\'', None) => {
                quote = Some(c);
                argument.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if is_blank(c) => arguments.extend(argument.take()),
            (c, _) => argument.get_or_insert_default().push(c),
        }
    }
    arguments.extend(argument);
    arguments
}

#[cfg(test)]
mod tests;
