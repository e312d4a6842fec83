//! A Rust source file with comments, strings and tests blanked out, and the paths it names.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files_below;

/// Every file of `src/` that is part of the programs, not of their tests.
pub(crate) fn production_sources(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut test_files = HashSet::new();
    for path in files_below(&root.join("src"), "rs") {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let source = Source::from_text(&name, &text);
        test_files.extend(source.test_modules());
        sources.push(source);
    }
    sources.retain(|source| !test_files.iter().any(|test| source.path.starts_with(test)));
    sources
}

pub(crate) struct Source {
    path: PathBuf,
    /// As it stands in the file.
    raw: String,
    /// Comments and literals blanked, tests still there.
    code_with_tests: String,
    /// The same without tests.
    code: String,
}

impl Source {
    pub(crate) fn from_text(path: &str, text: &str) -> Self {
        let code_with_tests = blank_comments_and_literals(text);
        let code = blank_tests(&code_with_tests);
        Self {
            path: PathBuf::from(path),
            raw: text.to_owned(),
            code_with_tests,
            code,
        }
    }

    /// Place of a line, as an editor understands it.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// Module path below the crate: `vrrp::driver::socket`; empty for `lib.rs`.
    pub(crate) fn module(&self) -> String {
        let below = self
            .path
            .strip_prefix("src")
            .unwrap_or(&self.path)
            .with_extension("");
        let mut parts: Vec<String> = below
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if parts
            .last()
            .is_some_and(|last| last == "mod" || last == "lib")
        {
            parts.pop();
        }
        parts.join("::")
    }

    pub(crate) fn production_lines(&self) -> usize {
        // Where the tests begin at the end of the file, the file ends for this purpose.
        let blanked: Vec<bool> = self
            .code
            .lines()
            .zip(self.code_with_tests.lines())
            .map(|(without, with)| without.trim().is_empty() && !with.trim().is_empty())
            .collect();
        let tests = blanked.iter().filter(|blank| **blank).count();
        self.raw.lines().count() - tests
    }

    /// Lines (from 1) of production code that contain `text`.
    pub(crate) fn lines_with(&self, text: &str) -> Vec<usize> {
        numbered(&self.code)
            .filter(|(_, line)| line.contains(text))
            .map(|(n, _)| n)
            .collect()
    }

    /// As [`Self::lines_with`], for a whole word.
    pub(crate) fn lines_with_word(&self, word: &str) -> Vec<usize> {
        numbered(&self.code)
            .filter(|(_, line)| {
                line.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|part| part == word)
            })
            .map(|(n, _)| n)
            .collect()
    }

    /// Attributes `#[NAME(…)]` and `#![NAME(…)]` with their lines.
    pub(crate) fn attributes(&self, name: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for opening in [format!("#[{name}("), format!("#![{name}(")] {
            for (start, _) in self.code.match_indices(&opening) {
                let length = self.code[start..].find(']').unwrap_or(0);
                found.push((line_of(&self.code, start), self.raw_at(start, length)));
            }
        }
        found
    }

    /// The blanked text keeps byte offsets, so the original is at the same place.
    fn raw_at(&self, start: usize, length: usize) -> String {
        self.raw
            .get(start..start + length)
            .unwrap_or_default()
            .to_owned()
    }

    /// Is there a `// SAFETY:` on the line or in the comment before the statement?
    pub(crate) fn has_safety_comment(&self, line: usize) -> bool {
        let lines: Vec<&str> = self.raw.lines().collect();
        let here = lines
            .get(line - 1)
            .is_some_and(|text| text.contains("// SAFETY:"));
        let before = lines[..line - 1].iter().rev().take(12).take_while(|text| {
            let text = text.trim();
            // A statement may span lines; the comment stands before its first.
            !text.is_empty() && !text.ends_with('}') && !text.ends_with(';')
        });
        here || before
            .into_iter()
            .any(|text| text.contains("// SAFETY:") || text.contains("# Safety"))
    }

    /// Files and folders of modules declared under `#[cfg(test)]`.
    fn test_modules(&self) -> Vec<PathBuf> {
        let folder = match self.path.file_stem().and_then(|stem| stem.to_str()) {
            Some("mod" | "lib") | None => self.path.parent().map(Path::to_owned),
            Some(_) => Some(self.path.with_extension("")),
        }
        .unwrap_or_default();
        let mut found = Vec::new();
        for (start, marker) in self.code_with_tests.match_indices("#[cfg(test)]") {
            let rest = self.code_with_tests[start + marker.len()..].trim_start();
            let rest = rest.strip_prefix("pub(crate) ").unwrap_or(rest);
            let Some(rest) = rest.strip_prefix("mod ") else {
                continue;
            };
            let Some(end) = rest.find([';', '{']) else {
                continue;
            };
            if rest[end..].starts_with(';') {
                let name = rest[..end].trim();
                found.push(folder.join(name));
                found.push(folder.join(format!("{name}.rs")));
            }
        }
        found
    }

    /// Paths of this crate that production code names, from the crate's root.
    pub(crate) fn crate_paths(&self) -> Vec<(usize, String)> {
        let module = self.module();
        self.paths()
            .into_iter()
            .filter_map(|(line, path)| Some((line, below_crate(&path, &module)?)))
            .filter(|(_, path)| !path.is_empty())
            .collect()
    }

    /// Every path that production code names, groups in braces taken apart.
    pub(crate) fn paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let bytes = self.code.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if !starts_ident(bytes[at]) {
                at += 1;
                continue;
            }
            let line = line_of(&self.code, at);
            let mut paths = Vec::new();
            let next = read_tree(&self.code, at, "", &mut paths);
            found.extend(
                paths
                    .into_iter()
                    .filter(|p| p.contains("::"))
                    .map(|path| (line, path)),
            );
            at = next.max(at + 1);
        }
        found
    }
}

