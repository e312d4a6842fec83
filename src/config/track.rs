//! Entries of `track_interface`, `track_script`, `track_file`, `track_process` and `track_bfd`, which instances and
//! sync groups share.

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding};
use super::keyword::{Arguments, Keyword, Reader, Shape, Spanned};
use super::lexer::{self, Number, Word};
use super::tree::Statement;
use crate::types::TrackWeight;

/// An entry of `track_file`, `track_process` or `track_bfd`; the object of that name exists.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TrackObject {
    pub name: String,
    /// The entry's weight, or the object's where the entry has none.
    pub weight: TrackWeight,
    /// The weight counts the other way round.
    pub reverse: bool,
}

/// `NAME [weight N [reverse|noreverse]]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TrackEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) weight: Option<TrackWeight>,
    /// `None`: as the object has it.
    pub(crate) reverse: Option<bool>,
}

/// What a block tracks.
#[derive(Debug, Default)]
pub(crate) struct TrackDraft {
    pub(crate) track_interface: Vec<TrackEntry>,
    pub(crate) track_script: Vec<TrackEntry>,
    pub(crate) track_file: Vec<TrackEntry>,
    pub(crate) track_process: Vec<TrackEntry>,
    pub(crate) track_bfd: Vec<TrackEntry>,
}

/// A block that tracks something.
pub(crate) trait HasTrack {
    fn track(&mut self) -> &mut TrackDraft;
}

/// `track_interface` and its like.
pub(crate) const fn track_rows<B: HasTrack>() -> [Keyword<B>; 5] {
    const ENTRY: Shape = Shape::List("NAME [weight N [reverse]]");
    [
        Keyword::new("track_interface", ENTRY, "", |draft, arguments| {
            let entries = entries(arguments.block(), arguments.reader());
            draft.track().track_interface.extend(entries);
            Ok(())
        }),
        Keyword::new("track_script", ENTRY, "", |draft, arguments| {
            let entries = entries(arguments.block(), arguments.reader());
            draft.track().track_script.extend(entries);
            Ok(())
        }),
        Keyword::new("track_file", ENTRY, "", |draft, arguments| {
            let entries = wide_entries(arguments.block(), arguments.reader());
            draft.track().track_file.extend(entries);
            Ok(())
        }),
        Keyword::new("track_process", ENTRY, "", |draft, arguments| {
            let entries = wide_entries(arguments.block(), arguments.reader());
            draft.track().track_process.extend(entries);
            Ok(())
        }),
        Keyword::pending_but_read("track_bfd", ENTRY, "", |draft, arguments| {
            let entries = entries(arguments.block(), arguments.reader());
            draft.track().track_bfd.extend(entries);
            Ok(())
        }),
    ]
}

/// Range of a weight.
pub(crate) const WEIGHT: Shape = Shape::number(-253, 253);
/// Range of the weight of a file or a process.
pub(crate) const WIDE_WEIGHT: Shape = Shape::number(-254, 254);

/// All entries of a list.
fn entries(statements: &[Statement<'_>], reader: &mut Reader) -> Vec<TrackEntry> {
    entries_in(&WEIGHT, statements, reader)
}

/// All entries of a list of files or processes.
fn wide_entries(statements: &[Statement<'_>], reader: &mut Reader) -> Vec<TrackEntry> {
    entries_in(&WIDE_WEIGHT, statements, reader)
}

fn entries_in(range: &Shape, statements: &[Statement<'_>], reader: &mut Reader) -> Vec<TrackEntry> {
    statements
        .iter()
        .map(|statement| entry(range, statement, reader))
        .collect()
}

fn entry(range: &Shape, statement: &Statement<'_>, reader: &mut Reader) -> TrackEntry {
    let mut entry = TrackEntry {
        name: Spanned {
            value: statement.first().text.to_owned(),
            span: statement.first().span,
        },
        weight: None,
        reverse: None,
    };
    let mut words = statement.arguments().iter().copied();
    while let Some(word) = words.next() {
        match word.text {
            "weight" => match words.next().map(|word| weight_in(range, word)) {
                Some(Ok(weight)) => entry.weight = Some(weight),
                Some(Err(finding)) => reader.findings.push(finding),
                None => {
                    let message = "'weight' is missing a number";
                    let finding = Finding::new(Code::InvalidValue, word.span, message);
                    reader.findings.push(finding.expected(range.expected()));
                }
            },
            "reverse" => entry.reverse = Some(true),
            "noreverse" => entry.reverse = Some(false),
            text => {
                let message = format!("'{text}' is no option of '{}'", entry.name.value);
                let finding = Finding::new(Code::ExtraWords, word.span, message);
                let help = "each name needs a line of its own";
                reader
                    .findings
                    .push(finding.expected("weight NUMBER or reverse").help(help));
            }
        }
    }
    entry
}

/// A weight in the range of `shape`.
pub(crate) fn weight_in(shape: &Shape, word: Word<'_>) -> Result<TrackWeight, Finding> {
    let number = match lexer::integer(word.text) {
        Number::Whole(number) => number,
        Number::Prefix(_) | Number::No => {
            let message = format!("invalid weight '{}'", word.text);
            return Err(
                Finding::new(Code::InvalidValue, word.span, message).expected(shape.expected())
            );
        }
    };
    let (min, max) = match *shape {
        Shape::Number { min, max, .. } => (min, max),
        _ => (0, 0),
    };
    Some(number)
        .filter(|number| (min..=max).contains(number))
        .and_then(|number| i16::try_from(number).ok())
        .and_then(TrackWeight::wide)
        .ok_or_else(|| {
            let message = format!("weight {number} is out of range");
            Finding::new(Code::OutOfRange, word.span, message).expected(shape.expected())
        })
}

/// `WEIGHT [reverse]` behind the keyword `weight` of a tracked object, in the range of `shape`.
pub(crate) fn weight_of_object(
    shape: &Shape,
    arguments: &mut Arguments<'_>,
) -> Result<(TrackWeight, bool), Finding> {
    let weight = weight_in(shape, arguments.word()?)?;
    let reverse = match arguments.next_word() {
        None => false,
        Some(word) if word.text == "reverse" => true,
        // keepalived: the weight counts, the word does not.
        Some(word) => {
            let finding = arguments.invalid_value(word);
            arguments.complain(finding.expected("reverse or nothing"));
            false
        }
    };
    Ok((weight, reverse))
}
