//! The words behind a keyword, read one after the other.

use std::net::IpAddr;
use std::time::Duration;

use super::{Garbage, Opens, Reader, Row, Shape, Standing};
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::lexer::{self, Number, Word};
use crate::config::lines::Span;
use crate::config::tree::Statement;
use crate::types::InterfaceName;

/// A value and where it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A script as it is written; users and files have not been looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ScriptText {
    /// Never empty.
    pub(crate) command: String,
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) span: Span,
}

/// The arguments of one statement.
pub(crate) struct Arguments<'a> {
    statement: &'a Statement<'a>,
    row: &'static Row,
    next: usize,
    reader: &'a mut Reader,
    /// That the keyword is not carried out is said elsewhere.
    owner_complains: bool,
    is_block_read: bool,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(
        statement: &'a Statement<'a>,
        row: &'static Row,
        reader: &'a mut Reader,
    ) -> Self {
        Self {
            statement,
            row,
            next: 0,
            reader,
            owner_complains: false,
            is_block_read: false,
        }
    }

    pub(crate) fn reader(&mut self) -> &mut Reader {
        self.reader
    }

    pub(crate) fn statement(&self) -> &'a Statement<'a> {
        self.statement
    }

    /// The statements of the block behind the keyword; none without a block.
    pub(crate) fn block(&mut self) -> &'a [Statement<'a>] {
        self.is_block_read = true;
        self.statement
            .block
            .as_ref()
            .map_or(&[], |block| block.statements.as_slice())
    }

    /// A block that nobody has read, because the words before it are wrong, may have mistakes of its own.
    pub(super) fn look_over_unread_block(&mut self) {
        if let (false, Some(Opens::Keywords(table))) = (self.is_block_read, self.row.shape.opens())
        {
            let block = self.block();
            self.reader.look_over(table, block);
        }
    }

    /// The keyword itself.
    pub(crate) fn keyword(&self) -> Spanned<&'static str> {
        Spanned {
            value: self.row.name,
            span: self.keyword_span(),
        }
    }

    /// Of the keyword.
    pub(crate) fn keyword_span(&self) -> Span {
        self.statement.first().span
    }

    /// Of the keyword and its arguments.
    pub(crate) fn span(&self) -> Span {
        self.statement.span()
    }

    /// A complaint that does not keep the keyword from being carried out.
    pub(crate) fn complain(&mut self, finding: Finding) {
        self.reader.findings.push(finding);
    }

    /// That this keyword is not carried out is said where it is known what follows from that.
    pub(crate) fn leave_pending_to_owner(&mut self) {
        self.owner_complains = true;
    }

    /// The next word, if there is one.
    pub(crate) fn next_word(&mut self) -> Option<Word<'a>> {
        let word = self.statement.arguments().get(self.next).copied();
        self.next += usize::from(word.is_some());
        word
    }

    /// The next word, which must be there.
    pub(crate) fn word(&mut self) -> Result<Word<'a>, Finding> {
        self.next_word().ok_or_else(|| self.missing())
    }

    pub(crate) fn text(&mut self) -> Result<Spanned<String>, Finding> {
        self.word().map(|word| Spanned {
            value: word.text.to_owned(),
            span: word.span,
        })
    }

    /// A number in the range of the keyword's [`Shape::Number`].
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, Finding> {
        let word = self.word()?;
        self.number_in(word, &self.row.shape)
    }

    /// `word` as a number in the range of `shape`.
    pub(crate) fn number_in<T: TryFrom<i64>>(
        &mut self,
        word: Word<'_>,
        shape: &Shape,
    ) -> Result<T, Finding> {
        let (min, max, garbage) = match *shape {
            Shape::Number { min, max, garbage } => (min, max, garbage),
            _ => (i64::MIN, i64::MAX, Garbage::Refused),
        };
        let invalid = || self.invalid(word, "number", shape);
        let (number, cut_off) = match (lexer::integer(word.text), garbage) {
            (Number::Whole(number), _) => (number, None),
            (Number::Prefix(number), Garbage::CutOff) => (number, Some(invalid())),
            (Number::Prefix(_), Garbage::Refused) | (Number::No, _) => return Err(invalid()),
        };
        let value = Some(number)
            .filter(|number| (min..=max).contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.out_of_range(word, shape))?;
        if let Some(finding) = cut_off {
            self.complain(finding.help(format!("{number} is used")));
        }
        Ok(value)
    }

    /// Decimal seconds in the range of the keyword's [`Shape::Seconds`].
    pub(crate) fn seconds(&mut self) -> Result<Duration, Finding> {
        let word = self.word()?;
        let shape = self.row.shape;
        let (min, max) = match shape {
            Shape::Seconds { min, max } => (min, max),
            _ => (Duration::ZERO, Duration::MAX),
        };
        let (micros, cut_off) = match lexer::microseconds(word.text) {
            Number::Whole(micros) => (micros, None),
            Number::Prefix(micros) => (micros, Some(self.invalid(word, "time", &shape))),
            Number::No => return Err(self.invalid(word, "time", &shape)),
        };
        let duration = u64::try_from(micros)
            .map(Duration::from_micros)
            .ok()
            .filter(|duration| (min..=max).contains(duration))
            .ok_or_else(|| self.out_of_range(word, &shape))?;
        if let Some(finding) = cut_off {
            self.complain(finding.help(format!("{} is used", duration.as_secs_f64())));
        }
        Ok(duration)
    }

    /// `on` and its like; nothing is true.
    pub(crate) fn boolean(&mut self) -> Result<bool, Finding> {
        let Some(word) = self.next_word() else {
            return Ok(true);
        };
        match word.text {
            "true" | "on" | "yes" => Ok(true),
            "false" | "off" | "no" => Ok(false),
            _ => Err(self.invalid(word, "value", &Shape::Bool)),
        }
    }

    /// One of the words of the keyword's [`Shape::Choice`].
    pub(crate) fn choice(&mut self) -> Result<&'static str, Finding> {
        let word = self.word()?;
        let Shape::Choice(words) = self.row.shape else {
            return Err(self.invalid(word, "value", &self.row.shape));
        };
        words
            .iter()
            .copied()
            .find(|&known| known == word.text)
            .ok_or_else(|| {
                let meant = nearest(word.text, words.iter().copied());
                let finding = self.invalid(word, "value", &self.row.shape);
                match meant {
                    Some(meant) => finding.help(format!("did you mean '{meant}'?")),
                    None => finding,
                }
            })
    }

    pub(crate) fn address(&mut self) -> Result<Spanned<IpAddr>, Finding> {
        let word = self.word()?;
        match word.text.parse() {
            Ok(value) => Ok(Spanned {
                value,
                span: word.span,
            }),
            Err(_) => Err(self.invalid(word, "IP address", &Shape::Address)),
        }
    }

    pub(crate) fn interface(&mut self) -> Result<Spanned<InterfaceName>, Finding> {
        let word = self.word()?;
        match InterfaceName::new(word.text) {
            Ok(value) => Ok(Spanned {
                value,
                span: word.span,
            }),
            Err(error) => Err(Finding::new(
                Code::InvalidValue,
                word.span,
                error.to_string(),
            )),
        }
    }

    /// A value in which quotes and backslashes count as in a script.
    pub(crate) fn quoted(&mut self) -> Result<Spanned<String>, Finding> {
        let span = self.span();
        let words =
            lexer::script_words(self.statement.tail()).map_err(|error| self.unclosed(error))?;
        let value = words.into_iter().next().ok_or_else(|| self.missing())?;
        self.next += 1;
        if self.statement.tail().trim_start().starts_with(['"', '\'']) {
            self.skip_rest();
        }
        Ok(Spanned { value, span })
    }

    /// A command and whom it runs as.
    pub(crate) fn script(&mut self) -> Result<ScriptText, Finding> {
        let span = self.span();
        self.next = self.statement.arguments().len();
        let mut words = lexer::script_words(self.statement.tail())
            .map_err(|error| self.unclosed(error))?
            .into_iter();
        let command = words.next().ok_or_else(|| self.missing())?;
        let (user, group) = (words.next(), words.next());
        if let Some(extra) = words.next() {
            let finding = Finding::new(
                Code::ExtraWords,
                span,
                format!("'{extra}' stands behind the user and group of the script"),
            );
            self.complain(
                finding.help("a command with arguments needs double quotes around all of it"),
            );
        }
        Ok(ScriptText {
            command,
            user,
            group,
            span,
        })
    }

    /// A complaint about a quote in a value that has rules of its own.
    fn unclosed(&self, error: lexer::UnclosedQuote) -> Finding {
        let span = match self.statement.arguments() {
            [first, .., last] => first.span.to(last.span),
            [only] => only.span,
            [] => self.span(),
        };
        Finding::new(Code::UnterminatedQuote, span, error.to_string())
    }

    /// Reads the value of the keyword into its field.
    pub(crate) fn fill<T: Value>(&mut self, field: &mut T) -> Result<(), Finding> {
        *field = T::read(self)?;
        Ok(())
    }

    /// As [`Self::fill`] for a script that may be given once: the first counts (keepalived: set_vrrp_notify_script).
    pub(crate) fn fill_once(&mut self, field: &mut Option<ScriptText>) -> Result<(), Finding> {
        let script = self.script()?;
        if field.is_none() {
            *field = Some(script);
            return Ok(());
        }
        let message = format!(
            "{} script already specified - ignoring {}",
            self.row.name, script.command
        );
        Err(Finding::new(Code::DuplicateEntry, script.span, message))
    }

    /// Skips what is left.
    pub(crate) fn skip_rest(&mut self) {
        self.next = self.statement.arguments().len();
    }

    /// A complaint about `word` as a value of this keyword.
    pub(crate) fn invalid_value(&self, word: Word<'_>) -> Finding {
        self.invalid(word, "value", &self.row.shape)
    }

    fn invalid(&self, word: Word<'_>, what: &str, shape: &Shape) -> Finding {
        let message = format!("invalid {what} '{}' for '{}'", word.text, self.row.name);
        let finding = Finding::new(Code::InvalidValue, word.span, message);
        let is_sign = word.text.starts_with('=');
        let help = is_sign.then(|| "no '=' stands between a keyword and its value".to_owned());
        finding.expected(shape.expected()).maybe_help(help)
    }

    fn out_of_range(&self, word: Word<'_>, shape: &Shape) -> Finding {
        let message = format!("'{}' is out of range for '{}'", word.text, self.row.name);
        Finding::new(Code::OutOfRange, word.span, message).expected(shape.expected())
    }

    fn missing(&self) -> Finding {
        let message = format!("'{}' is missing a parameter", self.row.name);
        Finding::new(Code::MissingParameter, self.span(), message)
            .expected(self.row.shape.expected())
    }

    /// Enough words, and a block exactly where one belongs.
    pub(super) fn check_presence(&mut self) -> Result<(), Finding> {
        if self.statement.arguments().len() < self.row.shape.at_least() {
            return Err(self.missing());
        }
        match self.row.shape.opens() {
            None => self.refuse_block(self.statement),
            Some(Opens::List) => {
                for entry in self.block() {
                    self.refuse_block(entry);
                }
            }
            Some(Opens::Keywords(_)) => {}
        }
        Ok(())
    }

    /// A block where there can be none is skipped as a whole.
    fn refuse_block(&mut self, statement: &Statement<'_>) {
        if let Some(block) = &statement.block {
            let message = format!(
                "'{}' has no block; what is in it is not read",
                statement.first().text
            );
            self.complain(Finding::new(Code::UnexpectedBrace, block.open, message));
        }
    }

    /// Reads the arguments for nothing but their complaints.
    pub(crate) fn check_shape(&mut self) -> Result<(), Finding> {
        match self.row.shape {
            Shape::Flag => {}
            Shape::Bool => drop(self.boolean()?),
            Shape::Number { .. } => drop(self.number::<i64>()?),
            Shape::Seconds { .. } => drop(self.seconds()?),
            Shape::Choice(_) => drop(self.choice()?),
            Shape::Word(_) => drop(self.word()?),
            Shape::Words(_) | Shape::Optional(_) | Shape::List(_) | Shape::NamedList(_) => {
                self.skip_rest();
            }
            Shape::Address => drop(self.address()?),
            Shape::Interface => {
                self.interface()?;
            }
            Shape::Script => drop(self.script()?),
            Shape::Block(table) | Shape::Named(_, table) => {
                self.skip_rest();
                let block = self.block();
                self.reader.look_over(table, block);
            }
        }
        Ok(())
    }

    /// What follows the reading of a row: words that are left, and how far the keyword is supported.
    pub(super) fn finish(&mut self, outcome: Result<(), Finding>) -> Result<(), Finding> {
        outcome?;
        if let Some(extra) = self.next_word() {
            let is_keyword = !self.reader.catalogue.homes(extra.text).is_empty();
            let message = format!("'{}' behind '{}' is not read", extra.text, self.row.name);
            let finding = Finding::new(Code::ExtraWords, extra.span, message);
            self.complain(if is_keyword {
                finding.help("each keyword needs a line of its own")
            } else {
                finding.expected(self.row.shape.expected())
            });
        }
        match self.row.standing {
            Standing::Pending if !self.owner_complains => {
                let message = format!("'{}' is understood, but not carried out yet", self.row.name);
                let finding = Finding::new(Code::NotCarriedOut, self.keyword_span(), message);
                self.complain(finding);
            }
            Standing::WithoutEffect if !self.row.reason.is_empty() => {
                let message = format!("'{}' has no effect: {}", self.row.name, self.row.reason);
                self.complain(Finding::new(Code::NoEffect, self.keyword_span(), message));
            }
            Standing::CarriedOut | Standing::WithoutEffect | Standing::Pending => {}
        }
        if let Some(instead) = self.row.instead {
            let message = format!("'{}' is deprecated", self.row.name);
            let finding = Finding::new(Code::Deprecated, self.keyword_span(), message);
            self.complain(finding.help(format!("use {instead}")));
        }
        Ok(())
    }
}

