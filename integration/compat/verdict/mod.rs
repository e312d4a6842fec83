//! Two opinions about one configuration file: keepalived's messages and our complaints, compared by place and kind.
//!
//! `kinds.rs` says which of our codes a message of keepalived's corresponds to, `policy.rs` where the two are meant to
//! differ. Whatever neither explains is a failure.

mod comparison;
mod host;
mod kinds;
mod places;
mod policy;
mod theirs;

use std::path::Path;

use holdfast::config::{self, LoadOptions, Loaded};

pub(crate) use comparison::{Comparison, Totals};
pub(crate) use host::OfflineHost;
pub(crate) use theirs::Verdict;

/// What we say about a file.
pub(crate) fn load(path: &Path, host: &OfflineHost) -> Loaded {
    config::load(path, &LoadOptions::default(), host)
}
