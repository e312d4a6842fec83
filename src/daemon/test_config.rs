//! `holdfastd -t`: every complaint about a file in one run, and keepalived's exit statuses.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::loader::load_file;
use super::message::LoadRequest;
use crate::config::Drawing;

/// A log file that cannot be written.
const CANNOT_RUN: u8 = 4;

/// Complaints go to stderr, drawn; or are appended to `log`, one line each. Returns the exit status.
pub(crate) fn run(request: &LoadRequest, log: Option<&Path>) -> u8 {
    let loaded = load_file(request);
    let said = match log {
        Some(log) => append(log, &loaded.complaints),
        None => {
            let text = loaded.render(drawing_for(&io::stderr()));
            io::stderr().write_all(text.as_bytes())
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

/// Colours for a terminal, unless the user has said no (<https://no-color.org>).
pub(crate) fn drawing_for(output: &impl IsTerminal) -> Drawing {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if output.is_terminal() && !refused {
        Drawing::Coloured
    } else {
        Drawing::Plain
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
