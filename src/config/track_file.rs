//! `track_file NAME { }`: a file whose number moves priorities or causes FAULT.

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding, Findings};
use super::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use super::{lexer, track};
use crate::types::TrackWeight;

/// A file that is read whenever somebody writes it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TrackedFile {
    pub name: String,
    /// Its directory is watched, so it may come and go.
    pub file: String,
    /// What its number is multiplied with, -254 to 254, default 1; 0: any number but 0 is a FAULT.
    pub weight: TrackWeight,
    /// The weight counts the other way round.
    pub reverse: bool,
    pub init_file: Option<InitFile>,
}

/// Keyword `init_file`: what the file is to hold when the program starts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct InitFile {
    pub value: i32,
    /// Also where the file exists, though never at a reload.
    pub overwrite: bool,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "track_file";

/// Beyond these numbers a weight of 1 changes nothing (keepalived: "sensible range").
const SENSIBLE: std::ops::RangeInclusive<i64> = -254..=254;

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    file: Option<String>,
    weight: Option<(TrackWeight, bool)>,
    init_file: Option<InitFile>,
}

pub(crate) const KEYWORDS: Table<Draft> = &[OWN];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new("file", Shape::Word("a path"), "", |draft, arguments| {
        let file = arguments.text()?;
        set_once(&mut draft.file, file.value, arguments)
    }),
    Keyword::new("weight", track::WIDE_WEIGHT, "1", |draft, arguments| {
        let weight = track::weight_of_object(&track::WIDE_WEIGHT, arguments)?;
        set_once(&mut draft.weight, weight, arguments)
    }),
    Keyword::new(
        "init_file",
        Shape::Optional("a number from -254 to 254, overwrite"),
        "",
        init_file,
    ),
];

/// keepalived: the first one counts.
pub(super) fn set_once<T>(
    place: &mut Option<T>,
    value: T,
    arguments: &mut Arguments<'_>,
) -> Result<(), Finding> {
    if place.is_some() {
        let message = format!(
            "'{}' is set already; this one is not used",
            arguments.keyword().value
        );
        return Err(Finding::new(
            Code::DuplicateEntry,
            arguments.span(),
            message,
        ));
    }
    *place = Some(value);
    Ok(())
}

fn init_file(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let mut init_file = InitFile {
        value: 0,
        overwrite: false,
    };
    while let Some(word) = arguments.next_word() {
        if word.text == "overwrite" {
            init_file.overwrite = true;
            continue;
        }
        let lexer::Number::Whole(number) = lexer::integer(word.text) else {
            let finding = arguments.invalid_value(word);
            arguments.complain(finding);
            continue;
        };
        init_file.value = i32::try_from(number).unwrap_or_default();
        if !SENSIBLE.contains(&number) {
            let message = format!("initial value {number} is outside of what can count");
            let finding = Finding::new(Code::OutOfRange, word.span, message);
            arguments.complain(finding.expected("a number from -254 to 254"));
        }
    }
    draft.init_file = Some(init_file);
    Ok(())
}

impl Draft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            file: None,
            weight: None,
            init_file: None,
        }
    }

    /// `None` with a complaint where there is nothing to watch.
    pub(crate) fn resolve(&self, findings: &mut Findings) -> Option<TrackedFile> {
        let Some(file) = self.file.clone() else {
            let message = format!(
                "track_file {} has no 'file' and is not used",
                self.name.value
            );
            let finding = Finding::new(Code::NothingToDo, self.name.span, message);
            findings.push(finding.unless_misread(self.name.span, "file"));
            return None;
        };
        let default = TrackWeight::wide(1).unwrap_or_default();
        let (weight, reverse) = self.weight.unwrap_or((default, false));
        Some(TrackedFile {
            name: self.name.value.clone(),
            file,
            weight,
            reverse,
            init_file: self.init_file,
        })
    }
}
