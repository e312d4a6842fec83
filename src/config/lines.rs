//! The lines of a configuration. Each character of a line knows where in which file it stands, even where
//! something was removed from the line or put into it.
//!
//! Lines are made of files in `preprocess.rs`, words of lines in `lexer.rs`.

use std::ops::Range;

use super::diagnostic::Place;
use super::source::SourceFile;

/// Longest line, as in keepalived.
pub(crate) const MAX_LINE_BYTES: usize = 1024;

/// Words in a file: a physical line, counted over all files in reading order, and the bytes in it. The order of spans is the order of reading.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Span {
    line: u32,
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) fn new(physical: u32, range: Range<usize>) -> Self {
        Self {
            line: physical,
            start: clamp(range.start),
            end: clamp(range.end),
        }
    }

    /// Its first byte, which tells statements apart.
    pub(crate) fn start_point(self) -> Self {
        Self {
            end: self.start,
            ..self
        }
    }

    /// The physical line, counted over all files.
    pub(crate) fn line(self) -> u32 {
        self.line
    }

    /// `start` of the other is one of its bytes.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.line == other.line && (self.start..self.end).contains(&other.start)
    }

    /// From the start of `self` to the end of `last`, if that is on the same line.
    pub(crate) fn to(self, last: Self) -> Self {
        if last.line == self.line && last.end > self.end {
            Self {
                end: last.end,
                ..self
            }
        } else {
            self
        }
    }
}

/// A line as it stands in a file.
#[derive(Debug)]
struct Physical {
    file: u32,
    /// In its file, from 1.
    number: u32,
    range: Range<u32>,
}

/// A line to be read.
#[derive(Debug)]
struct Logical {
    physical: u32,
    text: Text,
}

#[derive(Debug)]
enum Text {
    /// These bytes of the physical line.
    AsWritten(Range<u32>),
    /// Something was removed or put in.
    Rewritten(Box<Rewritten>),
}

/// The text of a line in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rewritten {
    text: String,
    pieces: Vec<Piece>,
}

/// From byte `at` of the text on: where it comes from.
#[derive(Clone, Debug)]
struct Piece {
    at: u32,
    source: Range<u32>,
    /// The text is the source; otherwise it replaces the source.
    verbatim: bool,
}

/// All lines of a configuration and the files they stand in.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    files: Vec<SourceFile>,
    physical: Vec<Physical>,
    logical: Vec<Logical>,
}

/// A line to be read, with the way back to its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    physical: u32,
    offset: u32,
    pieces: &'a [Piece],
}

impl<'a> Line<'a> {
    /// Where these bytes of [`text`](Self::text) come from.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let (start, end) = (clamp(range.start), clamp(range.end));
        let (start, end) = if self.pieces.is_empty() {
            (self.offset + start, self.offset + end)
        } else {
            let first = self.source_of(start).start;
            (first, self.source_of(end.saturating_sub(1)).end.max(first))
        };
        Span {
            line: self.physical,
            start,
            end,
        }
    }

    /// The source bytes of the byte at `at`.
    fn source_of(&self, at: u32) -> Range<u32> {
        let index = self.pieces.partition_point(|piece| piece.at <= at);
        match index
            .checked_sub(1)
            .and_then(|index| self.pieces.get(index))
        {
            Some(piece) if piece.verbatim => {
                let start = piece.source.start + (at - piece.at);
                start..start + 1
            }
            Some(piece) => piece.source.clone(),
            None => at..at + 1,
        }
    }
}

impl Lines {
    /// The lines to be read, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Line<'_>> {
        self.logical.iter().map(|logical| match &logical.text {
            Text::AsWritten(range) => Line {
                text: self
                    .physical_text(logical.physical)
                    .get(as_usize(range))
                    .unwrap_or_default(),
                physical: logical.physical,
                offset: range.start,
                pieces: &[],
            },
            Text::Rewritten(rewritten) => Line {
                text: &rewritten.text,
                physical: logical.physical,
                offset: 0,
                pieces: &rewritten.pieces,
            },
        })
    }

    /// The place that a span means.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let physical = self.physical.get(span.line as usize)?;
        let file = self.files.get(physical.file as usize)?;
        let line = self.physical_text(span.line);
        let source = &line[..floor_boundary(line, MAX_LINE_BYTES)];
        let start = floor_boundary(source, span.start as usize);
        let end = floor_boundary(source, span.end as usize).max(start);
        Some(Place {
            file: file.name.clone(),
            line: physical.number,
            column: clamp(source[..start].chars().count()) + 1,
            start,
            end,
            source: source.to_owned(),
        })
    }

    pub(crate) fn physical_text(&self, physical: u32) -> &str {
        self.physical
            .get(physical as usize)
            .and_then(|line| {
                let file = self.files.get(line.file as usize)?;
                file.text.get(as_usize(&line.range))
            })
            .unwrap_or_default()
    }
}