/// A path as seen from the crate's root, or nothing for other crates' paths.
fn below_crate(path: &str, module: &str) -> Option<String> {
    for own in ["crate::", "holdfast::"] {
        if let Some(rest) = path.strip_prefix(own) {
            return Some(rest.to_owned());
        }
    }
    let mut base: Vec<&str> = module.split("::").collect();
    let mut rest = path;
    if let Some(inside) = rest.strip_prefix("self::") {
        rest = inside;
    } else if !rest.starts_with("super::") {
        return None;
    }
    while let Some(up) = rest.strip_prefix("super::") {
        base.pop();
        rest = up;
    }
    base.push(rest);
    Some(base.join("::"))
}

fn starts_ident(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// Reads `a::b::{c, d::e}` from `at`, appends each whole path, returns where it ended.
fn read_tree(code: &str, mut at: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let bytes = code.as_bytes();
    let mut path = prefix.to_owned();
    loop {
        let start = at;
        while at < bytes.len() && (starts_ident(bytes[at]) || bytes[at].is_ascii_digit()) {
            at += 1;
        }
        path.push_str(&code[start..at]);
        if !code[at..].starts_with("::") {
            break;
        }
        at += 2;
        match bytes.get(at) {
            Some(b'{') => {
                path.push_str("::");
                return read_group(code, at + 1, &path, found);
            }
            Some(byte) if starts_ident(*byte) => path.push_str("::"),
            _ => break,
        }
    }
    found.push(path);
    at
}

fn read_group(code: &str, mut at: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let bytes = code.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'}' => return at + 1,
            byte if starts_ident(byte) => {
                at = read_tree(code, at, prefix, found);
                // `Name as Other` is still `Name`.
                while at < bytes.len() && !matches!(bytes[at], b',' | b'}') {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Replaces comments and the insides of literals by blanks; offsets and lines stay.
fn blank_comments_and_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let previous_is_ident =
            at > 0 && (starts_ident(bytes[at - 1]) || bytes[at - 1].is_ascii_digit());
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + comment_length(rest)
        } else if rest[0] == b'r' && !previous_is_ident && raw_string_length(rest).is_some() {
            at + raw_string_length(rest).unwrap_or(1)
        } else if rest[0] == b'"' {
            at + string_length(rest)
        } else if rest[0] == b'\'' {
            at + char_length(rest)
        } else {
            at += 1;
            continue;
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).unwrap_or_default()
}

fn comment_length(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn raw_string_length(bytes: &[u8]) -> Option<usize> {
    let hashes = bytes[1..].iter().take_while(|b| **b == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let closing: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let body = 2 + hashes;
    let inside = bytes[body..]
        .windows(closing.len())
        .position(|end| end == closing)?;
    Some(body + inside + closing.len())
}

fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// A character literal; a lifetime is left alone.
fn char_length(bytes: &[u8]) -> usize {
    if bytes.get(1) == Some(&b'\\') {
        let end = bytes.iter().skip(3).position(|b| *b == b'\'');
        return end.map_or(1, |end| end + 4);
    }
    // One character of one to four bytes, then the quote.
    (3..=5)
        .find(|length| bytes.get(length - 1) == Some(&b'\''))
        .map_or(1, |length| {
            let one =
                std::str::from_utf8(&bytes[1..length - 1]).is_ok_and(|c| c.chars().count() == 1);
            if one { length } else { 1 }
        })
}

/// Blanks items under `#[cfg(test)]`.
fn blank_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (start, marker) in code.match_indices("#[cfg(test)]") {
        let body = start + marker.len();
        let Some(end) = code[body..].find([';', '{']).map(|end| body + end) else {
            continue;
        };
        let end = if code.as_bytes()[end] == b'{' {
            end + block_length(&code[end..])
        } else {
            end + 1
        };
        for byte in &mut out[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

fn block_length(code: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}