/// What a keyword's words can be read as, where its [`Shape`] says all there is to check.
pub(crate) trait Value: Sized {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding>;
}

impl<T: Value> Value for Option<T> {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        T::read(arguments).map(Some)
    }
}

/// The span is of the keyword and its arguments.
impl<T: Value> Value for Spanned<T> {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        let span = arguments.span();
        T::read(arguments).map(|value| Self { value, span })
    }
}

/// A keyword that says no more than that it is there is true.
impl Value for bool {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        match arguments.row.shape {
            Shape::Flag => Ok(true),
            _ => arguments.boolean(),
        }
    }
}

/// Seconds, with decimals where the [`Shape`] has them.
impl Value for Duration {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        match arguments.row.shape {
            Shape::Number { .. } => arguments.number().map(Self::from_secs),
            _ => arguments.seconds(),
        }
    }
}

impl Value for String {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        arguments.text().map(|text| text.value)
    }
}

impl Value for IpAddr {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        arguments.address().map(|address| address.value)
    }
}

impl Value for InterfaceName {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        arguments.interface().map(|interface| interface.value)
    }
}

impl Value for ScriptText {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
        arguments.script()
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Value for $number {
            fn read(arguments: &mut Arguments<'_>) -> Result<Self, Finding> {
                arguments.number()
            }
        }
    )*};
}

numbers!(u8 u16 u32 i8 i32);
