//! All keyword tables by name: which words a block knows and where else a word belongs.

use std::collections::HashMap;

use super::{Keyword, Opens, Row, Shape, Standing, Table};

/// The rows of all tables.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// In the order they were added.
    names: Vec<&'static str>,
    tables: HashMap<&'static str, Vec<&'static Row>>,
    /// By block and word: a file may have a million statements.
    entries: HashMap<(&'static str, &'static str), Entry, ahash::RandomState>,
    /// The blocks that know a word, in the order of `names`.
    homes: HashMap<&'static str, Vec<&'static str>>,
}

/// A row and where in its table it stands.
#[derive(Clone, Copy, Debug)]
struct Entry {
    row: &'static Row,
    position: Position,
}

/// Where in a table a row stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    group: usize,
    index: usize,
}

impl Position {
    pub(crate) fn of<B>(self, table: Table<B>) -> Option<&'static Keyword<B>> {
        table.get(self.group)?.get(self.index)
    }
}

impl Catalogue {
    /// The table of what stands outside of any block.
    pub(crate) const ROOT: &'static str = "";

    pub(crate) fn add<B>(&mut self, block: &'static str, table: Table<B>) {
        self.names.push(block);
        let mut rows = Vec::new();
        for (group, keywords) in table.iter().enumerate() {
            for (index, Keyword { row, .. }) in keywords.iter().enumerate() {
                let position = Position { group, index };
                self.homes.entry(row.name).or_default().push(block);
                self.entries
                    .entry((block, row.name))
                    .or_insert(Entry { row, position });
                rows.push(row);
            }
        }
        self.tables.insert(block, rows);
    }

    pub(crate) fn row(&self, block: &str, word: &str) -> Option<&'static Row> {
        self.entry(block, word).map(|entry| entry.row)
    }

    /// Which row of the table of `block` is `word`'s.
    pub(crate) fn position(&self, block: &str, word: &str) -> Option<Position> {
        self.entry(block, word).map(|entry| entry.position)
    }

    fn entry(&self, block: &str, word: &str) -> Option<Entry> {
        self.entries.get(&(block, word)).copied()
    }

    pub(crate) fn knows(&self, block: &str, word: &str) -> bool {
        self.entry(block, word).is_some()
    }

    /// What `word` opens in `block`.
    pub(crate) fn opens(&self, block: &str, word: &str) -> Option<Opens> {
        self.row(block, word)?.shape.opens()
    }

    /// The keywords of a block.
    pub(crate) fn names(&self, block: &str) -> impl Iterator<Item = &'static str> {
        self.rows(block).map(|row| row.name)
    }

    /// The keywords of all blocks, each once.
    pub(crate) fn all_names(&self) -> impl Iterator<Item = &'static str> {
        self.homes.keys().copied()
    }

    /// The keyword that this word is, in whatever block.
    pub(crate) fn keyword(&self, word: &str) -> Option<&'static str> {
        self.homes.get_key_value(word).map(|(name, _)| *name)
    }

    /// The blocks that know `word`.
    pub(crate) fn homes(&self, word: &str) -> &[&'static str] {
        self.homes.get(word).map_or(&[], Vec::as_slice)
    }

    /// The value of `word` is a command.
    pub(crate) fn takes_script(&self, word: &str) -> bool {
        self.homes(word).iter().any(|block| {
            self.row(block, word)
                .is_some_and(|row| row.shape == Shape::Script)
        })
    }

    /// Every keyword of every block, for the manual.
    pub(crate) fn reference(&self) -> Vec<KeywordReference> {
        let in_block = |&block| {
            self.rows(block).map(move |row| KeywordReference {
                block,
                name: row.name,
                arguments: row.shape.arguments(),
                range: row.shape.range(),
                opens: row.shape.opens().and_then(Opens::table),
                default: row.default,
                unit: match row.unit {
                    "" => row.shape.unit(),
                    unit => unit,
                },
                reason: row.reason,
                standing: row.standing,
                instead: row.instead,
            })
        };
        self.names.iter().flat_map(in_block).collect()
    }

    /// The rows of a block, in the order of its table.
    pub(crate) fn rows(&self, block: &str) -> impl Iterator<Item = &'static Row> {
        self.tables.get(block).into_iter().flatten().copied()
    }
}

/// A keyword as the manual describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeywordReference {
    /// Empty: outside of any block.
    pub block: &'static str,
    pub name: &'static str,
    /// What stands behind it.
    pub arguments: String,
    /// Of its value; empty: none.
    pub range: String,
    /// The block whose table it opens.
    pub opens: Option<&'static str>,
    /// Empty: none.
    pub default: &'static str,
    /// Of a number; empty: none.
    pub unit: &'static str,
    pub standing: Standing,
    /// Why it has no effect; empty: needs no reason.
    pub reason: &'static str,
    /// The spelling to use instead of this old one.
    pub instead: Option<&'static str>,
}
