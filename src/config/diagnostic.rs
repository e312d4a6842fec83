//! Complaints about a configuration: what they are, their order, and how they are shown.
//!
//! While a file is read, complaints are [`Finding`]s with a [`Span`]. At the end each becomes a
//! [`Complaint`], which carries its own file name and source line, so that it can be sent to another process and shown there
//! without the file.

use std::collections::HashSet;
use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use super::lines::{Lines, Span};

mod description;
mod nearest;

pub(crate) use nearest::{near_among_many, near_within, nearest, nearest_within};

/// More complaints than this are counted, not kept: memory stays bounded.
pub const MAX_COMPLAINTS: usize = 2_000;

/// What a complaint means for loading the file.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Severity {
    /// Worth knowing: a deprecation, a keyword that is understood but not carried out.
    Note,
    /// Keepalived loads such a file with a message.
    Warning,
    /// Keepalived would stop, or the text can be read in two ways.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The kind of a complaint. Tools may rely on its [name](Code::name).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Code {
    /// The configuration file itself is absent.
    NoConfiguration,
    /// A file that is included is absent, and the include minds.
    FileMissing,
    /// An include that keepalived passes over in silence: the file is absent, or a pattern matches a directory.
    NotIncluded,
    /// A file cannot be read or is no configuration.
    FileUnreadable,
    IncludeSkipped,
    IncludeLoop,
    TooLarge,
    LineTooLong,
    LineWithNul,
    UnterminatedQuote,
    UnbalancedBrace,
    UnexpectedBrace,
    MissingBrace,
    InvalidDefinition,
    /// A keyword without its mandatory parameter; keepalived exits with status 2.
    MissingParameter,
    UnknownKeyword,
    MisplacedKeyword,
    ExtraWords,
    InvalidValue,
    OutOfRange,
    /// A setting without which its block means nothing.
    MissingKeyword,
    /// Such a setting has a value that is none.
    RequiredValue,
    UnknownInterface,
    MissingNamespace,
    DuplicateName,
    DuplicateVrid,
    DuplicateEntry,
    /// A keyword with one value that its block has already; the last one counts.
    Repeated,
    /// A setting that another one has made already; both say the same.
    Redundant,
    /// A name that nothing of that kind has.
    UnknownReference,
    UnusedScript,
    ScriptUnusable,
    ScriptSecurity,
    /// A block without what it is about; it is not used.
    NothingToDo,
    /// Two settings that do not go together; one of them is not used.
    Conflict,
    /// A default that keepalived mentions when it is used.
    Defaulted,
    Deprecated,
    /// It works, but an RFC wants it otherwise.
    Advice,
    /// A keyword that is understood, but not carried out yet; what remains works without it.
    NotCarriedOut,
    /// A keyword that is understood and needs no effect here.
    NoEffect,
    /// An address, an instance or a service that is nowhere, because it is not carried out yet.
    LeftOut,
    /// A real server or an answer that nobody looks at, because its checker is not carried out yet.
    NeverChecked,
    /// The machine has not been looked at.
    Offline,
    /// Something that one node of a pair has and the other has not.
    OnlyOnOneNode,
    /// Two nodes do not understand each other.
    PairMismatch,
    /// Two nodes differ where they had better not.
    PairDiffers,
    /// A weight that never moves a virtual router to the other node.
    PairWeight,
    /// Something about a pair that its files do not say.
    PairUnknown,
}

