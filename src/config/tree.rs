//! From words to statements and blocks. Braces that do not match are reported once, where the mistake probably is,
//! and the rest of the file is read as it was probably meant.
//!
//! What keywords mean is not known here; which of them open blocks is asked of the [`Catalogue`].

use super::diagnostic::{Code, Finding};
use super::keyword::{Catalogue, Opens, Reader};
use super::lexer::{self, Located, Token, Word};
use super::lines::{Line, Lines, Span};

/// Blocks in blocks in blocks …; keepalived's language needs five.
const MAX_DEPTH: usize = 32;

/// Complaints about blocks that are not closed; more of them teach nothing.
const MAX_MENDED: usize = 20;

/// A keyword or an entry of a list, with its words and, if it has one, its block.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    first: Word<'a>,
    rest: Vec<Word<'a>>,
    tail: &'a str,
    pub(crate) block: Option<Block<'a>>,
}

/// What stands between two braces.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Of the `{`.
    pub(crate) open: Span,
    pub(crate) statements: Vec<Statement<'a>>,
}

impl<'a> Statement<'a> {
    /// The keyword, or the first word of an entry.
    pub(crate) fn first(&self) -> Word<'a> {
        self.first
    }

    /// The words behind the first.
    pub(crate) fn arguments(&self) -> &[Word<'a>] {
        &self.rest
    }

    /// All words.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word<'a>> {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }

    /// From the first word to the last.
    pub(crate) fn span(&self) -> Span {
        match self.rest.last() {
            Some(last) => self.first.span.to(last.span),
            None => self.first.span,
        }
    }

    /// The line behind the first word as it is written, for values that have rules of their own.
    pub(crate) fn tail(&self) -> &'a str {
        self.tail
    }
}

/// Arranges the words of all lines. `take` gets the statements outside of any block, each when it is complete.
pub(crate) fn build<'a>(
    lines: &'a Lines,
    reader: &mut Reader,
    mut take: impl FnMut(Statement<'a>, &mut Reader),
) {
    let mut builder = Builder {
        reader,
        frames: vec![Frame::root()],
        skipping: 0,
        braces_are_wrong: false,
        mended: 0,
    };
    let mut words = Vec::new();
    for line in lines.iter() {
        builder.line(line, &mut words);
        // The last one may still get a block.
        let root = &mut builder.frames[0].statements;
        let complete = root.len().saturating_sub(1);
        for statement in root.drain(..complete) {
            take(statement, builder.reader);
        }
    }
    for statement in builder.finish() {
        take(statement, reader);
    }
}

/// A block that is still open.
#[derive(Debug)]
struct Frame<'a> {
    /// `None`: the top, or a `{` that nothing stands before.
    header: Option<Statement<'a>>,
    open: Option<Span>,
    /// The table of its keywords, if it is known.
    opens: Option<Opens>,
    statements: Vec<Statement<'a>>,
}

impl Frame<'_> {
    fn root() -> Self {
        Self {
            header: None,
            open: None,
            opens: Some(Opens::Keywords(Catalogue::ROOT)),
            statements: Vec::new(),
        }
    }
}

struct Builder<'a, 'r> {
    reader: &'r mut Reader,
    /// Never empty; the first is the top of the file.
    frames: Vec<Frame<'a>>,
    /// Levels below [`MAX_DEPTH`].
    skipping: usize,
    /// A brace too few or too many has been reported already.
    braces_are_wrong: bool,
    /// Blocks that were closed because a keyword stands where it cannot.
    mended: usize,
}

