//! The rules of the source tree, checked by reading it: who may import whom, where I/O may live,
//! how long a file may be. A failure names file and line.
//!
//! [`IMPORTS`] is the documentation of the layers; `docs/architecture.md` explains the why.

mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Source, production_sources};

/// Who may import whom. The longest key that fits a file's module path counts; what it lists are
/// module paths below the crate. A module may always import itself; `driver`s are known to
/// the daemon and to other drivers only.
const IMPORTS: &[(&str, &[&str])] = &[
    ("bin", &["daemon", "status"]),
    (
        "daemon",
        &[
            "check",
            "config",
            "dataplane",
            "log",
            "lvs",
            "netlink",
            "notify",
            "status",
            "sys",
            "types",
            "vrrp",
            "wire",
        ],
    ),
    (
        "status",
        &[
            "config",
            "types",
            "log",
            "sys",
            "vrrp::snapshot",
            "check::snapshot",
            "lvs::snapshot",
            "dataplane::snapshot",
        ],
    ),
    (
        "vrrp::driver",
        &[
            "vrrp", "config", "types", "wire", "netlink", "sys", "log", "notify",
        ],
    ),
    (
        "check::driver",
        &[
            "check", "lvs", "config", "types", "wire", "netlink", "sys", "log", "notify",
        ],
    ),
    (
        "lvs::driver",
        &[
            "lvs", "config", "types", "wire", "netlink", "sys", "log", "notify",
        ],
    ),
    (
        "dataplane::driver",
        &[
            "dataplane",
            "lvs",
            "config",
            "types",
            "wire",
            "netlink",
            "sys",
            "log",
            "notify",
        ],
    ),
    (
        "notify::driver",
        &["notify", "config", "types", "sys", "log"],
    ),
    ("vrrp", &["config", "types", "wire"]),
    ("check", &["config", "types", "lvs"]),
    ("lvs", &["config", "types"]),
    ("dataplane", &["config", "types", "wire", "lvs"]),
    ("notify", &["config", "types"]),
    ("netlink", &["types", "sys"]),
    ("config", &["types"]),
    ("wire", &["types"]),
    ("log", &["types", "sys"]),
    ("sys", &[]),
    ("types", &[]),
];

/// The only places that read a clock, open a file or a socket, start a process or a thread, or draw
/// a random number.
const IO_PLACES: &[&str] = &[
    "bin",
    "check::driver",
    "config::source",
    "daemon",
    "dataplane::driver",
    "log",
    "lvs::driver",
    "netlink",
    "notify::driver",
    "status",
    "sys",
    "vrrp::driver",
];

/// What nobody else may name: prefixes of paths, or the end of a path where it starts with `::`.
const IO_WORDS: &[&str] = &[
    "::Instant::now",
    "::SystemTime",
    "::TcpListener",
    "::TcpStream",
    "::UdpSocket",
    "::UnixDatagram",
    "::UnixListener",
    "::UnixStream",
    "fastrand",
    "getrandom",
    "netlink_sys",
    "nix",
    "libc",
    "rand",
    "rtnetlink",
    "socket2",
    "std::env",
    "std::fs",
    "std::os::unix::net",
    "std::process",
    "std::thread",
    "tokio",
    "tokio_rustls",
    "tracing",
];

/// Pure code may ask these of a crate it may otherwise not name: plain data, no system call.
const NO_IO_AFTER_ALL: &[&str] = &["std::env::consts", "std::process::ExitCode"];

/// A file longer than this is split.
const PRODUCTION_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let mut complaints = Vec::new();
    for source in production_sources(root()) {
        let module = source.module();
        let rule = IMPORTS
            .iter()
            .filter(|(key, _)| within(&module, key))
            .max_by_key(|r| r.0.len());
        // lib.rs is a table of contents.
        let Some((key, allowed)) = rule else {
            if !module.is_empty() {
                complaints.push(format!("{}: no row of the import table", source.at(1)));
            }
            continue;
        };
        for (line, path) in source.crate_paths() {
            let listed = within(&path, key) || allowed.iter().any(|module| within(&path, module));
            if !listed || (is_driver(&path) && !may_know_drivers(&module)) {
                complaints.push(format!("{}: {key} may not import {path}", source.at(line)));
            }
        }
    }
    none(&complaints);
}

#[test]
fn clocks_files_sockets_and_randomness_stay_where_io_lives() {
    let mut complaints = Vec::new();
    for source in production_sources(root()) {
        let module = source.module();
        if IO_PLACES.iter().any(|place| within(&module, place)) {
            continue;
        }
        for (line, path) in source.paths() {
            let excused = NO_IO_AFTER_ALL.iter().any(|word| within(&path, word));
            if let Some(word) = IO_WORDS
                .iter()
                .find(|word| names(&path, word))
                .filter(|_| !excused)
            {
                complaints.push(format!(
                    "{}: `{path}` ({word}) outside I/O",
                    source.at(line)
                ));
            }
        }
    }
    none(&complaints);
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut complaints = Vec::new();
    for source in production_sources(root()) {
        let lines = source.production_lines();
        if lines > PRODUCTION_LINES {
            complaints.push(format!(
                "{}: {lines} lines, split at {PRODUCTION_LINES}",
                source.at(1)
            ));
        }
    }
    none(&complaints);
}

