//! Entries of `track_interface` and `track_script`, which instances and sync groups share.

use super::diagnostic::{Code, Finding};
use super::keyword::{Keyword, Reader, Shape, Spanned};
use super::lexer::{self, Number, Word};
use super::tree::Statement;
use crate::types::TrackWeight;

/// `NAME [weight N [reverse|noreverse]]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TrackEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) weight: Option<TrackWeight>,
    pub(crate) reverse: bool,
}

/// What a block tracks.
#[derive(Debug, Default)]
pub(crate) struct TrackDraft {
    pub(crate) track_interface: Vec<TrackEntry>,
    pub(crate) track_script: Vec<TrackEntry>,
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
        Keyword::pending("track_file", ENTRY, ""),
        Keyword::pending("track_process", ENTRY, ""),
        Keyword::pending("track_bfd", ENTRY, ""),
    ]
}

/// Range of a weight.
pub(crate) const WEIGHT: Shape = Shape::number(-253, 253);

/// All entries of a list.
fn entries(statements: &[Statement<'_>], reader: &mut Reader) -> Vec<TrackEntry> {
    statements
        .iter()
        .map(|statement| entry(statement, reader))
        .collect()
}

fn entry(statement: &Statement<'_>, reader: &mut Reader) -> TrackEntry {
    let mut entry = TrackEntry {
        name: Spanned {
            value: statement.first().text.to_owned(),
            span: statement.first().span,
        },
        weight: None,
        reverse: false,
    };
    let mut words = statement.arguments().iter().copied();
    while let Some(word) = words.next() {
        match word.text {
            "weight" => match words.next().map(weight) {
                Some(Ok(weight)) => entry.weight = Some(weight),
                Some(Err(finding)) => reader.findings.push(finding),
                None => {
                    let message = "'weight' is missing a number";
                    let finding = Finding::new(Code::InvalidValue, word.span, message);
                    reader.findings.push(finding.expected(WEIGHT.expected()));
                }
            },
            "reverse" => entry.reverse = true,
            "noreverse" => entry.reverse = false,
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

/// A weight from -253 to 253.
pub(crate) fn weight(word: Word<'_>) -> Result<TrackWeight, Finding> {
    let number = match lexer::integer(word.text) {
        Number::Whole(number) => number,
        Number::Prefix(_) | Number::No => {
            let message = format!("invalid weight '{}'", word.text);
            return Err(
                Finding::new(Code::InvalidValue, word.span, message).expected(WEIGHT.expected())
            );
        }
    };
    i16::try_from(number)
        .ok()
        .and_then(TrackWeight::new)
        .ok_or_else(|| {
            let message = format!("weight {number} is out of range");
            Finding::new(Code::OutOfRange, word.span, message).expected(WEIGHT.expected())
        })
}
