//! A report as JSON. Tools rely on the names here: add, but do not rename.

use serde::Serialize;

use super::Report;
use crate::config::{Complaint, Place};

/// Goes up when something that was there changes its meaning or goes away.
const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonReport<'r> {
    version: u32,
    notes: Vec<JsonComplaint<'r>>,
    files: Vec<JsonFile<'r>>,
}

#[derive(Serialize)]
struct JsonFile<'r> {
    file: &'r str,
    errors: usize,
    warnings: usize,
    notes: usize,
    complaints: Vec<JsonComplaint<'r>>,
}

#[derive(Serialize)]
struct JsonComplaint<'r> {
    code: &'static str,
    /// `error`, `warning` or `note`.
    severity: String,
    message: &'r str,
    expected: Option<&'r str>,
    help: Option<&'r str>,
    place: Option<JsonPlace<'r>>,
    /// A second place that it is about.
    also: Option<JsonPlace<'r>>,
}

#[derive(Serialize)]
struct JsonPlace<'r> {
    file: &'r str,
    line: u32,
    /// Characters, from 1.
    column: u32,
    /// The first character behind the words concerned.
    end_column: u32,
    source: &'r str,
}

pub(super) fn render(report: &Report) -> String {
    let report = JsonReport {
        version: FORMAT_VERSION,
        notes: report.notes.iter().map(complaint).collect(),
        files: report
            .files
            .iter()
            .map(|file| {
                let counts = file.counts();
                JsonFile {
                    file: &file.file,
                    errors: counts.errors,
                    warnings: counts.warnings,
                    notes: counts.notes,
                    complaints: file.complaints.iter().map(complaint).collect(),
                }
            })
            .collect(),
    };
    pretty(&report)
}

/// Data of our own with string keys cannot fail to become JSON.
pub(super) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn complaint(complaint: &Complaint) -> JsonComplaint<'_> {
    JsonComplaint {
        code: complaint.code.name(),
        severity: complaint.severity.to_string(),
        message: &complaint.message,
        expected: complaint.expected.as_deref(),
        help: complaint.help.as_deref(),
        place: complaint.place.as_ref().map(place),
        also: complaint.also.as_ref().map(place),
    }
}

fn place(place: &Place) -> JsonPlace<'_> {
    JsonPlace {
        file: &place.file,
        line: place.line,
        column: place.column,
        end_column: place.end_column(),
        source: &place.source,
    }
}
