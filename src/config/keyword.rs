//! Keyword tables: one row per keyword says what it takes, its default, and whether it is carried out.
//!
//! A block's file has its table. A row reads the arguments into the block's draft; what all rows share is here:
//! missing and superfluous words, ranges, numbers with something behind them, suggestions for what is unknown.

mod arguments;
mod catalogue;
mod shape;

pub(crate) use arguments::{Arguments, ScriptText, Spanned};
pub(crate) use catalogue::Catalogue;
pub use catalogue::KeywordReference;
pub(crate) use shape::{Garbage, NO_LIMIT, Opens, Shape};

use std::collections::HashMap;

use super::diagnostic::{
    Code, Finding, Findings, Severity, near_among_many, near_within, nearest, nearest_within,
};
use super::iproute_names::IprouteNames;
use super::lines::Span;
use super::origins::Recorder;
use super::preprocess::is_definition_name;
use super::tree::Statement;

/// What a keyword is, without what it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// As one would write it; empty: none.
    pub(crate) default: &'static str,
    pub(crate) standing: Standing,
    /// Of a number; empty: none.
    pub(crate) unit: &'static str,
    /// Why it has no effect or is refused; empty: needs no reason.
    pub(crate) reason: &'static str,
    /// The spelling to use instead of this old one.
    pub(crate) instead: Option<&'static str>,
    /// Each further one adds to those before it.
    pub(crate) adds: bool,
}

impl Row {
    /// It has one value, of which a further one takes the place.
    pub(crate) fn has_one_value(&self) -> bool {
        // A flag has nothing that could be lost.
        let is_value = self.shape != Shape::Flag && self.shape.opens().is_none();
        is_value && !self.adds
    }

    /// The keyword whose field it fills.
    pub(crate) fn field(&self) -> &'static str {
        let mut aliases = ALIASES.iter();
        let alias = aliases.find(|(old, _)| *old == self.name);
        alias.map_or(self.name, |(_, new)| new)
    }
}

/// Old spellings that fill the field of another keyword.
pub(crate) const ALIASES: [(&str, &str); 3] = [
    ("lb_algo", "lvs_sched"),
    ("lb_kind", "lvs_method"),
    ("nb_get_retry", "retry"),
];

/// How far a keyword is supported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    CarriedOut,
    /// Understood and checked, but nothing follows from it yet.
    Pending,
    /// Has no effect and needs none.
    WithoutEffect,
}

/// The rows of a block: its own, and groups of rows that it shares with others.
pub(crate) type Table<B> = &'static [&'static [Keyword<B>]];

/// A row of the table of block `B`.
pub(crate) struct Keyword<B: 'static> {
    pub(crate) row: Row,
    fill: Option<Fill<B>>,
}

