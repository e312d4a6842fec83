//! Loading a configuration: the one way from a file to a [`Config`] and what there is to say about it.

use std::path::{Path, PathBuf};

use super::diagnostic::{Code, Complaint, Drawing, Finding, Findings, Severity};
use super::host::Host;
use super::keyword::Reader;
use super::lines::Lines;
use super::origins::{Origins, Recorder};
use super::preprocess::{IncludeCheck, Surroundings};
use super::source::{FileSystem, Files, ReadError, Search, TooWide};
use super::{Config, IprouteDirectories};
use super::{preprocess, root, source};

/// How to read a configuration.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Decides `@id` lines (`-i`); the host name up to its first dot where it is `None`.
    pub config_id: Option<String>,
    /// Remember where each value comes from.
    pub origins: bool,
    /// Whatever is wrong with an `include` is an error (`-e`).
    pub all_config: bool,
    /// Takes the place of the keyword `net_namespace` (`-s`).
    pub net_namespace: Option<String>,
}

/// A configuration and everything to say about the files it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What can be carried out; everything in error is left out of it.
    pub config: Config,
    /// In file order, each once.
    pub complaints: Vec<Complaint>,
    /// Where its values come from, if [`LoadOptions`] asked.
    pub origins: Option<Origins>,
}

/// When a configuration is about to be used; decides which complaints forbid it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Policy {
    /// A start, or a reload with `--lenient-reload`: only errors do.
    Start,
    /// A reload, or anything with `--strict`: warnings do too.
    Strict,
}

/// Reads `file` and the files it includes. Never fails: where there is nothing to read, the
/// complaints say so and the configuration is empty.
pub fn load(file: &Path, options: &LoadOptions, host: &dyn Host) -> Loaded {
    let refusal = match files(file) {
        Ok(paths) if !paths.is_empty() => return load_from(&FileSystem, &paths, options, host),
        Ok(_) => unreadable(&ReadError::Missing {
            path: file.display().to_string(),
        }),
        Err(why) => {
            Finding::without_place(Code::FileUnreadable, format!("'{}' {why}", file.display()))
        }
    };
    let mut loaded = load_from(&FileSystem, &[], options, host);
    let mut findings = Findings::default();
    findings.push(refusal);
    loaded.complaints = findings.into_complaints(&Lines::default());
    loaded
}

/// Reads `paths` of `files`.
pub(crate) fn load_from(
    files: &dyn Files,
    paths: &[PathBuf],
    options: &LoadOptions,
    host: &dyn Host,
) -> Loaded {
    let config_id = options
        .config_id
        .clone()
        .unwrap_or_else(|| short_name(&host.host_name()));
    let mut findings = Findings::default();
    let catalogue = root::catalogue();
    let surroundings = Surroundings {
        files,
        host,
        catalogue: &catalogue,
        config_id: &config_id,
        include_check: if options.all_config {
            IncludeCheck::ALL
        } else {
            IncludeCheck::default()
        },
    };
    let lines = match preprocess::read(surroundings, paths, &mut findings) {
        Ok(lines) => lines,
        Err(error) => {
            findings.push(unreadable(&error));
            Lines::default()
        }
    };
    let mut reader = Reader::new(findings, catalogue);
    reader.names = host.iproute_names(&IprouteDirectories::default());
    reader.net_namespace.clone_from(&options.net_namespace);
    if options.origins {
        reader.recorder = Recorder::recording();
    }
    let config = root::read(&lines, host, &mut reader);
    let origins = std::mem::take(&mut reader.recorder).finish(&lines, &reader.findings);
    Loaded {
        config,
        origins,
        complaints: reader.findings.into_complaints(&lines),
    }
}

impl Loaded {
    pub fn has_errors(&self) -> bool {
        self.worst() == Some(Severity::Error)
    }

    /// The file is missing, or it or one that it includes and that must be there could not be read: what it says is not known.
    pub fn is_unreadable(&self) -> bool {
        let mut codes = self.complaints.iter().map(|complaint| complaint.code);
        codes.any(|code| matches!(code, Code::FileUnreadable | Code::NoConfiguration))
    }

    /// Warnings or errors.
    pub fn has_warnings(&self) -> bool {
        self.worst() >= Some(Severity::Warning)
    }

    /// The configuration may be used.
    pub fn is_acceptable(&self, policy: Policy) -> bool {
        match policy {
            Policy::Start => !self.has_errors(),
            Policy::Strict => !self.has_warnings(),
        }
    }

    /// Exit status of `-t`: 0 clean, 2 a missing parameter, 4 a file that cannot be read, 5 anything else that
    /// keepalived complains about, 6 script security, whatever else there is. Keywords that are merely not carried out do not count.
    pub fn test_status(&self) -> u8 {
        self.complaints
            .iter()
            .map(|complaint| match complaint.code {
                Code::MissingParameter => (5, 2),
                // keepalived: the highest class counts, and this one is above all others.
                Code::ScriptSecurity => (4, 6),
                Code::NotCarriedOut | Code::NotIncluded | Code::NoEffect => (0, 0),
                Code::NoConfiguration => (2, 4),
                Code::FileUnreadable if complaint.place.is_none() => (2, 4),
                _ => (3, 5),
            })
            .max()
            .map_or(0, |(_, status)| status)
    }

    /// Exit status of a start that these complaints forbid: 6 without a configuration file, else 2; `None`: it may start.
    pub fn start_status(&self, policy: Policy) -> Option<u8> {
        let no_file = self
            .complaints
            .iter()
            .any(|complaint| complaint.code == Code::NoConfiguration);
        if no_file {
            return Some(6);
        }
        (!self.is_acceptable(policy)).then_some(2)
    }

    /// All complaints for people.
    pub fn render(&self, drawing: Drawing) -> String {
        self.complaints
            .iter()
            .map(|complaint| complaint.render(drawing) + "\n")
            .collect()
    }

    fn worst(&self) -> Option<Severity> {
        self.complaints
            .iter()
            .map(|complaint| complaint.severity)
            .max()
    }
}

/// Alternatives in `-f`.
const MAX_PATTERNS: usize = 64;

/// `-f` takes a pattern too.
fn files(file: &Path) -> Result<Vec<PathBuf>, TooWide> {
    let Some(pattern) = file
        .to_str()
        .filter(|pattern| source::has_wildcard(pattern) && !file.exists())
    else {
        return Ok(vec![file.to_path_buf()]);
    };
    let mut search = Search::default();
    let mut paths = Vec::new();
    for pattern in source::brace_alternatives(pattern, MAX_PATTERNS) {
        paths.append(&mut FileSystem.matching(&pattern, Path::new(""), &mut search)?);
    }
    Ok(paths)
}

fn unreadable(error: &ReadError) -> Finding {
    let code = if error.is_missing() {
        Code::NoConfiguration
    } else {
        Code::FileUnreadable
    };
    Finding::without_place(code, error.to_string())
}

fn short_name(host_name: &str) -> String {
    host_name.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
pub(crate) mod tests;
