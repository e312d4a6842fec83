//! Effective values: what keepalived's dump of its configuration (`-d`) says of a block, and what ours says of the
//! same block, in the same words.

mod dump;
mod lvs;
mod tally;
mod vrrp;

use std::collections::BTreeMap;

pub(crate) use dump::{Source, blocks, dumped};
pub(crate) use lvs::{dumped_services, services};
pub(crate) use tally::{Meant, Tally};
pub(crate) use vrrp::vrrp_blocks;

/// A block by its kind and name, with its values by the dump's name for each. A list has one value for each entry,
/// numbered behind its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Block {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) values: BTreeMap<String, String>,
}

impl Block {
    pub(crate) fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            values: BTreeMap::new(),
        }
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "a number, a text or an address, as it comes"
    )]
    pub(crate) fn set(&mut self, field: &str, value: impl ToString) {
        self.values.insert(field.to_owned(), value.to_string());
    }

    /// One value for each entry, and how many there are.
    pub(crate) fn set_list(&mut self, field: &str, entries: impl IntoIterator<Item = String>) {
        let mut count = 0;
        for entry in entries {
            count += 1;
            self.set(&format!("{field} {count}"), entry);
        }
        self.set(&format!("{field} entries"), count);
    }
}
