//! The keyword tables themselves.

use super::inventory::KEEPALIVED;
use super::*;
use crate::config::keyword::Opens;
use crate::config::manual;

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

#[test]
fn every_keyword_of_keepalived_is_known_in_its_block() {
    let catalogue = catalogue();
    let mut names = std::collections::BTreeSet::new();
    let mut unknown = Vec::new();
    for (block, keywords) in KEEPALIVED {
        for keyword in keywords.split_whitespace() {
            names.insert(keyword);
            if !catalogue.knows(block, keyword) {
                unknown.push((block, keyword));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
    assert_eq!(names.len(), 363);
}

#[test]
fn the_manual_of_keywords_says_what_the_tables_say() {
    let written = manual::render(&catalogue().reference());
    if std::env::var_os("UPDATE_KEYWORDS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keywords.md");
        std::fs::write(path, &written).expect("docs/keywords.md is written");
        return;
    }
    let committed = include_str!("../../../../docs/keywords.md");
    let differs = written
        .lines()
        .zip(committed.lines())
        .find(|(new, old)| new != old);
    assert!(
        written == committed,
        "docs/keywords.md is not fresh: UPDATE_KEYWORDS=1 cargo test --lib the_manual_of_keywords\n{differs:#?}"
    );
}