#[test]
fn unsafe_lives_in_sys_and_every_block_says_why_it_is_sound() {
    let mut complaints = Vec::new();
    for source in production_sources(root()) {
        for line in source.lines_with_word("unsafe") {
            if !within(&source.module(), "sys") {
                complaints.push(format!("{}: unsafe outside src/sys", source.at(line)));
            }
            if !source.has_safety_comment(line) {
                complaints.push(format!("{}: no `// SAFETY:` before it", source.at(line)));
            }
        }
    }
    none(&complaints);
}

#[test]
fn production_code_neither_unwraps_nor_leaves_things_to_do() {
    let mut complaints = Vec::new();
    for source in production_sources(root()) {
        for word in [".unwrap()", "todo!", "unimplemented!", "dbg!"] {
            for line in source.lines_with(word) {
                complaints.push(format!("{}: {word}", source.at(line)));
            }
        }
    }
    none(&complaints);
}

#[test]
fn lints_are_expected_with_a_reason_and_never_simply_allowed() {
    let mut complaints = Vec::new();
    for source in production_sources(root()) {
        for (line, attribute) in source.attributes("allow") {
            let all_of_sys = source.module() == "sys" && attribute.contains("unsafe_code");
            if !all_of_sys && !attribute.contains("reason") {
                complaints.push(format!("{}: {}", source.at(line), attribute.trim()));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_file_begins_with_what_it_is() {
    let mut complaints = Vec::new();
    for folder in ["src", "integration"] {
        for path in files_below(&root().join(folder), "rs") {
            // A file's tests have their prologue in the file that they test.
            if path.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            if !text.starts_with("//! ") {
                complaints.push(format!("{}:1: no `//!` prologue", shown(&path)));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_default_configuration_and_the_examples_are_there() {
    let missing: Vec<String> = [
        "holdfast.conf",
        "examples/director-a.conf",
        "examples/director-b.conf",
    ]
    .iter()
    .map(|name| format!("conf.d/{name}"))
    .filter(|name| !root().join(name).is_file())
    .collect();
    none(&missing);
}

#[test]
fn nothing_names_a_path_of_somebodys_machine() {
    // Put together here, so that this file does not find itself.
    let words = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/tmp/br", "ief"),
    ];
    let mut complaints = Vec::new();
    for path in project_files() {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                complaints.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    none(&complaints);
}

/// Is module path `path` the module `module` or below it?
fn within(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Is this somebody's driver, which only the daemon and other drivers may know?
fn is_driver(path: &str) -> bool {
    path.split("::").nth(1) == Some("driver")
}

fn may_know_drivers(module: &str) -> bool {
    within(module, "daemon") || is_driver(module)
}

/// Does a path name the forbidden thing?
fn names(path: &str, word: &str) -> bool {
    match word.strip_prefix("::") {
        // `Instant::now` in code and `std::time::Instant::now` both end so.
        Some(end) => path == end || path.contains(&format!("::{end}")) || within(path, end),
        None => within(path, word),
    }
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Files below `folder` whose name ends in `extension`, or all of them.
fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if extension.is_empty() || path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a reader of the project may open.
fn project_files() -> Vec<PathBuf> {
    let folders = ["src", "conf.d", "docs", "integration", "packaging", ".ci"];
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| files_below(&root().join(folder), ""))
        .collect();
    found.extend(["README.md", "Cargo.toml"].map(|name| root().join(name)));
    found
}

mod the_reader {
    //! The rules would be worth little if the reader of the sources were blind.

    use super::*;

    #[test]
    fn sees_nested_imports_relative_ones_and_paths_in_code() {
        let source = Source::from_text(
            "src/vrrp/instance.rs",
            "use crate::{config::Config, types::{Vrid, Priority}};\n\
             use super::driver::Driver;\n\
             fn f() -> crate::sys::Frame { std::time::Instant::now() }\n",
        );
        let paths: Vec<String> = source
            .crate_paths()
            .into_iter()
            .map(|(_, path)| path)
            .collect();
        assert_eq!(
            paths,
            [
                "config::Config",
                "types::Vrid",
                "types::Priority",
                "vrrp::driver::Driver",
                "sys::Frame"
            ]
        );
        assert!(
            source
                .paths()
                .iter()
                .any(|(line, path)| *line == 3 && names(path, "::Instant::now"))
        );
    }

    #[test]
    fn is_not_misled_by_comments_strings_and_tests() {
        let source = Source::from_text(
            "src/vrrp/instance.rs",
            "// crate::sys::x\nconst A: &str = \"crate::sys::y\"; const B: char = '\"';\n\
             /* crate::sys /* nested */ */ const C: &str = r#\"std::fs \" \"#;\n\
             fn f<'a>(x: &'a str) {}\n\
             #[cfg(test)]\nmod tests {\n    use crate::sys::Z;\n    fn g() { x.unwrap() }\n}\n",
        );
        assert!(
            source.crate_paths().is_empty(),
            "{:?}",
            source.crate_paths()
        );
        assert!(source.lines_with(".unwrap()").is_empty());
        assert_eq!(source.production_lines(), 4);
    }
}