/// Reads the arguments of a keyword into the draft of its block. An error leaves the draft as it was.
pub(crate) type Fill<B> = fn(&mut B, &mut Arguments<'_>) -> Result<(), Finding>;

impl<B> Keyword<B> {
    /// A keyword that is carried out.
    pub(crate) const fn new(
        name: &'static str,
        shape: Shape,
        default: &'static str,
        fill: Fill<B>,
    ) -> Self {
        Self {
            row: Row {
                name,
                shape,
                default,
                standing: Standing::CarriedOut,
                unit: "",
                reason: "",
                instead: None,
                adds: false,
            },
            fill: Some(fill),
        }
    }

    /// A keyword that is understood, but not carried out yet.
    pub(crate) const fn pending(name: &'static str, shape: Shape, default: &'static str) -> Self {
        Self {
            row: Row {
                name,
                shape,
                default,
                standing: Standing::Pending,
                unit: "",
                reason: "",
                instead: None,
                adds: false,
            },
            fill: None,
        }
    }

    /// A keyword that is not carried out yet, but whose presence matters; `fill` says what of it.
    pub(crate) const fn pending_but_read(
        name: &'static str,
        shape: Shape,
        default: &'static str,
        fill: Fill<B>,
    ) -> Self {
        Self {
            fill: Some(fill),
            ..Self::pending(name, shape, default)
        }
    }

    /// A keyword that never does anything.
    pub(crate) const fn without_effect(name: &'static str, shape: Shape) -> Self {
        Self {
            row: Row {
                name,
                shape,
                default: "",
                standing: Standing::WithoutEffect,
                unit: "",
                reason: "",
                instead: None,
                adds: false,
            },
            fill: None,
        }
    }

    /// The same, and why it has no effect.
    pub(crate) const fn because(self, reason: &'static str) -> Self {
        Self {
            row: Row { reason, ..self.row },
            fill: self.fill,
        }
    }

    /// The same, and each further one adds to those before it.
    pub(crate) const fn adding(self) -> Self {
        Self {
            row: Row {
                adds: true,
                ..self.row
            },
            fill: self.fill,
        }
    }

    /// The same, and its number counts these.
    pub(crate) const fn unit(self, unit: &'static str) -> Self {
        Self {
            row: Row { unit, ..self.row },
            fill: self.fill,
        }
    }

    /// The same, but the keyword is an old one that works as ever.
    pub(crate) const fn deprecated(self, instead: &'static str) -> Self {
        Self {
            row: Row {
                instead: Some(instead),
                ..self.row
            },
            fill: self.fill,
        }
    }

    fn read(&'static self, draft: &mut B, statement: &Statement<'_>, reader: &mut Reader) {
        reader.recorder.enter();
        if statement.block.is_some() {
            reader.headers.push(statement.first().span);
        }
        let said = reader.findings.iter().len();
        let mut arguments = Arguments::new(statement, &self.row, reader);
        let present = arguments.check_presence();
        let outcome = present.and_then(|()| match self.fill {
            Some(fill) => fill(draft, &mut arguments),
            None => arguments.check_shape(),
        });
        if outcome.is_err() {
            arguments.look_over_unread_block();
        }
        let finished = arguments.finish(outcome);
        let recorder = &mut reader.recorder;
        recorder.leave(self.row.name, statement, finished.is_ok());
        if statement.block.is_some() {
            reader.headers.pop();
        }
        if self.row.shape.opens() == Some(Opens::List) {
            reader.note_misread_entries(&self.row, said);
        }
        match finished {
            Ok(()) => reader.complain_if_repeated(&self.row, statement.first().span),
            Err(finding) => reader.complain_of_value(&self.row, finding),
        }
    }
}

/// Wrong words that are looked for; a file with more of them is no configuration.
const MAX_SUGGESTIONS: usize = 2000;

/// What reading a tree needs.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) findings: Findings,
    pub(crate) catalogue: Catalogue,
    /// Names of routing tables and the like.
    pub(crate) names: IprouteNames,
    /// Of the next rule that has none.
    pub(crate) rule_preference: u32,
    pub(crate) recorder: Recorder,
    /// Whatever the file says: that of the command line.
    pub(crate) net_namespace: Option<String>,
    /// Keywords of the fields that have a value, and where it stands: of the blocks that are being read, the innermost last.
    values: Vec<(&'static str, Span)>,
    /// Where those of the innermost block begin.
    block_values: usize,
    /// What unknown words probably mean, by block and word.
    suggestions: HashMap<(&'static str, String), Option<Suggestion>>,
    /// The first words of the blocks that are being read, the innermost last.
    headers: Vec<Span>,
}

/// What an unknown word probably means.
#[derive(Clone, Debug)]
struct Suggestion {
    help: String,
    /// A keyword of the same block.
    meant: Option<&'static str>,
}

impl Reader {
    pub(crate) fn new(findings: Findings, catalogue: Catalogue) -> Self {
        Self {
            findings,
            catalogue,
            names: IprouteNames::default(),
            rule_preference: super::rules::FIRST_DEFAULT_PREFERENCE,
            recorder: Recorder::default(),
            net_namespace: None,
            values: Vec::new(),
            block_values: 0,
            suggestions: HashMap::new(),
            headers: Vec::new(),
        }
    }

    /// The value, or a complaint that does not concern what is around it.
    pub(crate) fn or_complain<T>(&mut self, result: Result<T, Finding>) -> Option<T> {
        result.map_err(|finding| self.findings.push(finding)).ok()
    }

    /// Reads the statements of a block into its draft. `block` is the name of `table` in the catalogue.
    pub(crate) fn read<B>(
        &mut self,
        draft: &mut B,
        block: &'static str,
        table: Table<B>,
        statements: &[Statement<'_>],
    ) {
        let around = std::mem::replace(&mut self.block_values, self.values.len());
        for statement in statements {
            self.read_statement(draft, block, table, statement);
        }
        self.values.truncate(self.block_values);
        self.block_values = around;
    }

    /// Where the block that is being read has a value of this keyword.
    fn value_mut(&mut self, row: &Row) -> Option<&mut Span> {
        let field = row.field();
        let values = self.values[self.block_values..].iter_mut();
        values
            .rev()
            .find_map(|(name, span)| (*name == field).then_some(span))
    }

    /// keepalived: the last one counts, and nothing is said.
    fn complain_if_repeated(&mut self, row: &Row, span: Span) {
        if !row.has_one_value() {
            return;
        }
        let Some(known) = self.value_mut(row) else {
            return self.values.push((row.field(), span));
        };
        let first = std::mem::replace(known, span);
        let message = format!("'{}' is there already; this one counts", row.name);
        self.findings
            .push(Finding::new(Code::Repeated, span, message).after(first));
    }

    /// Entries that are none may leave an empty list. `said`: how many findings there were before it.
    fn note_misread_entries(&mut self, row: &Row, said: usize) {
        let entries = self.findings.iter().skip(said);
        let mut mistakes = entries.filter(|it| it.severity > Severity::Note);
        let cause = mistakes.find_map(|it| it.span);
        drop(mistakes);
        if let (Some(&header), Some(cause)) = (self.headers.last(), cause) {
            self.findings.note_misread(header, row.field(), cause);
        }
    }

    /// A value that is none leaves what was there before it.
    fn complain_of_value(&mut self, row: &Row, finding: Finding) {
        if finding.severity > Severity::Note
            && let (Some(&header), Some(cause)) = (self.headers.last(), finding.span)
        {
            self.findings.note_misread(header, row.field(), cause);
        }
        let is_value = matches!(finding.code, Code::InvalidValue | Code::OutOfRange);
        let counts = if self.value_mut(row).is_some() {
            Some(format!("the '{}' before it counts", row.name))
        } else if row.default.is_empty() {
            None
        } else {
            Some(format!("the default counts: {}", row.default))
        };
        let help = match (&finding.help, counts) {
            (None, counts) => counts,
            (Some(meant), Some(counts)) if meant.starts_with("did you mean") => {
                let link = if meant.ends_with('?') {
                    " For now"
                } else {
                    ";"
                };
                Some(format!("{meant}{link} {counts}"))
            }
            (Some(help), _) => Some(help.clone()),
        };
        self.findings.push(if is_value {
            finding.maybe_help(help)
        } else {
            finding
        });
    }

    /// Reads one statement of a block into its draft.
    pub(crate) fn read_statement<B>(
        &mut self,
        draft: &mut B,
        block: &'static str,
        table: Table<B>,
        statement: &Statement<'_>,
    ) {
        let word = statement.first();
        let position = self.catalogue.position(block, word.text);
        match position.and_then(|position| position.of(table)) {
            Some(keyword) => keyword.read(draft, statement, self),
            None => self.unknown(block, statement),
        }
    }

    /// Looks over a block that is not carried out, so that at least its words are right.
    pub(crate) fn look_over(&mut self, block: &'static str, statements: &[Statement<'_>]) {
        for statement in statements {
            let word = statement.first();
            let Some(row) = self.catalogue.row(block, word.text) else {
                self.unknown(block, statement);
                continue;
            };
            let mut arguments = Arguments::new(statement, row, self);
            let outcome = arguments
                .check_presence()
                .and_then(|()| arguments.check_shape());
            if let Err(finding) = outcome {
                self.findings.push(finding);
            }
        }
    }

    fn unknown(&mut self, block: &'static str, statement: &Statement<'_>) {
        let word = statement.first();
        let homes = self.catalogue.homes(word.text);
        let (finding, meant) = if homes.is_empty() {
            let message = format!("unknown keyword '{}' in {}", word.text, block_name(block));
            let suggestion = self
                .without_dollar(block, statement)
                .or_else(|| self.suggest(block, word.text));
            let meant = suggestion.as_ref().and_then(|it| it.meant);
            let finding = Finding::new(Code::UnknownKeyword, word.span, message);
            (finding.maybe_help(suggestion.map(|it| it.help)), meant)
        } else {
            let message = format!("'{}' does not belong in {}", word.text, block_name(block));
            let home = some_of(homes);
            // A slip may have made another block's word of one of this block's.
            let meant = nearest_within(1, word.text, self.catalogue.names(block));
            let help = match meant {
                Some(meant) => {
                    format!("did you mean '{meant}'? '{}' belongs in {home}", word.text)
                }
                None => format!("it belongs in {home}"),
            };
            let finding = Finding::new(Code::MisplacedKeyword, word.span, message);
            (finding.help(help), meant)
        };
        self.findings.push(finding);
        self.note_unread(block, statement, meant);
    }

    /// What is lacking because a statement is not read has been said with it.
    fn note_unread(
        &mut self,
        block: &'static str,
        statement: &Statement<'_>,
        meant: Option<&'static str>,
    ) {
        let cause = statement.first().span;
        let row = meant.and_then(|meant| self.catalogue.row(block, meant));
        if let (Some(&header), Some(row)) = (self.headers.last(), row) {
            self.findings.note_misread(header, row.field(), cause);
        }
        let Some(block) = &statement.block else {
            return;
        };
        let opener = self.catalogue.keyword(statement.first().text).or(meant);
        if let (Some(keyword), Some(name)) = (opener, statement.arguments().last()) {
            self.findings.note_unread(keyword, name.text, cause);
        }
        let mut blocks = vec![block];
        while let Some(block) = blocks.pop() {
            for statement in &block.statements {
                for word in statement.words() {
                    self.findings.note_unread_use(word.text, cause);
                }
                blocks.extend(&statement.block);
            }
        }
    }

    /// What to write instead of `NAME=VALUE` and `NAME = VALUE`.
    fn without_dollar(&self, block: &'static str, statement: &Statement<'_>) -> Option<Suggestion> {
        let word = statement.first().text;
        let (name, is_apart) = match word.split_once('=') {
            Some((name, _)) => (name, false),
            None => (word, true),
        };
        let next = statement.arguments().first();
        let is_value = is_apart && !next?.text.starts_with('=');
        // `priority=100` lacks a blank, no more.
        if is_value || !is_definition_name(name) || self.catalogue.knows(block, name) {
            return None;
        }
        // A misspelt keyword, as with no sign behind it.
        let names = self.catalogue.names(block);
        if let Some(meant) = nearest(name, names) {
            return (!is_apart).then(|| Suggestion {
                help: format!(
                    "did you mean '{meant}'? A blank stands between it and its value, no '='"
                ),
                meant: Some(meant),
            });
        }
        Some(Suggestion {
            help: format!(
                "a definition begins with '$' and has no blank before its '=': ${name}=VALUE"
            ),
            meant: None,
        })
    }

    /// Looks for what was meant, once for each wrong word.
    fn suggest(&mut self, block: &'static str, word: &str) -> Option<Suggestion> {
        if self.findings.is_full() || self.suggestions.len() > MAX_SUGGESTIONS {
            return None;
        }
        let key = (block, word.to_owned());
        if let Some(known) = self.suggestions.get(&key) {
            return known.clone();
        }
        let suggestion = self.suggestion(block, word);
        self.suggestions.insert(key, suggestion.clone());
        suggestion
    }

    fn suggestion(&self, block: &'static str, word: &str) -> Option<Suggestion> {
        let glued = self
            .catalogue
            .names(block)
            .filter(|name| {
                word.strip_prefix(name).is_some_and(|rest| {
                    rest.starts_with(|c: char| c.is_ascii_punctuation() && c != '_')
                })
            })
            .max_by_key(|name| name.len());
        if let Some(name) = glued {
            return Some(Suggestion {
                help: format!("a blank is missing behind '{name}'"),
                meant: Some(name),
            });
        }
        // An include may stand anywhere; it is read before there are blocks and so is in no table.
        let names = self.catalogue.names(block).chain(INCLUDES);
        let here = near_within((word.len() / 3).max(1), word, names);
        let elsewhere = near_among_many(word, self.catalogue.all_names())
            .filter(|far| here.is_none_or(|here| far.distance < here.distance));
        let Some(elsewhere) = elsewhere else {
            return here.map(|here| Suggestion {
                help: format!("did you mean '{}'?", here.word),
                meant: Some(here.word),
            });
        };
        let name = elsewhere.word;
        let home = some_of(self.catalogue.homes(name));
        Some(Suggestion {
            help: format!("did you mean '{name}'? It belongs in {home}"),
            meant: None,
        })
    }
}

/// The words that read another file.
const INCLUDES: [&str; 6] = [
    "include", "includer", "includem", "includew", "includeb", "includea",
];

fn block_name(block: &str) -> String {
    match block {
        Catalogue::ROOT => "the top level".to_owned(),
        block => format!("'{block}'"),
    }
}

/// The first blocks of several: a word that is in a dozen blocks needs no list of them.
fn some_of(blocks: &[&str]) -> String {
    const MOST: usize = 3;
    let names = blocks.iter().map(|block| block_name(block)).take(MOST);
    let more = (blocks.len() > MOST).then(|| "others".to_owned());
    join(names.chain(more), "or")
}

/// `a, b or c`
pub(crate) fn join(items: impl IntoIterator<Item = String>, last: &str) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    match items.pop() {
        None => String::new(),
        Some(only) if items.is_empty() => only,
        Some(end) => format!("{} {last} {end}", items.join(", ")),
    }
}
