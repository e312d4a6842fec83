//! One letter wrong in a keyword of a real file: it is reported where it stands, and the right word is the first that is
//! suggested.
//!
//! The files are those of `corpus.rs`. `TYPO_SEED=N` makes other mistakes, `TYPO_COUNT=N` more of them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use holdfast::config::{Code, LoadOptions, Loaded, OfflineHost, keyword_reference, load};

/// Mistakes in a run.
const COUNT: usize = 500;
/// Of a hundred right words, so many are suggested first.
const FIRST_PERCENT: usize = 95;

/// The keywords of each block.
type Blocks = HashMap<&'static str, HashSet<&'static str>>;

/// A keyword in a file.
#[derive(Debug)]
struct Site {
    text: std::rc::Rc<str>,
    file: PathBuf,
    /// Bytes of the text.
    start: usize,
    word: &'static str,
    block: String,
}

impl Site {
    /// Line and column, in characters, from 1.
    fn place(&self) -> (u32, u32) {
        let before = &self.text[..self.start];
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (number(line), number(column))
    }

    fn with(&self, mistake: &str) -> String {
        let end = self.start + self.word.len();
        format!("{}{mistake}{}", &self.text[..self.start], &self.text[end..])
    }
}

#[test]
fn a_letter_wrong_in_a_keyword_is_reported_in_its_place_with_the_right_word() {
    let Some(files) = corpus() else {
        return;
    };
    let blocks = blocks();
    let sites: Vec<Site> = files.iter().flat_map(|file| sites(file, &blocks)).collect();
    assert!(sites.len() > 1000, "only {} keywords", sites.len());
    let seed: u64 = variable("TYPO_SEED").unwrap_or(1);
    let count = variable("TYPO_COUNT").unwrap_or(COUNT);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut made, mut reported, mut first) = (0, 0, 0);
    while made < count {
        let site = &sites[random.usize(..sites.len())];
        let mistake = misspelt(site.word, &mut random);
        if mistake == site.word || blocks[site.block.as_str()].contains(mistake.as_str()) {
            continue;
        }
        made += 1;
        let (line, column) = site.place();
        let loaded = loaded(&site.with(&mistake));
        let complaint = loaded.complaints.iter().find(|complaint| {
            let place = complaint.place.as_ref();
            place.is_some_and(|place| (place.line, place.column) == (line, column))
                && matches!(
                    complaint.code,
                    Code::UnknownKeyword | Code::MisplacedKeyword
                )
        });
        let Some(complaint) = complaint else {
            println!(
                "not reported: '{mistake}' at {}:{line}:{column}",
                site.file.display()
            );
            continue;
        };
        reported += 1;
        let help = complaint.help.as_deref().unwrap_or_default();
        if help.split('\'').nth(1) == Some(site.word) {
            first += 1;
        } else {
            println!(
                "'{mistake}' in '{}' should be '{}': {help}",
                site.block, site.word
            );
        }
    }
    println!(
        "seed {seed}: {reported} of {made} reported in their place, {first} with the right word first"
    );
    assert_eq!(reported, made);
    assert!(first * 100 >= made * FIRST_PERCENT);
}

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn corpus() -> Option<Vec<PathBuf>> {
    let directory = match std::env::var_os("HOLDFAST_CORPUS") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
    };
    let Ok(entries) = fs::read_dir(directory.join("files")) else {
        println!(
            "NOT RUN: no corpus at {} (set HOLDFAST_CORPUS)",
            directory.display()
        );
        return None;
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Some(files)
}

fn blocks() -> Blocks {
    let mut blocks = Blocks::new();
    for keyword in keyword_reference() {
        blocks
            .entry(keyword.block)
            .or_default()
            .insert(keyword.name);
    }
    blocks
}

fn loaded(text: &str) -> Loaded {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    fs::write(file.path(), text).expect("write");
    load(file.path(), &LoadOptions::default(), &OfflineHost)
}

/// The keywords of a file that stand where they belong. Files whose words are not simply what is written (definitions,
/// conditions, includes), or whose braces do not match, are left out.
fn sites(file: &Path, blocks: &Blocks) -> Vec<Site> {
    let Ok(text) = fs::read_to_string(file) else {
        return Vec::new();
    };
    let is_special =
        |line: &str| line.trim_start().starts_with(['$', '@', '~']) || line.contains("include");
    if text.lines().any(is_special) {
        return Vec::new();
    }
    let complaints = loaded(&text).complaints;
    if complaints.iter().any(|complaint| {
        matches!(
            complaint.code,
            Code::UnbalancedBrace
                | Code::UnexpectedBrace
                | Code::MissingBrace
                | Code::UnterminatedQuote
        )
    }) {
        return Vec::new();
    }
    let blamed: HashSet<u32> = complaints
        .iter()
        .filter(|complaint| {
            matches!(
                complaint.code,
                Code::UnknownKeyword | Code::MisplacedKeyword
            )
        })
        .filter_map(|complaint| Some(complaint.place.as_ref()?.line))
        .collect();
    let text: std::rc::Rc<str> = text.into();
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    let mut last = String::new();
    for line in text.split_inclusive('\n') {
        let from = line.as_ptr() as usize - text.as_ptr() as usize;
        let code = line.split(['#', '!']).next().unwrap_or_default();
        let mut is_first = true;
        for (at, word) in words(code) {
            match word {
                "{" => {
                    open.push(std::mem::take(&mut last));
                    is_first = true;
                }
                "}" => {
                    open.pop();
                    is_first = true;
                }
                word if is_first => {
                    is_first = false;
                    let block = open.last().map_or("", String::as_str);
                    let known = blocks.get(block).and_then(|words| words.get(word));
                    // Nothing is a keyword in a block that is none itself.
                    last = known.map_or("?", |word| word).to_owned();
                    if let (Some(&word), true) = (known, word.len() > 2) {
                        found.push(Site {
                            text: text.clone(),
                            file: file.to_path_buf(),
                            start: from + at,
                            word,
                            block: block.to_owned(),
                        });
                    }
                }
                _ => {}
            }
        }
    }
    found.retain(|site| !blamed.contains(&site.place().0));
    found
}

/// Words and braces with where they start.
fn words(line: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        if c.is_whitespace() || matches!(c, '{' | '}') {
            if let Some(start) = start.take() {
                found.push((start, &line[start..at]));
            }
            if !c.is_whitespace() {
                found.push((at, &line[at..at + 1]));
            }
        } else {
            start.get_or_insert(at);
        }
    }
    found
}

/// One letter dropped, swapped with the next or doubled.
fn misspelt(word: &str, random: &mut fastrand::Rng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = random.usize(..letters.len());
    match random.u8(..3) {
        0 => drop(letters.remove(at)),
        1 if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => letters.insert(at, letters[at]),
    }
    letters.into_iter().collect()
}

fn number(value: usize) -> u32 {
    u32::try_from(value).expect("a small file")
}
