//! One mistake, one complaint: what only follows from words that were not understood is no complaint of its own.
//!
//! While a file is read, each keyword that is there but was misspelt or misread is noted with its block, and so are the
//! names that a block gives which is not read. That something is lacking is found later.

use std::collections::HashMap;

use crate::config::lines::Span;

/// Names and words in blocks that are not read; of further ones it is not known that they are there.
const MAX_WORDS: usize = 20_000;

/// What a complaint says is not there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Lack {
    /// A keyword, in the block with this in its header.
    Keyword(Span, &'static str),
    /// A block with this name, which one of these keywords opens.
    Name(&'static [&'static str], String),
    /// A block that uses this name.
    Use(String),
}

/// What is there, but was not understood, and the words of which that has been said.
#[derive(Debug, Default)]
pub(super) struct Misread {
    /// By the line of the header of the block.
    keywords: HashMap<(u32, &'static str), Span>,
    /// By the keyword that was meant.
    names: HashMap<(&'static str, String), Span>,
    uses: HashMap<String, Span>,
}

impl Misread {
    /// Of the block with this in its header.
    pub(super) fn note_keyword(&mut self, header: Span, keyword: &'static str, cause: Span) {
        if self.keywords.len() < MAX_WORDS {
            let key = (header.line(), keyword);
            self.keywords.entry(key).or_insert(cause);
        }
    }

    /// Of a block that `keyword` should have opened.
    pub(super) fn note_name(&mut self, keyword: &'static str, name: &str, cause: Span) {
        if self.names.len() < MAX_WORDS {
            let key = (keyword, name.to_owned());
            self.names.entry(key).or_insert(cause);
        }
    }

    pub(super) fn note_use(&mut self, name: &str, cause: Span) {
        if self.uses.len() < MAX_WORDS && !self.uses.contains_key(name) {
            self.uses.insert(name.to_owned(), cause);
        }
    }

    /// The words from which it follows.
    pub(super) fn cause(&self, lack: &Lack) -> Option<Span> {
        match lack {
            Lack::Keyword(header, keyword) => self.keywords.get(&(header.line(), *keyword)),
            Lack::Name(keywords, name) => {
                let mut keys = keywords.iter().map(|keyword| (*keyword, name.clone()));
                keys.find_map(|key| self.names.get(&key))
            }
            Lack::Use(name) => self.uses.get(name),
        }
        .copied()
    }
}
