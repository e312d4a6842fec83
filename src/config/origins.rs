//! Where each value of a configuration comes from. Recorded only when [`LoadOptions`](super::LoadOptions) asks for it:
//! an ordinary load pays for a test of an `Option` per keyword.
//!
//! While blocks are read, a [`Recorder`] keeps each statement that its row accepted; at the end these become
//! [`Origins`], a tree of [`Record`]s with places in files.

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Code, Findings, Place};
use super::lexer::Word;
use super::lines::{Lines, Span};
use super::tree::Statement;

/// A keyword that was accepted, as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) keyword: &'static str,
    /// Behind the keyword.
    pub(crate) words: Vec<RecordedWord>,
    /// The line behind the keyword, for values that have rules of their own.
    pub(crate) tail: String,
    /// Of the keyword and its words.
    pub(crate) place: Place,
    /// A complaint says that it is not used.
    pub(crate) refused: bool,
    /// The block has become part of the configuration; said of virtual servers, real servers and checkers.
    pub(crate) kept: bool,
    /// The keywords in its block.
    pub(crate) children: Vec<Self>,
    /// The entries of its list.
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct RecordedWord {
    pub(crate) text: String,
    pub(crate) refused: bool,
    /// A complaint says that it is not carried out yet.
    pub(crate) pending: bool,
}

/// A line of a list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Never empty.
    pub(crate) words: Vec<RecordedWord>,
    pub(crate) place: Place,
    /// What stands in its own block.
    pub(crate) entries: Vec<Self>,
}

/// Everything that was accepted, in the order it is written.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    pub(crate) records: Vec<Record>,
}

/// The last accepted one counts.
pub(crate) fn last<'r>(records: &'r [Record], keyword: &str) -> Option<&'r Record> {
    records
        .iter()
        .rev()
        .find(|record| record.keyword == keyword)
}

/// The first block of that kind and name: further ones of the same name are not used.
pub(crate) fn named<'r>(records: &'r [Record], keyword: &str, name: &str) -> Option<&'r Record> {
    records.iter().find(|record| {
        record.keyword == keyword && record.words.first().is_some_and(|word| word.text == name)
    })
}

/// A statement in the making.
#[derive(Debug)]
struct Draft {
    keyword: &'static str,
    span: Span,
    words: Vec<(String, Span)>,
    tail: String,
    entries: Vec<EntryDraft>,
    children: Vec<Self>,
}

impl Draft {
    /// Where its statements and entries begin.
    fn each_start(&self, visit: &mut dyn FnMut(Span)) {
        visit(self.span.start_point());
        for child in &self.children {
            child.each_start(visit);
        }
        let entries = self.entries.iter();
        for (_, span) in entries.filter_map(|entry| entry.words.first()) {
            visit(span.start_point());
        }
    }
}

#[derive(Debug)]
struct EntryDraft {
    words: Vec<(String, Span)>,
    entries: Vec<Self>,
}

impl EntryDraft {
    /// The entries of a statement's block.
    fn all(statement: &Statement<'_>) -> Vec<Self> {
        let block = statement.block.iter();
        block
            .flat_map(|block| &block.statements)
            .map(|entry| Self {
                words: entry.words().map(written).collect(),
                entries: Self::all(entry),
            })
            .collect()
    }
}

fn written(word: Word<'_>) -> (String, Span) {
    (word.text.to_owned(), word.span)
}

/// Keeps what is read. Does nothing unless it was asked to.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// One list of statements for each block that is being read, the root's first.
    open: Option<Vec<Vec<Draft>>>,
    kept: HashSet<Span>,
}

impl Recorder {
    pub(crate) fn recording() -> Self {
        Self {
            open: Some(vec![Vec::new()]),
            kept: HashSet::new(),
        }
    }

    /// A keyword is about to be read.
    pub(crate) fn enter(&mut self) {
        if let Some(open) = &mut self.open {
            open.push(Vec::new());
        }
    }

    /// The keyword has been read.
    pub(crate) fn leave(
        &mut self,
        keyword: &'static str,
        statement: &Statement<'_>,
        is_accepted: bool,
    ) {
        let Some(open) = &mut self.open else { return };
        let children = open.pop().unwrap_or_default();
        let Some(siblings) = open.last_mut().filter(|_| is_accepted) else {
            return;
        };
        siblings.push(Draft {
            keyword,
            span: statement.span(),
            words: statement.arguments().iter().copied().map(written).collect(),
            tail: statement.tail().trim().to_owned(),
            // A block of keywords has children instead.
            entries: if children.is_empty() {
                EntryDraft::all(statement)
            } else {
                Vec::new()
            },
            children,
        });
    }

