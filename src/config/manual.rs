//! `docs/keywords.md`: the keyword tables for people.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::keyword::{KeywordReference, Standing};

const INTRODUCTION: &str = "\
# Keywords

Every keyword that Holdfast understands, block by block. This page is written by a test from the tables that read the
configuration (`UPDATE_KEYWORDS=1 cargo test --lib the_manual_of_keywords`), so it says what the program does.

* **carried out**: it does what `man keepalived.conf` says.
* **accepted**: it is read and checked, and a note says that nothing follows from it yet.
* **no effect**: there is nothing to do for it, for the reason given.

A number that is out of range is a complaint, and the keyword is not used. A keyword that stands twice in its block
counts as it stands last, with a warning, unless it is a list.
";

/// The whole page.
pub(crate) fn render(keywords: &[KeywordReference]) -> String {
    let mut page = String::from(INTRODUCTION);
    let mut block = None;
    for keyword in keywords {
        if block != Some(keyword.block) {
            block = Some(keyword.block);
            page.push_str(&heading(keyword.block, keywords));
        }
        page.push_str(&row(keyword, keywords));
    }
    page
}

fn heading(block: &str, keywords: &[KeywordReference]) -> String {
    let homes: BTreeSet<_> = openers(block, keywords)
        .map(|opener| opener.block)
        .filter(|home| !home.is_empty())
        .map(|home| format!("`{home}`"))
        .collect();
    let title = match block {
        "" => "## Outside of any block".to_owned(),
        block => format!("## {block}"),
    };
    let homes = Vec::from_iter(homes).join(", ");
    let within = match homes.as_str() {
        "" => String::new(),
        homes => format!("Within {homes}.\n\n"),
    };
    format!(
        "\n{title}\n\n{within}| keyword | arguments | default | range | unit | standing |\n|---|---|---|---|---|---|\n"
    )
}

fn row(keyword: &KeywordReference, keywords: &[KeywordReference]) -> String {
    let mut standing = match standing_of(keyword, keywords) {
        Standing::CarriedOut => "carried out".to_owned(),
        Standing::Pending => "accepted".to_owned(),
        Standing::WithoutEffect if keyword.reason.is_empty() => "no effect".to_owned(),
        Standing::WithoutEffect => format!("no effect: {}", keyword.reason),
    };
    if let Some(instead) = keyword.instead {
        let _ = write!(standing, "; old, use {instead}");
    }
    let cells = [
        format!("`{}`", keyword.name),
        keyword.arguments.clone(),
        keyword.default.to_owned(),
        keyword.range.clone(),
        keyword.unit.to_owned(),
        standing,
    ];
    format!(
        "| {} |\n",
        cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
    )
}

/// What is in a block that is not carried out is not carried out either.
fn standing_of(keyword: &KeywordReference, keywords: &[KeywordReference]) -> Standing {
    let mut openers = openers(keyword.block, keywords).peekable();
    let is_open = openers.peek().is_none()
        || openers.any(|opener| standing_of(opener, keywords) != Standing::Pending);
    match keyword.standing {
        Standing::CarriedOut if !is_open => Standing::Pending,
        standing => standing,
    }
}

/// The keywords that open this block.
fn openers<'k>(
    block: &'k str,
    keywords: &'k [KeywordReference],
) -> impl Iterator<Item = &'k KeywordReference> {
    keywords
        .iter()
        .filter(move |keyword| keyword.opens == Some(block))
}
