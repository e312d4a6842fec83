//! What any bytes may be done with, and what holds whatever they are. The fuzz targets of `integration/fuzz` and the
//! mutation test below call these; a broken promise is a panic. No file outside of the input is opened.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::diagnostic::{Complaint, Findings};
use super::fake_host::FakeHost;
use super::keyword::Reader;
use super::load::load_from;
use super::preprocess::{IncludeCheck, Surroundings};
use super::source::{Files, ReadError, Search, SourceFile, TooWide, into_text};
use super::{Drawing, LoadOptions, Loaded, lexer, preprocess, root, tree};

/// Between the files of one input: no UTF-8 text has this byte.
const NEXT_FILE: u8 = 0xff;
/// The first file's name; those that follow are `1`, `2` …
const MAIN: &str = "main.conf";

/// Several files in one input.
struct Input<'i> {
    bytes: &'i [u8],
}

impl Files for Input<'_> {
    fn read(&self, path: &Path, _: u64) -> Result<SourceFile, ReadError> {
        let name = path.display().to_string();
        let index = if name == MAIN {
            Some(0)
        } else {
            name.parse().ok()
        };
        let bytes = index
            .and_then(|index| self.bytes.split(|&byte| byte == NEXT_FILE).nth(index))
            .ok_or_else(|| ReadError::Missing { path: name.clone() })?;
        Ok(SourceFile {
            name,
            canonical: path.to_path_buf(),
            directory: PathBuf::new(),
            text: into_text(bytes.to_vec()),
        })
    }

    fn matching(&self, pattern: &str, _: &Path, _: &mut Search) -> Result<Vec<PathBuf>, TooWide> {
        Ok(match pattern {
            "*" => (1..4)
                .map(|index| PathBuf::from(index.to_string()))
                .collect(),
            name => vec![name.into()],
        })
    }
}

/// Lines, words and blocks, without what they mean.
pub fn read_tree(bytes: &[u8]) {
    let mut findings = Findings::default();
    let catalogue = root::catalogue();
    let surroundings = Surroundings {
        catalogue: &catalogue,
        files: &Input { bytes },
        host: &FakeHost::default(),
        config_id: "here",
        include_check: IncludeCheck::ALL,
    };
    let Ok(lines) = preprocess::read(surroundings, &[MAIN.into()], &mut findings) else {
        return;
    };
    for line in lines.iter() {
        for located in lexer::tokens(line) {
            assert!(
                located.start < located.end && located.end <= line.text.len(),
                "{located:?} is not in {line:?}"
            );
        }
    }
    let mut reader = Reader::new(findings, catalogue);
    tree::build(&lines, &mut reader, |statement, _| {
        assert!(lines.place(statement.span()).is_some(), "{statement:?}");
    });
    check_complaints(&reader.findings.into_complaints(&lines), bytes);
}

/// Everything that happens to a file.
pub fn read_config(bytes: &[u8]) -> Loaded {
    let files = Input { bytes };
    let options = LoadOptions::default();
    let loaded = load_from(&files, &[MAIN.into()], &options, &FakeHost::default());
    check_complaints(&loaded.complaints, bytes);
    let again = serde_json::to_string(&loaded.config).expect("a configuration can be sent");
    assert_eq!(
        serde_json::from_str::<super::Config>(&again).ok().as_ref(),
        Some(&loaded.config),
        "what a child is told differs from what was read"
    );
    loaded
}

/// The values that have rules of their own.
pub fn read_values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = lexer::integer(&text);
    let _ = lexer::microseconds(&text);
    let arguments = lexer::split_command(&text);
    assert!(arguments.iter().map(String::len).sum::<usize>() <= text.len());
    if let Ok(words) = lexer::script_words(&text) {
        // No escape is longer than what it stands for.
        assert!(words.iter().map(|word| word.chars().count()).sum::<usize>() <= text.len());
    }
    // As an argument of each keyword that there is.
    let line = text.replace(['\n', '\u{fffd}'], " ");
    let mut file = String::new();
    for keyword in root::catalogue().reference() {
        if keyword.block.is_empty() {
            file.push_str(&format!("{} {line}\n", keyword.name));
        }
        let header = match keyword.block {
            "vrrp_instance" | "vrrp_script" | "vrrp_sync_group" => "a",
            "virtual_server" => "10.0.0.1 80",
            "global_defs" => "",
            _ => continue,
        };
        file.push_str(&format!(
            "{} {header} {{\n{} {line}\n}}\n",
            keyword.block, keyword.name
        ));
    }
    read_config(file.as_bytes());
}

/// Sorted, each once, and each about words that are in the file.
fn check_complaints(complaints: &[Complaint], bytes: &[u8]) {
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
    for complaint in complaints {
        let Some(place) = &complaint.place else {
            continue;
        };
        assert!(
            place.line as usize <= lines && place.start <= place.end,
            "{complaint:?} is outside of its file"
        );
        assert!(
            place.source.get(place.start..place.end).is_some(),
            "{complaint:?} is outside of its line"
        );
    }
    // Drawing is slow, and much the same for all.
    for complaint in complaints.iter().take(2) {
        let _ = complaint.render(Drawing::Plain);
    }
    let of_main = || {
        complaints
            .iter()
            .filter_map(|complaint| complaint.place.as_ref())
            .filter(|place| place.file == MAIN)
            .map(|place| (place.line, place.column))
    };
    assert!(of_main().is_sorted(), "complaints are not in file order");
    let unique: HashSet<_> = complaints.iter().collect();
    assert_eq!(unique.len(), complaints.len(), "a complaint is said twice");
}

#[cfg(test)]
mod tests;
