//! Which blocks a line of a file is in, by its braces alone.

use std::collections::HashMap;
use std::fs;
use std::ops::RangeInclusive;
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

    /// Each line from `first` on says that the next one belongs to it, up to `last`.
    pub(crate) fn is_one_definition(&mut self, file: &str, first: u32, last: u32) -> bool {
        let lines = (1..).zip(self.text(file).lines());
        let mut between = lines.filter(|(number, _)| (first..last).contains(number));
        first <= last && between.all(|(_, line)| line.trim_end().ends_with('\\'))
    }

    /// Lines and text of each definition of `$NAME`, with the comments inside.
    pub(crate) fn definitions(
        &mut self,
        file: &str,
        name: &str,
    ) -> Vec<(RangeInclusive<u32>, String)> {
        let start = format!("${name}=");
        let lines: Vec<&str> = self.text(file).lines().collect();
        let mut found = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            // A condition may stand in front.
            let line = line.trim_start();
            let line = match line.strip_prefix('@') {
                Some(rest) => rest
                    .split_once([' ', '\t'])
                    .map_or("", |(_, rest)| rest.trim_start()),
                None => line,
            };
            if !line.starts_with(&start) {
                continue;
            }
            let goes_on = |line: &&&str| {
                let line = line.trim();
                line.ends_with('\\') || line.starts_with(['#', '!'])
            };
            let more = lines[index..].iter().take_while(goes_on).count();
            let last = (index + more).min(lines.len() - 1);
            let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
            found.push((number(index)..=number(last), lines[index..=last].join("\n")));
        }
        found
    }

    /// The line is nothing but a comment.
    pub(crate) fn is_comment(&mut self, file: &str, line: u32) -> bool {
        let text = self.text(file);
        let line = text.lines().nth(line.saturating_sub(1) as usize);
        line.is_some_and(|line| line.trim_start().starts_with(['#', '!']))
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
