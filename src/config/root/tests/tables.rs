//! The keyword tables themselves.

use super::*;
use crate::config::keyword::Opens;

#[test]
fn no_table_has_a_keyword_twice() {
    let mut seen = std::collections::HashSet::new();
    for keyword in catalogue().reference() {
        assert!(seen.insert((keyword.block, keyword.name)), "{keyword:?}");
    }
}

#[test]
fn every_block_that_a_keyword_opens_has_a_table() {
    let catalogue = catalogue();
    for keyword in catalogue.reference() {
        if let Some(Opens::Keywords(table)) = catalogue.opens(keyword.block, keyword.name) {
            assert!(catalogue.names(table).next().is_some(), "{table}");
        }
    }
}
