//! Keywords of `global_defs` about files: where dumps go, where names are read, how a reload is asked for.

use serde::{Deserialize, Serialize};

use super::Draft;
use crate::config::IprouteDirectories;
use crate::config::diagnostic::Finding;
use crate::config::keyword::{Arguments, Keyword, Shape};

/// Files and directories.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Files {
    /// Where `rt_tables` and its like come from.
    pub iproute_directories: IprouteDirectories,
    /// Each configuration that is read is copied here.
    pub config_save_dir: Option<String>,
    /// Names of dumps say the instance and the network namespace.
    pub data_use_instance: bool,
    pub state_dump_file: Option<String>,
    pub stats_dump_file: Option<String>,
    pub json_dump_file: Option<String>,
    /// Layout of the JSON dump, 1 or 2, default 1.
    pub json_version: u8,
    /// What makes a plain `include` a complaint.
    pub include_check: Vec<IncludeCheck>,
}

/// A word of `include_check`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct IncludeCheck {
    pub failure: IncludeFailure,
    /// `-` in front takes it away.
    pub wanted: bool,
}

/// How an `include` can fail.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum IncludeFailure {
    /// A file that matches cannot be read.
    Read,
    /// No file matches.
    Match,
    /// No file matches a pattern with a wildcard.
    WildcardMatch,
    /// The braces within one file do not match.
    BraceMatch,
}

/// Reload at a time of day, and its test beforehand.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reload {
    /// Where what the test says is written; `None`: nowhere. A file in error is rejected in any case.
    pub reload_check_config: Option<String>,
    /// The file that says when.
    pub reload_time_file: Option<String>,
    /// The file stays when it has been obeyed.
    pub reload_repeat: bool,
    /// The configuration to read then; `None`: the one that is read anyhow.
    pub reload_file: Option<String>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            iproute_directories: IprouteDirectories::default(),
            config_save_dir: None,
            data_use_instance: false,
            state_dump_file: None,
            stats_dump_file: None,
            json_dump_file: None,
            json_version: 1,
            include_check: Vec::new(),
        }
    }
}

const PATH: Shape = Shape::Word("a path");
const NAMES_BEHIND: Shape = Shape::Word("a path, for the names in the blocks behind");

pub(super) const ROWS: &[Keyword<Draft>] = &[
    // Carried out for the blocks that follow.
    Keyword::new(
        "iproute_usr_dir",
        NAMES_BEHIND,
        "/usr/share/iproute2",
        |draft, arguments| {
            arguments.fill(&mut draft.defs.files.iproute_directories.iproute_usr_dir)
        },
    ),
    Keyword::new(
        "iproute_etc_dir",
        NAMES_BEHIND,
        "/etc/iproute2",
        |draft, arguments| {
            arguments.fill(&mut draft.defs.files.iproute_directories.iproute_etc_dir)
        },
    ),
    Keyword::without_effect("tmp_config_directory", PATH).because(
        "no copy of the configuration is written for the children, they get it through a socket",
    ),
    Keyword::pending_but_read("config_save_dir", PATH, "", |draft, arguments| {
        arguments.fill(&mut draft.defs.files.config_save_dir)
    }),
    Keyword::new(
        "data_use_instance",
        Shape::Bool,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.files.data_use_instance),
    ),
    Keyword::new(
        "state_dump_file",
        PATH,
        "/tmp/keepalived.data",
        |draft, arguments| arguments.fill(&mut draft.defs.files.state_dump_file),
    ),
    // The manual of keepalived has this name, its code the other one.
    Keyword::new("state_file_location", PATH, "", |draft, arguments| {
        arguments.fill(&mut draft.defs.files.state_dump_file)
    }),
    Keyword::new(
        "stats_dump_file",
        PATH,
        "/tmp/keepalived.stats",
        |draft, arguments| arguments.fill(&mut draft.defs.files.stats_dump_file),
    ),
    Keyword::new(
        "json_dump_file",
        PATH,
        "/tmp/keepalived.json",
        |draft, arguments| arguments.fill(&mut draft.defs.files.json_dump_file),
    ),
    Keyword::new(
        "json_version",
        Shape::number(1, 2),
        "1",
        |draft, arguments| arguments.fill(&mut draft.defs.files.json_version),
    ),
    // Carried out while lines are read.
    Keyword::new(
        "include_check",
        Shape::Optional("[+|-]read|match|wildcard_match|brace_match"),
        "",
        include_check,
    ),
    Keyword::pending_but_read(
        "reload_check_config",
        Shape::Optional("a log file"),
        "a file in error is always rejected",
        |draft, arguments| {
            draft.defs.reload.reload_check_config = optional(arguments);
            Ok(())
        },
    ),
    Keyword::pending_but_read("reload_time_file", PATH, "", |draft, arguments| {
        arguments.fill(&mut draft.defs.reload.reload_time_file)
    }),
    Keyword::pending_but_read("reload_repeat", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.defs.reload.reload_repeat)
    }),
    Keyword::pending_but_read(
        "reload_file",
        Shape::Optional("a path"),
        "",
        |draft, arguments| {
            draft.defs.reload.reload_file = optional(arguments);
            Ok(())
        },
    ),
];

fn optional(arguments: &mut Arguments<'_>) -> Option<String> {
    arguments.next_word().map(|word| word.text.to_owned())
}

fn include_check(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    while let Some(word) = arguments.next_word() {
        let (wanted, name) = match word.text.strip_prefix('-') {
            Some(name) => (false, name),
            None => (true, word.text.strip_prefix('+').unwrap_or(word.text)),
        };
        let failure = match name {
            "read" | "readable" => IncludeFailure::Read,
            "match" => IncludeFailure::Match,
            "wildcard_match" => IncludeFailure::WildcardMatch,
            "brace_match" => IncludeFailure::BraceMatch,
            _ => return Err(arguments.invalid_value(word)),
        };
        draft
            .defs
            .files
            .include_check
            .push(IncludeCheck { failure, wanted });
    }
    Ok(())
}
