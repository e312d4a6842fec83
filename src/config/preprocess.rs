//! From files to lines: comments removed, `@id` conditions decided, `$NAME` definitions put in, `~SEQ` and `~LST`
//! repeated, `include` followed.
//!
//! Rules are those of keepalived's lib/parser.c. Every way to ask for endless work (a file that includes
//! itself, a definition that uses itself, a `~SEQ` of a billion) ends at a limit with one complaint.

mod almost_definition;
mod built_in;
mod expansion;
mod include;
mod repetition;
mod text;
mod undefined;

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;

use self::built_in::Random;
pub(crate) use self::include::IncludeCheck;
use self::include::IncludeWork;
pub(crate) use self::text::is_definition_name;
use self::text::{condition, continued, definition_in, plain, without_comment};
use self::undefined::Undefined;
use super::diagnostic::{Code, Finding, Findings};
use super::host::Host;
use super::keyword::Catalogue;
use super::lines::{Lines, MAX_LINE_BYTES, Rewritten, Span};
use super::source::{Files, MAX_FILE_BYTES, ReadError, SourceFile};

/// Lines in total, repeated ones included.
const MAX_LINES: usize = 1_000_000;

/// What lines depend on beside the files themselves.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'s> {
    pub(crate) files: &'s dyn Files,
    pub(crate) host: &'s dyn Host,
    /// Says which keywords take a script.
    pub(crate) catalogue: &'s Catalogue,
    /// Decides `@id` lines.
    pub(crate) config_id: &'s str,
    /// What an `include` minds where the file says nothing.
    pub(crate) include_check: IncludeCheck,
}

/// Reads `paths` and everything they include.
pub(crate) fn read(
    surroundings: Surroundings<'_>,
    paths: &[PathBuf],
    findings: &mut Findings,
) -> Result<Lines, ReadError> {
    let mut reader = Preprocessor {
        surroundings,
        lines: Lines::default(),
        definitions: HashMap::new(),
        open_files: Vec::new(),
        include_check: surroundings.include_check,
        include_work: IncludeWork::default(),
        undefined: Undefined::default(),
        almost_definitions: HashMap::new(),
        random: Random::for_host(&surroundings.host.host_name()),
        made_lines: 0,
        inserted_bytes: 0,
        moved_bytes: 0,
        full: false,
        findings,
    };
    for path in paths {
        let most = MAX_FILE_BYTES - reader.include_work.bytes;
        let file = surroundings.files.read(path, most)?;
        reader.include_work.bytes += (file.text.len() as u64).min(most);
        reader.file(file);
        if reader.full {
            break;
        }
    }
    reader.complain_of_undefined();
    Ok(reader.lines)
}

struct Preprocessor<'r> {
    surroundings: Surroundings<'r>,
    lines: Lines,
    /// The lines of each definition, at least one.
    definitions: HashMap<String, Rc<[String]>>,
    /// The files that are being read, outermost first.
    open_files: Vec<u32>,
    /// What a plain `include` minds in the file that is being read.
    include_check: IncludeCheck,
    include_work: IncludeWork,
    undefined: Undefined,
    /// Names whose definition is none, and where it stands.
    almost_definitions: HashMap<String, Span>,
    random: Random,
    /// By definitions of several lines and by repetitions.
    made_lines: usize,
    /// By definitions and repetitions.
    inserted_bytes: usize,
    /// Copied while they were put in.
    moved_bytes: usize,
    /// A limit was met, which has been said once; nothing more is read.
    full: bool,
    findings: &'r mut Findings,
}

/// A `$NAME=` whose last line ended in `\`.
struct OpenDefinition {
    /// `None`: it is at fault, and its lines are not read.
    name: Option<String>,
    lines: Vec<String>,
}