impl Lines {
    pub(crate) fn add_file(&mut self, file: SourceFile) -> u32 {
        self.files.push(file);
        clamp(self.files.len() - 1)
    }

    pub(crate) fn file(&self, file: u32) -> Option<&SourceFile> {
        self.files.get(file as usize)
    }

    /// Adds line `number` of `file`, which stands at `range`; returns its index.
    pub(crate) fn add_physical(&mut self, file: u32, number: u32, range: Range<usize>) -> u32 {
        self.physical.push(Physical {
            file,
            number,
            range: clamp(range.start)..clamp(range.end),
        });
        clamp(self.physical.len() - 1)
    }

    /// Adds a line to be read that is these bytes of a physical line; nothing for none.
    pub(crate) fn add_as_written(&mut self, physical: u32, range: Range<usize>) {
        if !range.is_empty() {
            let text = Text::AsWritten(clamp(range.start)..clamp(range.end));
            self.logical.push(Logical { physical, text });
        }
    }

    /// Adds a line to be read.
    pub(crate) fn add_logical(&mut self, physical: u32, text: Rewritten) {
        let text = match text.pieces.as_slice() {
            [] => return,
            [piece] if piece.verbatim => Text::AsWritten(piece.source.clone()),
            _ => Text::Rewritten(Box::new(text)),
        };
        self.logical.push(Logical { physical, text });
    }

    /// Lines to be read so far.
    pub(crate) fn logical_count(&self) -> usize {
        self.logical.len()
    }

    /// Physical and logical lines, whichever are more.
    pub(crate) fn count(&self) -> usize {
        self.physical.len().max(self.logical.len())
    }
}

impl Rewritten {
    /// `text` in the place of the bytes `source` of the physical line.
    pub(crate) fn replacement(text: &str, source: Range<u32>) -> Self {
        let mut rewritten = Self::default();
        rewritten.push(text, source, false);
        rewritten
    }

    /// Adds bytes of the physical line.
    pub(crate) fn push_verbatim(&mut self, line: &str, range: Range<usize>) {
        let source = clamp(range.start)..clamp(range.end);
        self.push(line.get(range).unwrap_or_default(), source, true);
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// With `value` instead of the bytes `range` of the text.
    pub(crate) fn replaced(&self, range: &Range<usize>, value: &str) -> Self {
        let mut new = self.part(0..range.start);
        new.push(value, self.source(range), false);
        new.append(&self.part(range.end..self.text.len()));
        new
    }

    /// These bytes of the text.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let mut new = Self::default();
        for (index, piece) in self.pieces.iter().enumerate() {
            let piece_start = piece.at as usize;
            let piece_end = self
                .pieces
                .get(index + 1)
                .map_or(self.text.len(), |next| next.at as usize);
            let (start, end) = (piece_start.max(range.start), piece_end.min(range.end));
            if start >= end {
                continue;
            }
            let source = if piece.verbatim {
                let from = piece.source.start + clamp(start - piece_start);
                from..from + clamp(end - start)
            } else {
                piece.source.clone()
            };
            new.push(
                self.text.get(start..end).unwrap_or_default(),
                source,
                piece.verbatim,
            );
        }
        new
    }

    /// The bytes of the physical line that these bytes of the text come from.
    pub(crate) fn source(&self, range: &Range<usize>) -> Range<u32> {
        let part = self.part(range.clone());
        match (part.pieces.first(), part.pieces.last()) {
            (Some(first), Some(last)) => {
                first.source.start..last.source.end.max(first.source.start)
            }
            _ => 0..0,
        }
    }

    fn push(&mut self, text: &str, source: Range<u32>, verbatim: bool) {
        if !text.is_empty() {
            self.pieces.push(Piece {
                at: clamp(self.text.len()),
                source,
                verbatim,
            });
            self.text.push_str(text);
        }
    }

    fn append(&mut self, other: &Self) {
        let offset = clamp(self.text.len());
        self.text.push_str(&other.text);
        self.pieces.extend(other.pieces.iter().map(|piece| Piece {
            at: piece.at + offset,
            ..piece.clone()
        }));
    }
}

fn clamp(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn as_usize(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// The last place at or before `at` where a character starts.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
