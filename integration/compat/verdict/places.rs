//! Which blocks a line of a file is in, by its braces alone.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The headers of the blocks around each line of some files.
#[derive(Default)]
pub(crate) struct Places {
    files: HashMap<String, Vec<Vec<(u32, String)>>>,
    texts: HashMap<String, String>,
}

impl Places {
    /// Line and text of each block header around line `line`, the line's own first.
    pub(crate) fn around(&mut self, file: &str, line: u32) -> &[(u32, String)] {
        let lines = self
            .files
            .entry(file.to_owned())
            .or_insert_with(|| headers(Path::new(file)));
        lines.get(line as usize).map_or(&[], Vec::as_slice)
    }

    /// The line that opens the innermost block around `line`.
    pub(crate) fn block_of(&mut self, file: &str, line: u32) -> Option<u32> {
        self.around(file, line).get(1).map(|(header, _)| *header)
    }

    /// The file as it is.
    pub(crate) fn text(&mut self, file: &str) -> &str {
        self.texts.entry(file.to_owned()).or_insert_with(|| {
            let bytes = fs::read(file).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    /// `line` is in a block whose header has `name` in it.
    pub(crate) fn is_in_block(&mut self, file: &str, name: &str, line: u32) -> bool {
        let around = self.around(file, line);
        around.iter().any(|(_, header)| has_word(header, name))
    }

    /// The lines that have the word `name`.
    pub(crate) fn lines_with(&mut self, file: &str, name: &str) -> Vec<u32> {
        let text = (1..).zip(self.text(file).lines());
        text.filter_map(|(number, line)| has_word(line, name).then_some(number))
            .collect()
    }

    /// The line that opens the block `keyword name`.
    pub(crate) fn header(&mut self, file: &str, keyword: &str, name: &str) -> Option<u32> {
        self.around(file, 1);
        let lines = self.files.get(file)?;
        let mut headers = lines.iter().flatten();
        headers
            .find(|(_, header)| header.starts_with(keyword) && has_word(header, name))
            .map(|(line, _)| *line)
    }

    /// Some block of the file has this name.
    pub(crate) fn has_block(&mut self, file: &str, name: &str) -> bool {
        self.around(file, 1);
        self.files.get(file).is_some_and(|lines| {
            lines.iter().flatten().any(|(_, header)| {
                let mut words = header
                    .split([' ', '\t', '{'])
                    .filter(|word| !word.is_empty());
                words.next().is_some() && words.next() == Some(name)
            })
        })
    }
}

fn has_word(header: &str, word: &str) -> bool {
    header.split([' ', '\t', '{']).any(|known| known == word)
}

/// By line number.
fn headers(path: &Path) -> Vec<Vec<(u32, String)>> {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut open: Vec<(u32, String)> = Vec::new();
    let mut lines = vec![Vec::new()];
    let mut last = (0, String::new());
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split(['#', '!']).next().unwrap_or_default();
        if !code
            .trim_matches(|c: char| c.is_whitespace() || c == '{')
            .is_empty()
        {
            last = (number, code.trim().to_owned());
        }
        let mut around = vec![(number, code.trim().to_owned())];
        around.extend(open.iter().rev().cloned());
        for c in code.chars() {
            match c {
                '{' => open.push(last.clone()),
                '}' => {
                    open.pop();
                }
                _ => {}
            }
        }
        lines.push(around);
    }
    lines
}
