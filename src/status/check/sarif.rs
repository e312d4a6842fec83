//! A report as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), as far as code hosts show it.

use serde::Serialize;

use super::Report;
use super::json::pretty;
use crate::config::{Code, Complaint, Place, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'r> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'r>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'r> {
    tool: Tool,
    /// §3.14.17: columns count characters.
    column_kind: &'static str,
    invocations: [Invocation<'r>; 1],
    artifacts: Vec<Artifact>,
    results: Vec<SarifResult<'r>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

/// §3.49 reportingDescriptor
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text<'static>,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Text<'r> {
    text: std::borrow::Cow<'r, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'r> {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification<'r>>,
}

#[derive(Serialize)]
struct Notification<'r> {
    level: &'static str,
    message: Text<'r>,
}

#[derive(Serialize)]
struct Artifact {
    location: ArtifactLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'r> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text<'r>,
    locations: Vec<Location>,
    related_locations: Vec<Location>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_column: u32,
}

pub(super) fn render(report: &Report) -> String {
    let results = report
        .files
        .iter()
        .flat_map(|file| {
            file.complaints
                .iter()
                .map(|complaint| result(&file.file, complaint))
        })
        .collect();
    pretty(&Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "holdfast",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: Code::ALL.iter().copied().map(rule).collect(),
                },
            },
            column_kind: "unicodeCodePoints",
            invocations: [Invocation {
                execution_successful: true,
                tool_execution_notifications: report.notes.iter().map(notification).collect(),
            }],
            artifacts: report
                .files
                .iter()
                .map(|file| Artifact {
                    location: location(&file.file),
                })
                .collect(),
            results,
        }],
    })
}

fn rule(code: Code) -> Rule {
    Rule {
        id: code.name(),
        short_description: Text {
            text: code.description().into(),
        },
        default_configuration: Configuration {
            level: level(code.severity()),
        },
    }
}

fn result<'r>(file: &str, complaint: &'r Complaint) -> SarifResult<'r> {
    SarifResult {
        rule_id: complaint.code.name(),
        rule_index: Code::ALL
            .iter()
            .position(|code| *code == complaint.code)
            .unwrap_or_default(),
        level: level(complaint.severity),
        message: Text {
            text: message(complaint).into(),
        },
        locations: vec![match &complaint.place {
            Some(place) => at(place),
            // About the file as a whole.
            None => Location {
                physical_location: PhysicalLocation {
                    artifact_location: location(file),
                    region: None,
                },
            },
        }],
        related_locations: complaint.also.iter().map(at).collect(),
    }
}

fn notification(note: &Complaint) -> Notification<'_> {
    Notification {
        level: level(note.severity),
        message: Text {
            text: message(note).into(),
        },
    }
}

/// With what was expected and what helps, because viewers show nothing else.
fn message(complaint: &Complaint) -> String {
    let mut text = complaint.message.clone();
    if let Some(expected) = &complaint.expected {
        text += &format!("; expected {expected}");
    }
    if let Some(help) = &complaint.help {
        text += &format!(" ({help})");
    }
    text
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn at(place: &Place) -> Location {
    Location {
        physical_location: PhysicalLocation {
            artifact_location: location(&place.file),
            region: Some(Region {
                start_line: place.line,
                start_column: place.column,
                end_column: place.end_column(),
            }),
        },
    }
}

/// A path as a URI reference (RFC 3986 §2.1): relative ones stay relative.
fn location(path: &str) -> ArtifactLocation {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    ArtifactLocation { uri }
}
