//! A complaint as it is shown or sent: with its own file name and source line.

use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use super::{Code, Severity};

/// Where in which file a complaint is about.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Place {
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// The words concerned, as bytes of `source`.
    pub start: usize,
    pub end: usize,
    /// The line as it stands in the file.
    pub source: String,
}

impl Place {
    /// The first character behind the words concerned; in characters, from 1.
    pub fn end_column(&self) -> u32 {
        let words = self.source.get(self.start..self.end).unwrap_or_default();
        let characters = u32::try_from(words.chars().count()).unwrap_or(u32::MAX);
        self.column.saturating_add(characters)
    }
}

/// One thing to say about a configuration.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Complaint {
    pub code: Code,
    pub severity: Severity,
    /// `None` where no place in a file is to blame, such as a file that is missing.
    pub place: Option<Place>,
    /// A second place that it is about, such as one in the other node's file.
    pub also: Option<Place>,
    pub message: String,
    /// What was expected instead; stands under the words concerned.
    pub expected: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// One line for a log: `file:line:column: severity: message`.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        write!(f, "{}: {}", self.severity, self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// How complaints are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drawing {
    /// For files and pipes.
    Plain,
    /// For terminals.
    Coloured,
}

impl Complaint {
    /// Several lines for people, with the source line and the words underlined.
    pub fn render(&self, drawing: Drawing) -> String {
        let level = match self.severity {
            Severity::Note => Level::NOTE,
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let title = level
            .primary_title(self.message.as_str())
            .id(self.code.name());
        let mut group = match &self.place {
            Some(place) => title.element(snippet(place, self.expected.as_deref())),
            None => annotate_snippets::Group::with_title(title),
        };
        if let Some(also) = &self.also {
            group = group.element(snippet(also, None));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = match drawing {
            Drawing::Plain => Renderer::plain(),
            Drawing::Coloured => Renderer::styled(),
        };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

fn snippet<'a>(
    place: &'a Place,
    expected: Option<&str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let mut annotation = AnnotationKind::Primary.span(place.start..place.end);
    if let Some(expected) = expected {
        annotation = annotation.label(format!("expected {expected}"));
    }
    Snippet::source(place.source.as_str())
        .line_start(place.line as usize)
        .path(place.file.as_str())
        .annotation(annotation)
}
