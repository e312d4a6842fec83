//! Lines with comments in a column, and words in quotes where they need them.

use crate::config::origins::RecordedWord;

const INDENT: &str = "    ";
/// Comments stand behind this column or, where a line is longer, behind it.
const WIDEST: usize = 48;
/// Options of list entries whose value may be refused.
const OPTIONS: [&str; 8] = [
    "scope",
    "brd",
    "broadcast",
    "label",
    "dev",
    "peer",
    "weight",
    "protocol",
];

/// What is printed, line by line.
#[derive(Debug, Default)]
pub(super) struct Page {
    lines: Vec<(String, String)>,
    depth: usize,
}

impl Page {
    pub(super) fn line(&mut self, text: &str, comment: String) {
        let text = format!("{}{text}", INDENT.repeat(self.depth));
        self.lines.push((text, comment));
    }

    /// The first line of a block.
    pub(super) fn open(&mut self, header: &str, comment: Option<String>) {
        self.line(&format!("{header} {{"), comment.unwrap_or_default());
        self.depth += 1;
    }

    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.line("}", String::new());
    }

    pub(super) fn render(&self) -> String {
        let width = |text: &String| text.chars().count();
        let column = self
            .lines
            .iter()
            .filter(|(_, comment)| !comment.is_empty())
            .map(|(text, _)| width(text))
            .filter(|&width| width <= WIDEST)
            .max()
            .unwrap_or_default();
        let mut rendered = String::new();
        for (text, comment) in &self.lines {
            // Between the blocks.
            if !rendered.is_empty() && text.ends_with('{') && !text.starts_with(' ') {
                rendered.push('\n');
            }
            rendered += text;
            if !comment.is_empty() {
                rendered += &" ".repeat(column.saturating_sub(width(text)) + 2);
                rendered += "# ";
                rendered += comment;
            }
            rendered.push('\n');
        }
        rendered
    }
}

/// A word as the lexer reads it back.
pub(super) fn quoted(word: &str) -> String {
    let is_special = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '#' | '!');
    if word.is_empty() || word.contains(is_special) {
        format!("\"{word}\"")
    } else {
        word.to_owned()
    }
}

/// The words that are in use. The first always is; an option and its value go together.
pub(super) fn words(words: &[RecordedWord]) -> String {
    let used = words.iter().enumerate().filter(|&(index, word)| {
        let value = words.get(index + 1);
        let goes_with_value =
            OPTIONS.contains(&word.text.as_str()) && value.is_some_and(|value| value.refused);
        let before = index.checked_sub(1).and_then(|index| words.get(index));
        let goes_with_option =
            before.is_some_and(|it| it.refused && OPTIONS.contains(&it.text.as_str()));
        index == 0 || !(word.refused || goes_with_value || goes_with_option)
    });
    let used: Vec<String> = used.map(|(_, word)| quoted(&word.text)).collect();
    used.join(" ")
}

/// `#` and `!` outside of double quotes begin a comment and are escaped.
pub(super) fn without_comment_signs(text: &str) -> String {
    let (mut escaped, mut is_quoted) = (String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '#' | '!' if !is_quoted => escaped.push('\\'),
            '\\' => {
                escaped.push(c);
                escaped.extend(chars.next());
                continue;
            }
            _ => {}
        }
        escaped.push(c);
    }
    escaped
}
