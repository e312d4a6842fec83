//! Two opinions about one configuration file: keepalived's messages and our complaints, compared by place and kind.
//!
//! `kinds.rs` says which of our codes a message of keepalived's corresponds to, `policy.rs` where the two are meant to
//! differ, `excuses.rs` where that depends on the place, `listed.rs` single cases. Whatever nobody explains is a failure.

mod comparison;
mod excuses;
mod host;
mod kinds;
mod listed;
mod places;
mod policy;
mod theirs;
mod totals;

use std::path::Path;

use holdfast::config::{self, LoadOptions, Loaded};

pub(crate) use comparison::Comparison;
pub(crate) use host::OfflineHost;
pub(crate) use theirs::Verdict;
pub(crate) use totals::Totals;

/// What we say about a file.
pub(crate) fn load(path: &Path, host: &OfflineHost) -> Loaded {
    config::load(path, &LoadOptions::default(), host)
}

#[cfg(test)]
mod tests;