impl Code {
    /// Stable name, as in `error[unknown-keyword]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoConfiguration => "no-configuration",
            Self::FileMissing => "file-missing",
            Self::NotIncluded => "not-included",
            Self::FileUnreadable => "file-unreadable",
            Self::IncludeSkipped => "include-skipped",
            Self::IncludeLoop => "include-loop",
            Self::TooLarge => "too-large",
            Self::LineTooLong => "line-too-long",
            Self::LineWithNul => "line-with-nul",
            Self::UnterminatedQuote => "unterminated-quote",
            Self::UnbalancedBrace => "unbalanced-brace",
            Self::UnexpectedBrace => "unexpected-brace",
            Self::MissingBrace => "missing-brace",
            Self::InvalidDefinition => "invalid-definition",
            Self::MissingParameter => "missing-parameter",
            Self::UnknownKeyword => "unknown-keyword",
            Self::MisplacedKeyword => "misplaced-keyword",
            Self::ExtraWords => "extra-words",
            Self::InvalidValue => "invalid-value",
            Self::OutOfRange => "out-of-range",
            Self::MissingKeyword => "missing-keyword",
            Self::RequiredValue => "required-value",
            Self::UnknownInterface => "unknown-interface",
            Self::MissingNamespace => "missing-namespace",
            Self::DuplicateName => "duplicate-name",
            Self::DuplicateVrid => "duplicate-vrid",
            Self::DuplicateEntry => "duplicate-entry",
            Self::Repeated => "repeated",
            Self::Redundant => "redundant",
            Self::UnknownReference => "unknown-reference",
            Self::UnusedScript => "unused-script",
            Self::ScriptUnusable => "script-unusable",
            Self::ScriptSecurity => "script-security",
            Self::NothingToDo => "nothing-to-do",
            Self::Conflict => "conflict",
            Self::Defaulted => "defaulted",
            Self::Deprecated => "deprecated",
            Self::Advice => "advice",
            Self::NotCarriedOut => "not-carried-out",
            Self::NoEffect => "no-effect",
            Self::LeftOut => "left-out",
            Self::NeverChecked => "never-checked",
            Self::Offline => "offline",
            Self::OnlyOnOneNode => "only-on-one-node",
            Self::PairMismatch => "pair-mismatch",
            Self::PairDiffers => "pair-differs",
            Self::PairWeight => "pair-weight",
            Self::PairUnknown => "pair-unknown",
        }
    }

    /// What complaints of this kind mean for loading.
    pub fn severity(self) -> Severity {
        match self {
            Self::NoConfiguration
            | Self::FileMissing
            | Self::FileUnreadable
            | Self::IncludeLoop
            | Self::TooLarge
            | Self::LineTooLong
            | Self::UnterminatedQuote
            | Self::UnbalancedBrace
            | Self::MissingBrace
            | Self::MissingParameter
            | Self::MissingKeyword
            | Self::RequiredValue
            | Self::UnknownInterface
            | Self::MissingNamespace
            | Self::PairMismatch
            | Self::DuplicateVrid => Severity::Error,
            Self::IncludeSkipped
            | Self::LineWithNul
            | Self::UnexpectedBrace
            | Self::InvalidDefinition
            | Self::UnknownKeyword
            | Self::MisplacedKeyword
            | Self::ExtraWords
            | Self::InvalidValue
            | Self::OutOfRange
            | Self::DuplicateName
            | Self::DuplicateEntry
            | Self::Repeated
            | Self::Redundant
            | Self::UnknownReference
            | Self::UnusedScript
            | Self::ScriptUnusable
            | Self::NothingToDo
            | Self::Conflict
            | Self::Defaulted
            | Self::LeftOut
            | Self::NeverChecked
            | Self::OnlyOnOneNode
            | Self::PairDiffers
            | Self::PairWeight => Severity::Warning,
            Self::NotIncluded
            | Self::ScriptSecurity
            | Self::Deprecated
            | Self::Advice
            | Self::NotCarriedOut
            | Self::NoEffect
            | Self::Offline
            | Self::PairUnknown => Severity::Note,
        }
    }
}

/// Where in which file a complaint is about.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Place {
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// The words concerned, as bytes of `source`.
    pub start: usize,
    pub end: usize,
    /// The line as it stands in the file.
    pub source: String,
}

impl Place {
    /// The first character behind the words concerned; in characters, from 1.
    pub fn end_column(&self) -> u32 {
        let words = self.source.get(self.start..self.end).unwrap_or_default();
        let characters = u32::try_from(words.chars().count()).unwrap_or(u32::MAX);
        self.column.saturating_add(characters)
    }
}

/// One thing to say about a configuration.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Complaint {
    pub code: Code,
    pub severity: Severity,
    /// `None` where no place in a file is to blame, such as a file that is missing.
    pub place: Option<Place>,
    /// A second place that it is about, such as one in the other node's file.
    pub also: Option<Place>,
    pub message: String,
    /// What was expected instead; stands under the words concerned.
    pub expected: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// One line for a log: `file:line:column: severity: message`.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        write!(f, "{}: {}", self.severity, self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// How complaints are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drawing {
    /// For files and pipes.
    Plain,
    /// For terminals.
    Coloured,
}

impl Complaint {
    /// Several lines for people, with the source line and the words underlined.
    pub fn render(&self, drawing: Drawing) -> String {
        let level = match self.severity {
            Severity::Note => Level::NOTE,
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let title = level
            .primary_title(self.message.as_str())
            .id(self.code.name());
        let mut group = match &self.place {
            Some(place) => title.element(snippet(place, self.expected.as_deref())),
            None => annotate_snippets::Group::with_title(title),
        };
        if let Some(also) = &self.also {
            group = group.element(snippet(also, None));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = match drawing {
            Drawing::Plain => Renderer::plain(),
            Drawing::Coloured => Renderer::styled(),
        };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

fn snippet<'a>(
    place: &'a Place,
    expected: Option<&str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let mut annotation = AnnotationKind::Primary.span(place.start..place.end);
    if let Some(expected) = expected {
        annotation = annotation.label(format!("expected {expected}"));
    }
    Snippet::source(place.source.as_str())
        .line_start(place.line as usize)
        .path(place.file.as_str())
        .annotation(annotation)
}

/// A complaint whose place is still a [`Span`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    pub(crate) code: Code,
    pub(crate) span: Option<Span>,
    /// Where the first of two stands.
    pub(crate) first: Option<Span>,
    pub(crate) message: String,
    pub(crate) expected: Option<String>,
    pub(crate) help: Option<String>,
    /// Where something else is said of the same words, this is the help for it and not a complaint of its own.
    pub(crate) gives_way: bool,
}

impl Finding {
    pub(crate) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            span: Some(span),
            first: None,
            message: message.into(),
            expected: None,
            help: None,
            gives_way: false,
        }
    }