impl<'a> Builder<'a, '_> {
    /// `words` is empty before and after; its memory is kept for the next line.
    fn line(&mut self, line: Line<'a>, words: &mut Vec<(Word<'a>, usize)>) {
        for Located { token, start, end } in lexer::tokens(line) {
            match token {
                Token::Word(word) => words.push((word, end)),
                Token::Unterminated(word) => {
                    let message = "the double quote is not closed on this line";
                    self.reader.findings.push(
                        Finding::new(Code::UnterminatedQuote, word.span, message)
                            .expected("a second '\"'"),
                    );
                    words.push((word, end));
                }
                Token::Open(span) => {
                    let header = statement(line, words, start);
                    self.open(header, span);
                }
                Token::Close(span) => {
                    if let Some(statement) = statement(line, words, start) {
                        self.add(statement);
                    }
                    self.close(span);
                }
            }
        }
        if let Some(statement) = statement(line, words, line.text.len()) {
            self.add(statement);
        }
    }

    /// A statement without a block, as far as is known yet.
    fn add(&mut self, statement: Statement<'a>) {
        if self.skipping > 0 {
            return;
        }
        self.mend_missing_open(Some(&statement));
        let word = statement.first.text;
        if !self.knows(self.frames.len() - 1, word) && self.is_root_block(word) {
            self.mend_missing_close(&statement, 1);
        }
        self.push(statement);
    }

    fn open(&mut self, header: Option<Statement<'a>>, span: Span) {
        if self.skipping > 0 || self.frames.len() > MAX_DEPTH {
            if self.skipping == 0 {
                let message = format!("blocks are nested more than {MAX_DEPTH} deep");
                self.reader
                    .findings
                    .push(Finding::new(Code::TooLarge, span, message));
            }
            self.skipping += 1;
            return;
        }
        let header = match header {
            Some(header) => {
                self.mend_missing_open(Some(&header));
                self.mend_before_block(&header);
                Some(header)
            }
            // The brace of the line before.
            None => self.take_last_without_block(),
        };
        if header.is_none() {
            let message = "a '{' that no keyword stands before; its block is not read";
            self.reader
                .findings
                .push(Finding::new(Code::UnexpectedBrace, span, message));
        }
        let opens = header
            .as_ref()
            .and_then(|header| self.lookup(self.frames.len() - 1, header.first.text));
        self.frames.push(Frame {
            header,
            open: Some(span),
            opens,
            statements: Vec::new(),
        });
    }

    fn close(&mut self, span: Span) {
        if self.skipping > 0 {
            self.skipping -= 1;
            return;
        }
        self.mend_missing_open(None);
        if self.frames.len() == 1 {
            if !self.braces_are_wrong {
                self.braces_are_wrong = true;
                let message = "this '}' closes nothing";
                self.reader.findings.push(
                    Finding::new(Code::UnbalancedBrace, span, message)
                        .help("a block before it is closed twice, or a '{' is missing"),
                );
            }
            return;
        }
        self.pop();
    }

    fn finish(&mut self) -> Vec<Statement<'a>> {
        self.mend_missing_open(None);
        if let (
            Some(Frame {
                header,
                open: Some(open),
                ..
            }),
            false,
        ) = (
            self.frames.get(1),
            self.braces_are_wrong && self.skipping == 0,
        ) {
            let missing = self.frames.len() - 1 + self.skipping;
            let name = header.as_ref().map_or("{", |header| header.first.text);
            let missing = match missing {
                1 => "one '}' is missing".to_owned(),
                missing => format!("{missing} '}}' are missing"),
            };
            let message =
                format!("the block '{name}' is not closed: {missing} at the end of the file");
            self.reader
                .findings
                .push(Finding::new(Code::UnbalancedBrace, *open, message));
        }
        while self.frames.len() > 1 {
            self.pop();
        }
        self.frames
            .pop()
            .map(|root| root.statements)
            .unwrap_or_default()
    }

    /// The innermost block is complete.
    fn pop(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        if let (Some(mut header), Some(open)) = (frame.header, frame.open) {
            header.block = Some(Block {
                open,
                statements: frame.statements,
            });
            self.push(header);
        }
    }

    fn push(&mut self, statement: Statement<'a>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.statements.push(statement);
        }
    }

    fn take_last_without_block(&mut self) -> Option<Statement<'a>> {
        let frame = self.frames.last_mut()?;
        frame.statements.pop_if(|last| last.block.is_none())
    }

    /// What `word` opens in the block at `depth`.
    fn lookup(&self, depth: usize, word: &str) -> Option<Opens> {
        match self.frames.get(depth)?.opens? {
            Opens::Keywords(table) => self.reader.catalogue.opens(table, word),
            Opens::List => None,
        }
    }

    /// `word` is a keyword of the block at `depth`, or nothing can be said about it.
    fn knows(&self, depth: usize, word: &str) -> bool {
        match self.frames.get(depth).and_then(|frame| frame.opens) {
            Some(Opens::Keywords(table)) => self.reader.catalogue.knows(table, word),
            Some(Opens::List) => false,
            None => true,
        }
    }

    fn is_root_block(&self, word: &str) -> bool {
        self.frames.len() > 1 && self.reader.catalogue.opens(Catalogue::ROOT, word).is_some()
    }

    /// A header that only fits an outer block shows that `}` is missing before it.
    fn mend_before_block(&mut self, header: &Statement<'a>) {
        let word = header.first.text;
        let innermost = self.frames.len() - 1;
        if self.frames[innermost].opens.is_none() || self.lookup(innermost, word).is_some() {
            return;
        }
        if let Some(depth) = (0..innermost)
            .rev()
            .find(|&depth| self.lookup(depth, word).is_some())
        {
            self.mend_missing_close(header, depth + 1);
        }
    }

    /// Closes the blocks from `depth` on, which should have been closed before `next`.
    fn mend_missing_close(&mut self, next: &Statement<'a>, depth: usize) {
        let Some(frame) = self.frames.get(depth) else {
            return;
        };
        if let (Some(header), Some(open)) = (&frame.header, frame.open) {
            let message = format!(
                "the block '{}' is not closed before '{}'",
                header.first.text, next.first.text
            );
            let finding = Finding::new(Code::UnbalancedBrace, open, message);
            let help = match self.mended {
                MAX_MENDED => {
                    "blocks that are not closed are no longer told from here on".to_owned()
                }
                _ => format!("a '}}' is missing before '{}'", next.first.text),
            };
            if self.mended <= MAX_MENDED {
                self.reader.findings.push(finding.help(help));
            }
            self.mended += 1;
            self.braces_are_wrong = true;
        }
        while self.frames.len() > depth {
            self.pop();
        }
    }

    /// The last statement should have a block and has none; `next` comes where its `{` should be.
    fn mend_missing_open(&mut self, next: Option<&Statement<'a>>) {
        let depth = self.frames.len() - 1;
        let Some(last) = self.frames[depth].statements.last() else {
            return;
        };
        if last.block.is_some() {
            return;
        }
        let (word, span) = (last.first.text, last.span());
        let Some(opens) = self.lookup(depth, word) else {
            return;
        };
        let message = format!("the block of '{word}' is missing");
        self.reader.findings.push(
            Finding::new(Code::MissingBrace, span, message)
                .expected("'{' behind it or on the next line"),
        );
        let Some(next) = next else {
            return;
        };
        let belongs = match opens {
            Opens::Keywords(table) => self.reader.catalogue.knows(table, next.first.text),
            Opens::List => !matches!(self.frames[depth].opens, Some(Opens::Keywords(table))
                if self.reader.catalogue.knows(table, next.first.text)),
        };
        if let Some(header) = belongs.then(|| self.take_last_without_block()).flatten() {
            self.frames.push(Frame {
                header: Some(header),
                open: Some(span),
                opens: Some(opens),
                statements: Vec::new(),
            });
        }
    }
}

/// Makes a statement of the words read so far; its tail ends at `end`.
fn statement<'a>(
    line: Line<'a>,
    words: &mut Vec<(Word<'a>, usize)>,
    end: usize,
) -> Option<Statement<'a>> {
    let mut words = words.drain(..);
    let (first, first_end) = words.next()?;
    Some(Statement {
        first,
        rest: words.map(|(word, _)| word).collect(),
        tail: line.text.get(first_end..end).unwrap_or_default(),
        block: None,
    })
}

#[cfg(test)]
mod tests;
