//! Complaints while a file is read, and how they become those that are shown: in file order, each once.

use std::collections::{HashMap, HashSet};

use super::misread::{Lack, Misread};
use super::{Code, Complaint, MAX_COMPLAINTS, Place, Severity};
use crate::config::lines::{Lines, Span};

/// A complaint whose place is still a [`Span`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    pub(crate) span: Option<Span>,
    /// Where the first of two stands.
    pub(crate) first: Option<Span>,
    pub(crate) message: String,
    pub(crate) expected: Option<String>,
    pub(crate) help: Option<String>,
    /// Where something else is said of the same words, this is the help for it and not a complaint of its own.
    pub(crate) gives_way: bool,
    /// Where this is there but was not understood, enough has been said.
    lack: Option<Box<Lack>>,
}

impl Finding {
    pub(crate) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            span: Some(span),
            ..Self::without_place(code, message)
        }
    }

    /// About the configuration as a whole.
    pub(crate) fn without_place(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            span: None,
            first: None,
            message: message.into(),
            expected: None,
            help: None,
            gives_way: false,
            lack: None,
        }
    }

    /// The same of another kind.
    pub(crate) fn with_code(self, code: Code) -> Self {
        Self {
            code,
            severity: code.severity(),
            ..self
        }
    }

    /// The same, but nothing new if the block with `header` in its header has this keyword misspelt or misread.
    pub(crate) fn unless_misread(mut self, header: Span, keyword: &'static str) -> Self {
        self.lack = Some(Box::new(Lack::Keyword(header, keyword)));
        self
    }

    /// The same, but nothing new if a block that is not read, and that one of these keywords should have opened, has
    /// this name.
    pub(crate) fn unless_unread(mut self, keywords: &'static [&'static str], name: &str) -> Self {
        self.lack = Some(Box::new(Lack::Name(keywords, name.to_owned())));
        self
    }

    /// The same, but nothing new if a block that is not read uses this name.
    pub(crate) fn unless_used_unread(mut self, name: &str) -> Self {
        self.lack = Some(Box::new(Lack::Use(name.to_owned())));
        self
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
            severity: self.severity,
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
    misread: Misread,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        if self.is_silent(&finding) || self.is_same_quote(&finding) || self.follows(&finding) {
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

    /// A keyword of the block with `header` in its header was not understood, which is said of `cause`.
    pub(crate) fn note_misread(&mut self, header: Span, keyword: &'static str, cause: Span) {
        self.misread.note_keyword(header, keyword, cause);
    }

    /// A block with this name, which `keyword` should have opened, is not read, which is said of `cause`.
    pub(crate) fn note_unread(&mut self, keyword: &'static str, name: &str, cause: Span) {
        self.misread.note_name(keyword, name, cause);
    }

    /// This word stands in a block that is not read, which is said of `cause`.
    pub(crate) fn note_unread_use(&mut self, word: &str, cause: Span) {
        self.misread.note_use(word, cause);
    }

    /// What it follows from has been said. It is then as bad as what follows.
    fn follows(&mut self, finding: &Finding) -> bool {
        let cause = finding.lack.as_deref();
        let Some(cause) = cause.and_then(|lack| self.misread.cause(lack)) else {
            return false;
        };
        let known = self.list.iter_mut();
        let said = known
            .filter(|it| it.span.is_some_and(|span| span.covers(cause)))
            .max_by_key(|it| it.severity);
        let Some(said) = said else {
            return false;
        };
        said.severity = said.severity.max(finding.severity);
        true
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

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Finding> {
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

    /// A line that ~SEQ repeats may say the same things many times over. The worst of them counts.
    fn leave_out_repetitions(&mut self) {
        let key = |finding: &Finding| (finding.span, finding.code, finding.message.clone());
        let mut worst = HashMap::new();
        for finding in &self.list {
            let severity = worst.entry(key(finding)).or_insert(finding.severity);
            *severity = finding.severity.max(*severity);
        }
        self.list.retain_mut(|finding| {
            let worst = worst.remove(&key(finding));
            worst.is_some_and(|severity| {
                finding.severity = severity;
                true
            })
        });
    }

    /// Complaints in file order, each once. Those without a place come first.
    pub(crate) fn into_complaints(mut self, lines: &Lines) -> Vec<Complaint> {
        self.list.sort_by_key(|finding| finding.span);
        self.leave_out_repetitions();
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
