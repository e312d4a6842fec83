//! Real configuration files, and what keepalived 2.4.3 says about each: ours has to complain on the same lines
//! about the same kind of thing, and about nothing else. What is meant to differ is in `verdict/policy.rs`.
//!
//! The files are no part of this project. They are looked for in `$HOLDFAST_CORPUS`, then beside the checkout in
//! `../shared/corpus`; where neither exists, nothing is compared and the test says so.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::verdict::{Comparison, OfflineHost, Totals, Verdict, load};

/// The environment variable that names the corpus.
const VARIABLE: &str = "HOLDFAST_CORPUS";

/// Messages and complaints that neither match nor are meant.
const UNEXPLAINED: &[&str] = &[];

/// So many messages and complaints of the corpus each row of the policy explains, and no more: a mistake of ours may
/// not pass as one of them. `VERDICT_ROWS=1` prints each.
const AT_MOST_THEIRS: &[(&str, usize)] = &[
    ("brace mistake", 21),
    ("comment in definition", 859),
    ("disabled script", 40),
    ("file to come", 16),
    ("garp interval 0", 24),
    ("mail server", 7),
    ("not built in", 39),
    ("undefined name", 212),
    ("unknown block", 528),
];

const AT_MOST_OURS: &[(&str, usize)] = &[
    ("brace mistake", 4),
    ("comment in definition", 36),
    ("consequence", 25),
    ("duplicate block", 9),
    ("extra words", 21),
    ("keepalived stopped", 82),
    ("not carried out yet", 39),
    ("repeated keyword", 17),
    ("same port now", 1),
    ("script cannot run", 168),
    ("second of a name", 3),
    ("undefined word", 40),
    ("unknown interface", 2),
    ("unnamed block", 1),
    ("weight in a group", 3),
];

/// The host that keepalived's verdicts were taken on.
const HOST_NAME: &str = "corpus-oracle";

pub(crate) struct Corpus {
    directory: PathBuf,
    /// By the number of the file.
    interfaces: HashMap<String, Vec<String>>,
    /// Files that include others stand in a directory of their own.
    sets: HashMap<String, PathBuf>,
}

impl Corpus {
    pub(crate) fn find() -> Option<Self> {
        let directory = match std::env::var_os(VARIABLE) {
            Some(named) => PathBuf::from(named),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
        };
        if !directory.join("verdicts").is_dir() {
            println!(
                "NOT RUN: no corpus at {} (set {VARIABLE})",
                directory.display()
            );
            return None;
        }
        let interfaces = rows(&directory.join("interfaces.tsv"))
            .into_iter()
            .map(|(number, names)| {
                (
                    number,
                    names.split_whitespace().map(str::to_owned).collect(),
                )
            })
            .collect();
        let sets = rows(&directory.join("sets/README.txt"))
            .into_iter()
            .map(|(number, path)| (number, directory.join("sets").join(path)))
            .collect();
        Some(Self {
            directory,
            interfaces,
            sets,
        })
    }

    /// Number and path of each file, in order.
    pub(crate) fn files(&self) -> Vec<(String, PathBuf)> {
        let mut files: Vec<_> = fs::read_dir(self.directory.join("files"))
            .expect("the corpus has files")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let number = name.split('-').next().unwrap_or_default().to_owned();
                let path = self.sets.get(&number).cloned().unwrap_or(path);
                (number, path)
            })
            .collect();
        files.sort();
        files
    }

    /// Whether a file, or one of its set, has a word in it.
    pub(crate) fn mentions(&self, number: &str, path: &Path, word: &str) -> bool {
        let set = self.sets.get(number).and_then(|path| path.parent());
        mentions(set.unwrap_or(path), word)
    }

    fn verdict(&self, number: &str) -> Verdict {
        let path = self.directory.join(format!("verdicts/{number}.txt"));
        Verdict::of_text(&fs::read_to_string(path).expect("a verdict"))
    }

    /// What 2.4.3 and we say about a file.
    pub(crate) fn comparison(&self, number: &str, path: &Path) -> Comparison {
        let ours = load(path, &self.host(number));
        Comparison::new(path, &self.verdict(number), &ours.complaints)
    }

    pub(crate) fn host(&self, number: &str) -> OfflineHost {
        let interfaces = self.interfaces.get(number).cloned().unwrap_or_default();
        OfflineHost::with_listed_programs(HOST_NAME, &interfaces)
    }
}

fn mentions(path: &Path, word: &str) -> bool {
    if let Ok(entries) = fs::read_dir(path) {
        return entries.flatten().any(|it| mentions(&it.path(), word));
    }
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).contains(word)
}

/// Two columns, tab separated.
fn rows(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(['\t', ' ']))
        .map(|(first, rest)| (first.to_owned(), rest.trim().to_owned()))
        .collect()
}

#[test]
fn every_verdict_of_keepalived_on_real_files_is_ours_too() {
    let Some(corpus) = Corpus::find() else {
        return;
    };
    let mut totals = Totals::default();
    for (number, path) in corpus.files() {
        totals.add(&number, corpus.comparison(&number, &path));
    }
    print!("{totals}");
    assert!(totals.files >= 167, "{} files", totals.files);
    if let Err(differences) = totals.check(UNEXPLAINED) {
        panic!("{differences}");
    }
    let excused = totals.above(AT_MOST_THEIRS, AT_MOST_OURS);
    assert!(excused.is_empty(), "more than before: {excused:?}");
}