    /// The block whose keyword or header this is has become part of the configuration.
    pub(crate) fn keep(&mut self, header: Span) {
        if self.open.is_some() {
            self.kept.insert(header.start_point());
        }
    }

    /// `None`: nobody asked.
    pub(crate) fn finish(self, lines: &Lines, findings: &Findings) -> Option<Origins> {
        let drafts = self.open?.into_iter().next()?;
        let refused = said_of(findings, means_not_used);
        let pending = said_of(findings, |code| code == Code::NotCarriedOut);
        let (mut seen, mut shared) = (HashSet::new(), HashSet::new());
        for draft in &drafts {
            draft.each_start(&mut |start| {
                if !seen.insert(start) {
                    shared.insert(start);
                }
            });
        }
        let end = End {
            lines,
            refused,
            pending,
            kept: self.kept,
            shared,
        };
        Some(Origins {
            records: drafts
                .into_iter()
                .filter_map(|draft| end.record(draft))
                .collect(),
        })
    }
}

/// Complaints that leave the words concerned out of the configuration.
fn means_not_used(code: Code) -> bool {
    matches!(
        code,
        Code::ExtraWords
            | Code::InvalidValue
            | Code::OutOfRange
            | Code::RequiredValue
            | Code::DuplicateName
            | Code::DuplicateEntry
            | Code::UnknownReference
            | Code::ScriptUnusable
            | Code::NothingToDo
            | Code::Conflict
    )
}

/// Spans of complaints, by line.
type Said = HashMap<u32, Vec<Span>>;

/// The spans of the complaints with one of these codes.
fn said_of(findings: &Findings, is_one: impl Fn(Code) -> bool) -> Said {
    let mut said = Said::new();
    // What gives way is about a name in a value, which counts as it is written.
    let findings = findings.iter();
    for finding in findings.filter(|finding| is_one(finding.code) && !finding.gives_way) {
        if let Some(span) = finding.span {
            said.entry(span.line()).or_default().push(span);
        }
    }
    said
}

/// What turns spans into places.
struct End<'l> {
    lines: &'l Lines,
    refused: Said,
    pending: Said,
    kept: HashSet<Span>,
    /// Where several statements stand: a definition of several lines has put them there. Which of them a
    /// complaint means is not known, so they are taken to be in use.
    shared: HashSet<Span>,
}

impl End<'_> {
    fn record(&self, draft: Draft) -> Option<Record> {
        Some(Record {
            keyword: draft.keyword,
            words: self.words(draft.words),
            tail: draft.tail,
            place: self.lines.place(draft.span)?,
            refused: self.is_refused(draft.span.start_point()),
            kept: self.kept.contains(&draft.span.start_point()),
            children: draft
                .children
                .into_iter()
                .filter_map(|child| self.record(child))
                .collect(),
            entries: self.entries(draft.entries),
        })
    }

    fn entries(&self, entries: Vec<EntryDraft>) -> Vec<Entry> {
        entries
            .into_iter()
            .filter_map(|entry| {
                let (first, last) = (entry.words.first()?.1, entry.words.last()?.1);
                Some(Entry {
                    place: self.lines.place(first.to(last))?,
                    words: self.words(entry.words),
                    entries: self.entries(entry.entries),
                })
            })
            .collect()
    }

    fn words(&self, words: Vec<(String, Span)>) -> Vec<RecordedWord> {
        words
            .into_iter()
            .map(|(text, span)| RecordedWord {
                text,
                refused: self.is_refused(span.start_point()),
                pending: self.is_said(&self.pending, span.start_point()),
            })
            .collect()
    }

    fn is_refused(&self, start: Span) -> bool {
        self.is_said(&self.refused, start)
    }

    fn is_said(&self, said: &Said, start: Span) -> bool {
        let spans = said.get(&start.line());
        !self.shared.contains(&start)
            && spans.is_some_and(|spans| spans.iter().any(|span| span.covers(start)))
    }
}