    /// About the configuration as a whole.
    pub(crate) fn without_place(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            span: None,
            first: None,
            message: message.into(),
            expected: None,
            help: None,
            gives_way: false,
        }
    }

    /// In one line.
    fn into_help(self) -> String {
        match self.help {
            Some(help) => format!("{}: {help}", self.message),
            None => self.message,
        }
    }

    /// The same, but only a help where something else is said of the same words.
    pub(crate) fn giving_way(mut self) -> Self {
        self.gives_way = true;
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The second of two; the first stands at `first`.
    pub(crate) fn after(mut self, first: Span) -> Self {
        self.first = Some(first);
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

impl Finding {
    fn into_complaint(self, lines: &Lines) -> Complaint {
        let also = self.first.and_then(|span| lines.place(span));
        // Not everybody draws the second place.
        let place = self.span.and_then(|span| lines.place(span));
        let where_first = also.as_ref().map(|first| {
            let Place { file, line, .. } = first;
            match &place {
                Some(place) if place.file == *file => format!("the first one is in line {line}"),
                Some(_) | None => format!("the first one is in {file}, line {line}"),
            }
        });
        Complaint {
            code: self.code,
            severity: self.code.severity(),
            place,
            also,
            message: self.message,
            expected: self.expected,
            help: self.help.or(where_first),
        }
    }
}

/// The findings of one reading, in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    dropped: usize,
    /// Lines of which everything has been said.
    silent: HashSet<u32>,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        if self.is_silent(&finding) || self.is_same_quote(&finding) {
            return;
        }
        if self.is_full() {
            self.dropped += 1;
        } else {
            self.list.push(finding);
        }
    }

    /// The only thing that is said of its line from now on.
    pub(crate) fn push_only(&mut self, finding: Finding) {
        let line = finding.span.map(Span::line);
        self.push(finding);
        self.silent.extend(line);
    }

    /// That a block has no end, or that nothing more is read, is no matter of the line alone.
    fn is_silent(&self, finding: &Finding) -> bool {
        !matches!(finding.code, Code::UnbalancedBrace | Code::TooLarge)
            && finding
                .span
                .is_some_and(|span| self.silent.contains(&span.line()))
    }

    /// A quote without its second one is found when a line becomes words, and again where a value has rules of its own.
    fn is_same_quote(&self, finding: &Finding) -> bool {
        let line = |finding: &Finding| finding.span.map(Span::line);
        finding.code == Code::UnterminatedQuote
            && self
                .list
                .iter()
                .any(|other| other.code == finding.code && line(other) == line(finding))
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.push(finding);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// Further findings are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MAX_COMPLAINTS
    }

    /// Leaves out what is said of words that something else is said of, and makes it the help there.
    fn give_way(&mut self) {
        let list = &mut self.list;
        let mut index = 0;
        while index < list.len() {
            let Some(span) = list[index].span.filter(|_| list[index].gives_way) else {
                index += 1;
                continue;
            };
            // In the order of lines, those of one line stand together.
            let line = |finding: &Finding| finding.span.map(Span::line);
            let from = list.partition_point(|other| line(other) < Some(span.line()));
            let to = list.partition_point(|other| line(other) <= Some(span.line()));
            let stands_in = |other: &Finding| {
                !other.gives_way && other.span.is_some_and(|other| other.covers(span))
            };
            let Some(other) = list[from..to].iter().position(stands_in) else {
                index += 1;
                continue;
            };
            let why = list[index].clone().into_help();
            let help = &mut list[from + other].help;
            *help = Some(match help.take() {
                Some(help) => format!("{why}; {help}"),
                None => why,
            });
            list.remove(index);
        }
    }

    /// Complaints in file order, each once. Those without a place come first.
    pub(crate) fn into_complaints(mut self, lines: &Lines) -> Vec<Complaint> {
        self.list.sort_by_key(|finding| finding.span);
        // A line that ~SEQ repeats may say the same things many times over.
        let mut said = HashSet::new();
        self.list
            .retain(|finding| said.insert((finding.span, finding.code, finding.message.clone())));
        self.give_way();
        let mut complaints: Vec<_> = self
            .list
            .into_iter()
            .map(|finding| finding.into_complaint(lines))
            .collect();
        if self.dropped > 0 {
            complaints.push(Complaint {
                code: Code::TooLarge,
                severity: Code::TooLarge.severity(),
                place: None,
                also: None,
                message: format!("{} further complaints are not shown", self.dropped),
                expected: None,
                help: None,
            });
        }
        complaints
    }
}

#[cfg(test)]
mod tests;
