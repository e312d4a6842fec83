//! The comment behind a printed value: where it comes from.

use crate::config::diagnostic::Place;
use crate::config::keyword::{ALIASES, Catalogue, Row};
use crate::config::origins::{self, Record};

/// How far a default is followed from keyword to keyword.
const MOST_STEPS: usize = 4;

/// The statements of a block and of the blocks around it.
pub(super) struct Scope<'r> {
    /// The innermost last, with the keyword of each block.
    blocks: Vec<(&'static str, &'r [Record])>,
}

impl<'r> Scope<'r> {
    pub(super) fn root(records: &'r [Record]) -> Self {
        Self {
            blocks: vec![("", records)],
        }
    }

    pub(super) fn inside(&self, keyword: &'static str, records: &'r [Record]) -> Self {
        let mut blocks = self.blocks.clone();
        blocks.push((keyword, records));
        Self { blocks }
    }

    pub(super) fn own(&self) -> &'r [Record] {
        self.blocks.last().map_or(&[], |&(_, records)| records)
    }

    pub(super) fn last(&self, keyword: &str) -> Option<&'r Record> {
        origins::last(self.own(), keyword)
    }

    pub(super) fn all(&self, keyword: &'static str) -> impl Iterator<Item = &'r Record> + use<'r> {
        let records = self.own().iter();
        records.filter(move |record| record.keyword == keyword)
    }

    /// The blocks around the innermost one, from the inside out.
    fn around(&self) -> impl Iterator<Item = (&'static str, &'r [Record])> {
        self.blocks.iter().rev().skip(1).copied()
    }
}

/// `file:line`
pub(super) fn at(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}

/// Where it is written, and what is written there if that is something else.
pub(super) fn with_difference(record: &Record, text: &str) -> String {
    let written: Vec<&str> = record.words.iter().map(|word| word.text.as_str()).collect();
    let written = written.join(" ");
    let place = at(&record.place);
    if is_same(&written, text) {
        place
    } else {
        format!(
            "{place}, which says {}",
            if written.is_empty() {
                "nothing"
            } else {
                &written
            }
        )
    }
}

fn is_same(written: &str, text: &str) -> bool {
    let text = text.trim_matches('"');
    let number = |text: &str| text.parse::<f64>().ok();
    let truth = |text: &str| match text {
        "" | "on" | "yes" | "true" => Some(true),
        "off" | "no" | "false" => Some(false),
        _ => None,
    };
    written.eq_ignore_ascii_case(text)
        || (number(written).is_some() && number(written) == number(text))
        || (truth(written).is_some() && truth(written) == truth(text))
}

/// A value that the block itself does not have: the blocks around it, keywords that its default names, or nobody.
pub(super) fn inherited(
    row: &Row,
    scope: &Scope<'_>,
    globals: &[Record],
    catalogue: &Catalogue,
) -> String {
    if let Some((_, after)) = row.default.split_once("'s") {
        // "the real server's", or "the virtual server's delay_loop".
        let other = after.split([' ', ',']).find(|word| !word.is_empty());
        let keyword = other.filter(|word| !catalogue.homes(word).is_empty());
        if let Some(origin) = from_around(keyword.unwrap_or(row.name), scope) {
            return origin;
        }
    }
    let mut default = row.default;
    for _ in 0..MOST_STEPS {
        let own = scope.last(default);
        if let Some(record) = own.or_else(|| origins::last(globals, default)) {
            return format!("{default} at {}", at(&record.place));
        }
        if let Some(origin) = from_around(default, scope) {
            return origin;
        }
        match catalogue.row("global_defs", default) {
            Some(row) => default = row.default,
            None => break,
        }
    }
    "default".to_owned()
}

fn from_around(keyword: &str, scope: &Scope<'_>) -> Option<String> {
    scope.around().find_map(|(block, records)| {
        let record = last_of(records, keyword)?;
        Some(format!(
            "{block}'s {} at {}",
            record.keyword,
            at(&record.place)
        ))
    })
}

/// The statement that fills the field of a keyword, whichever spelling it has.
pub(super) fn last_of<'r>(records: &'r [Record], keyword: &str) -> Option<&'r Record> {
    records
        .iter()
        .rev()
        .find(|record| record.keyword == keyword || ALIASES.contains(&(record.keyword, keyword)))
}
