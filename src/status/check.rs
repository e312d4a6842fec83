//! What `holdfast check` says about files: for people, as JSON, as SARIF.
//!
//! Reading the files is somebody else's work; a [`Report`] is made of what was found.

mod json;
mod sarif;

use crate::config::{Complaint, Drawing, Loaded, Severity};

/// The exit statuses of a check. Notes do not count.
const CLEAN: u8 = 0;
const WARNINGS: u8 = 1;
const ERRORS: u8 = 2;

/// How a report is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Each complaint with its source line drawn, and a line of counts for each file.
    Human(Drawing),
    /// One object, see `docs/guide/checking-a-configuration.md`.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// Everything a check has found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// About the check itself.
    pub notes: Vec<Complaint>,
    /// In the order of the command line.
    pub files: Vec<FileReport>,
}

/// What was found in a file and those it includes.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// As it was named.
    pub file: String,
    /// In file order.
    pub complaints: Vec<Complaint>,
}

/// How many complaints there are of each severity.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) notes: usize,
}

impl Report {
    pub fn add(&mut self, file: &str, loaded: Loaded) {
        self.files.push(FileReport {
            file: file.to_owned(),
            complaints: loaded.complaints,
        });
    }

    /// What was found between the two files of a pair.
    pub fn add_pair(&mut self, files: &str, complaints: Vec<Complaint>) {
        self.files.push(FileReport {
            file: files.to_owned(),
            complaints,
        });
    }

    /// 0 clean, 1 warnings, 2 errors; the worst file counts.
    pub fn exit_status(&self) -> u8 {
        let worst = self
            .files
            .iter()
            .flat_map(|file| &file.complaints)
            .map(|complaint| complaint.severity)
            .max();
        match worst {
            None | Some(Severity::Note) => CLEAN,
            Some(Severity::Warning) => WARNINGS,
            Some(Severity::Error) => ERRORS,
        }
    }

    /// The whole report, ending with a newline.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Human(drawing) => self.human(drawing),
            Format::Json => json::render(self),
            Format::Sarif => sarif::render(self),
        }
    }

    fn human(&self, drawing: Drawing) -> String {
        let mut text: String = self
            .notes
            .iter()
            .map(|note| note.render(drawing) + "\n")
            .collect();
        for file in &self.files {
            for complaint in &file.complaints {
                text += &complaint.render(drawing);
                text.push('\n');
            }
            text += &format!("{}: {}\n", file.file, file.counts());
        }
        text
    }
}

impl FileReport {
    pub(crate) fn counts(&self) -> Counts {
        let count = |severity| {
            self.complaints
                .iter()
                .filter(|complaint| complaint.severity == severity)
                .count()
        };
        Counts {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        }
    }
}

/// `2 errors, 1 warning`, or `clean`.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = [
            (self.errors, "error"),
            (self.warnings, "warning"),
            (self.notes, "note"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
        if parts.is_empty() {
            f.write_str("clean")
        } else {
            f.write_str(&parts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