impl Preprocessor<'_> {
    fn file(&mut self, file: SourceFile) {
        let index = self.lines.add_file(file);
        self.open_files.push(index);
        let outer_check = self.include_check;
        let (mut start, mut number) = (0, 0);
        let mut definition = None;
        while let Some(range) = self.next_line(index, start) {
            (start, number) = (range.end + 1, number + 1);
            let physical = self.lines.add_physical(index, number, range);
            if self.lines.count() > MAX_LINES {
                self.limit(
                    Span::new(physical, 0..0),
                    format!("more than {MAX_LINES} lines"),
                );
            }
            if self.full {
                break;
            }
            self.line(physical, &mut definition);
        }
        if let Some(definition) = definition {
            self.close(definition);
        }
        self.include_check = outer_check;
        self.open_files.pop();
    }

    /// The line of a file that begins at byte `start`, without its end.
    fn next_line(&self, file: u32, start: usize) -> Option<Range<usize>> {
        let text = self.lines.file(file)?.text.get(start..)?;
        if text.is_empty() {
            return None;
        }
        Some(start..start + text.find('\n').unwrap_or(text.len()))
    }

    /// One physical line.
    fn line(&mut self, physical: u32, open: &mut Option<OpenDefinition>) {
        if open.is_none()
            && let Some(range) = plain(self.lines.physical_text(physical))
        {
            return self.lines.add_as_written(physical, range);
        }
        let Some(line) = self.wanted_text(physical) else {
            if let Some(definition) = open.take() {
                let more = self.goes_on(physical, false);
                self.close_or_continue(definition, more, open);
            }
            return;
        };
        if let Some(mut definition) = open.take() {
            let (text, more) = continued(line.text());
            definition.lines.push(text.to_owned());
            self.inserted_bytes += text.len();
            let more = self.goes_on(physical, more);
            self.close_or_continue(definition, more, open);
        } else if let Some((name, value)) = definition_in(line.text()) {
            let (text, more) = continued(value);
            let more = self.goes_on(physical, more);
            let definition = OpenDefinition {
                name: Some(name.to_owned()),
                lines: vec![text.to_owned()],
            };
            self.close_or_continue(definition, more, open);
        } else if self.is_faulty_definition(physical, &line) {
            let (_, more) = continued(line.text());
            *open = more.then_some(OpenDefinition {
                name: None,
                lines: Vec::new(),
            });
        } else if line.text().contains(['$', '~']) {
            self.expand(physical, line);
        } else {
            self.deliver(physical, line);
        }
    }

    /// A definition goes on behind a line that ends in `\`, even if that is in its comment (keepalived 2.2; 2.4 ends the
    /// definition there). `is_said`: what is left of the line without its comment ends so.
    fn goes_on(&mut self, physical: u32, is_said: bool) -> bool {
        let text = self.lines.physical_text(physical).trim_end();
        let more = text.ends_with('\\');
        // A line that a condition leaves out has no comment.
        let has_comment = without_comment(text).text().len() < text.trim_start().len();
        if more && !is_said && has_comment {
            let span = Span::new(physical, 0..text.len());
            let message =
                "a comment inside a definition of several lines; the definition goes on behind it";
            let finding = Finding::new(Code::InvalidDefinition, span, message);
            self.findings.push(finding.help(
                "versions of keepalived differ here: move the comment out of the definition",
            ));
        }
        more || is_said
    }

    fn close_or_continue(
        &mut self,
        definition: OpenDefinition,
        more: bool,
        open: &mut Option<OpenDefinition>,
    ) {
        if more {
            *open = Some(definition);
        } else {
            self.close(definition);
        }
    }

    fn close(&mut self, OpenDefinition { name, lines }: OpenDefinition) {
        if let Some(name) = name {
            self.definitions.insert(name, lines.into());
        }
    }

    /// What remains of a line after length, NUL, comment and condition; `None`: nothing.
    fn wanted_text(&mut self, physical: u32) -> Option<Rewritten> {
        let line = self.lines.physical_text(physical).trim_end_matches('\r');
        let whole = Span::new(physical, 0..line.len());
        if line.len() >= MAX_LINE_BYTES {
            let message = format!("this line has {} bytes and is not read", line.len());
            let finding = Finding::new(Code::LineTooLong, whole, message);
            self.findings
                .push(finding.expected(format!("at most {} bytes", MAX_LINE_BYTES - 1)));
            return None;
        }
        if line.contains('\0') {
            let message = "this line has a NUL byte in it and is not read";
            self.findings
                .push(Finding::new(Code::LineWithNul, whole, message));
            return None;
        }
        let text = without_comment(line);
        match condition(text.text()) {
            None => Some(text),
            Some((wanted, from)) if wanted.holds(self.surroundings.config_id) => {
                Some(text.part(from..text.text().len()))
            }
            Some(_) => None,
        }
        .filter(|text| !text.text().is_empty())
    }

    /// A finished line: one that is carried out here, or one to be read.
    fn deliver(&mut self, physical: u32, line: Rewritten) {
        let text = line.text();
        let (keyword, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let argument = rest.split_ascii_whitespace().next();
        match (keyword, argument) {
            ("include_check", _) => self.include_check = self.include_check.changed_by(rest),
            ("random_seed", Some(seed)) => {
                if let Ok(seed) = seed.parse() {
                    self.random = Random::from_seed(seed);
                }
            }
            (keyword, Some(pattern)) => {
                if let Some(check) = IncludeCheck::of_keyword(keyword, self.include_check) {
                    let start = text.len() - rest.trim_ascii_start().len();
                    let span = Self::span(physical, &line, &(start..start + pattern.len()));
                    let pattern = pattern.trim_matches('"').to_owned();
                    return self.include(check, &pattern, span);
                }
            }
            (keyword, None) if IncludeCheck::of_keyword(keyword, self.include_check).is_some() => {
                let span = Self::span(physical, &line, &(0..text.len()));
                let message = format!("'{keyword}' is missing a parameter");
                let finding = Finding::new(Code::MissingParameter, span, message);
                return self.findings.push(finding.expected("a file or a pattern"));
            }
            (_, None) => {}
        }
        self.lines.add_logical(physical, line);
    }

    fn span(physical: u32, line: &Rewritten, range: &Range<usize>) -> Span {
        let source = line.source(range);
        Span::new(physical, source.start as usize..source.end as usize)
    }

    fn limit(&mut self, span: Span, message: String) {
        if !self.full {
            self.full = true;
            let finding = Finding::new(Code::TooLarge, span, message);
            self.findings
                .push(finding.help("nothing after this place has been read"));
        }
    }
}

#[cfg(test)]
mod tests;
