//! Real configuration files through `holdfast check --print`: what is printed loads to the same configuration, without
//! any complaint but those about what the configuration is, not how it is written.
//!
//! The files are no part of this project. They are looked for in `$HOLDFAST_CORPUS`, then beside the checkout in
//! `../shared/corpus`; where neither exists, nothing is compared and the test says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use holdfast::config::{Code, LoadOptions, Loaded, OfflineHost, Secrets, Severity, load, print};

/// Complaints about what is configured, which no other spelling can cure.
const ABOUT_THE_MATTER: [Code; 8] = [
    Code::DuplicateVrid,
    Code::UnusedScript,
    Code::Defaulted,
    Code::MissingKeyword,
    Code::Conflict,
    Code::Redundant,
    Code::NeverChecked,
    Code::LeftOut,
];

fn corpus() -> Option<Vec<PathBuf>> {
    let directory = std::env::var_os("HOLDFAST_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
        PathBuf::from,
    );
    let mut files: Vec<PathBuf> = fs::read_dir(directory.join("files"))
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    files.sort();
    Some(files)
}

fn load_with_origins(file: &Path) -> Loaded {
    let options = LoadOptions {
        config_id: Some("corpus".to_owned()),
        origins: true,
        ..LoadOptions::default()
    };
    load(file, &options, &OfflineHost)
}

/// Complaints above notes, counted by their kind.
fn objections(loaded: &Loaded) -> BTreeMap<&'static str, usize> {
    let mut counted = BTreeMap::new();
    for complaint in &loaded.complaints {
        if complaint.severity > Severity::Note {
            *counted.entry(complaint.code.name()).or_default() += 1;
        }
    }
    counted
}

/// The first place where two configurations differ.
fn difference(one: &Value, other: &Value, path: &str) -> String {
    let inner = match (one, other) {
        (Value::Object(one), Value::Object(other)) => one.iter().find_map(|(name, value)| {
            let found = other.get(name).unwrap_or(&Value::Null);
            (value != found).then(|| difference(value, found, &format!("{path}.{name}")))
        }),
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs
                .filter(|(_, (one, other))| one != other)
                .map(|(index, (one, other))| difference(one, other, &format!("{path}[{index}]")))
                .next()
        }
        _ => None,
    };
    inner.unwrap_or_else(|| format!("{path} is {other} and not {one}"))
}

/// The first line that two prints have otherwise, without the origins, which differ.
fn different_lines(one: &str, other: &str) -> Option<(String, String)> {
    let statements = |text: &str| -> Vec<String> {
        let lines = text.lines();
        let statements = lines.map(|line| line.rsplit_once("  # ").map_or(line, |(it, _)| it));
        statements.map(|line| line.trim_end().to_owned()).collect()
    };
    let (mut one, mut other) = (statements(one), statements(other));
    let longest = one.len().max(other.len());
    one.resize(longest, String::new());
    other.resize(longest, String::new());
    one.into_iter().zip(other).find(|(one, other)| one != other)
}

#[test]
fn what_is_printed_of_a_real_file_loads_to_the_same_configuration() {
    let Some(files) = corpus() else {
        println!("NOT RUN: no corpus (set HOLDFAST_CORPUS)");
        return;
    };
    let directory = tempfile::tempdir().expect("directory");
    let printed_file = directory.path().join("printed.conf");
    let mut failures = Vec::new();
    let mut clean = 0;
    for file in &files {
        let first = load_with_origins(file);
        let text = print(&first, Secrets::Shown);
        fs::write(&printed_file, &text).expect("written");
        let second = load_with_origins(&printed_file);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if second.config != first.config {
            let values = [&first, &second].map(|loaded| {
                serde_json::to_value(&loaded.config).expect("a configuration is data")
            });
            let place = difference(&values[0], &values[1], "");
            failures.push(format!("{name}: another configuration: {place}"));
        }
        let (before, after) = (objections(&first), objections(&second));
        clean += usize::from(after.is_empty());
        // Complaints about a line that a definition of several lines has put together are about all of its lines.
        if before.contains_key(Code::InvalidDefinition.name()) {
            continue;
        }
        let again = print(&second, Secrets::Shown);
        if let Some((one, other)) = different_lines(&text, &again) {
            failures.push(format!("{name}: printed again, '{one}' is '{other}'"));
        }
        for (code, count) in after {
            // A `$NAME` that nobody has defined is the value, in the file and in what is printed.
            let stays = code == Code::UnknownReference.name()
                && before.get(code).is_some_and(|said| *said >= count);
            let is_known = stays || ABOUT_THE_MATTER.iter().any(|known| known.name() == code);
            if !is_known || before.is_empty() {
                failures.push(format!("{name}: {count} {code}"));
            }
        }
    }
    println!(
        "{} files printed and loaded again, {clean} without a complaint",
        files.len()
    );
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
