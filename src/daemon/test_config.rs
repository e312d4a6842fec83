//! `holdfastd -t`: every complaint about a file in one run, and keepalived's exit statuses.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::loader::load_file;
use crate::config::Drawing;

/// A log file that cannot be written.
const CANNOT_RUN: u8 = 4;

/// Complaints go to stderr, drawn; or are appended to `log`, one line each. Returns the exit status.
pub(crate) fn run(file: &Path, config_id: Option<&str>, log: Option<&Path>) -> u8 {
    let loaded = load_file(file, config_id);
    let said = match log {
        Some(log) => append(log, &loaded.complaints),
        None => {
            let terminal = io::stderr().is_terminal();
            let drawing = if terminal {
                Drawing::Coloured
            } else {
                Drawing::Plain
            };
            io::stderr().write_all(loaded.render(drawing).as_bytes())
        }
    };
    match (said, log) {
        (Ok(()), _) | (Err(_), None) => loaded.test_status(),
        (Err(error), Some(log)) => {
            eprintln!("unable to write {}: {error}", log.display());
            CANNOT_RUN
        }
    }
}

fn append(log: &Path, complaints: &[impl ToString]) -> io::Result<()> {
    let lines: String = complaints
        .iter()
        .map(|complaint| complaint.to_string() + "\n")
        .collect();
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)?
        .write_all(lines.as_bytes())
}
