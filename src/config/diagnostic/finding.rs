//! Complaints while a file is read, and how they become those that are shown: in file order, each once.

use std::collections::HashSet;

use super::{Code, Complaint, MAX_COMPLAINTS, Place};
use crate::config::lines::{Lines, Span};

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
