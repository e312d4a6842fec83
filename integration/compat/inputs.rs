//! Small inputs of our own, one for each feature and each kind of mistake that keepalived's answer is known for, with
//! the outcome here: `inputs/NAME.conf` and `inputs/NAME.expected`. `UPDATE_EXPECTED=1` rewrites the latter.
//!
//! The first line of an input says what keepalived 2.4.3 answers, its exit status first. Where ours is another one, the
//! second line says why.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use holdfast::config::{Code, Complaint, Loaded};

use crate::verdict::{OfflineHost, load};

pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/compat/inputs")
}

/// All inputs, by name.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory())
        .expect("there are inputs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    files.sort();
    files
}

/// The interfaces that the inputs name.
pub(crate) const INTERFACES: [&str; 4] = ["eth0", "eth1", "eth2", "eth3"];

/// `status N`, then a line for each complaint: place, code, severity, message. Which keywords are carried out is in
/// `docs/keywords.md`.
fn outcome(loaded: &Loaded) -> String {
    let mut text = format!("status {}\n", loaded.test_status());
    let carried_out = |it: &&Complaint| it.code != Code::NotCarriedOut;
    for complaint in loaded.complaints.iter().filter(carried_out) {
        let Complaint {
            code,
            severity,
            message,
            ..
        } = complaint;
        let place = complaint.place.as_ref().map_or_else(
            || "-".to_owned(),
            |place| format!("{}:{}", place.line, place.column),
        );
        let _ = writeln!(text, "{place} {} {severity}: {message}", code.name());
    }
    // Where the checkout is does not matter.
    text.replace(&format!("{}/", directory().display()), "")
}

#[test]
fn every_small_input_has_its_outcome() {
    let host = OfflineHost::with_listed_programs("inputs", &INTERFACES);
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in files() {
        count += 1;
        let outcome = outcome(&load(&path, &host));
        let expected = path.with_extension("expected");
        if update {
            fs::write(&expected, &outcome).expect("the expectation can be written");
        }
        let known = fs::read_to_string(&expected).unwrap_or_default();
        if outcome != known {
            wrong.push(format!("{}\n{known}---- but\n{outcome}", path.display()));
        }
    }
    assert!(count >= 61, "{count} inputs");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_status_that_is_not_keepalived_s_has_its_reason() {
    for path in files() {
        let text = fs::read_to_string(&path).expect("an input");
        let mut lines = text.lines();
        let theirs = lines
            .next()
            .and_then(|line| line.strip_prefix("# keepalived: "))
            .and_then(|answer| answer.split(',').next());
        let is_explained = lines
            .next()
            .is_some_and(|line| line.starts_with("# differs: "));
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap_or_default();
        let ours = expected
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("status "));
        assert!(theirs.is_some() && ours.is_some(), "{}", path.display());
        assert_eq!(
            ours != theirs,
            is_explained,
            "{}: ours {ours:?}",
            path.display()
        );
    }
}
