//! `include` and its variants: which files they name, and what of it is worth an error.

use std::path::{Path, PathBuf};

use super::Preprocessor;
use crate::config::diagnostic::{Code, Finding};
use crate::config::lexer::{self, Token};
use crate::config::lines::Span;
use crate::config::source::{self, MAX_FILE_BYTES, ReadError, Search, SourceFile};

/// Files that include files that include files …
const MAX_INCLUDE_DEPTH: usize = 16;
/// Files read or refused in total, so that includes cannot multiply.
const MAX_FILES: usize = 4096;
/// Names and patterns looked for in total, for the same reason.
const MAX_PATTERNS: usize = 4096;

/// What has been done for includes so far.
#[derive(Debug, Default)]
pub(super) struct IncludeWork {
    patterns: usize,
    files: usize,
    /// Of the files that were named to the program, too.
    pub(super) bytes: u64,
    search: Search,
}

/// A file that is not read, and what it means.
type Refusal = (Code, String);

/// What an include minds (keyword `include_check`). Anything else that goes wrong is mentioned, but does no harm.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct IncludeCheck {
    /// A file that cannot be read.
    read: bool,
    /// A name that nothing has.
    matches: bool,
    /// A pattern that nothing matches.
    wildcard_match: bool,
    /// Braces that do not match within the file.
    brace_match: bool,
}

impl IncludeCheck {
    pub(crate) const ALL: Self = Self {
        read: true,
        matches: true,
        wildcard_match: true,
        brace_match: true,
    };
    const READ: Self = Self {
        read: true,
        matches: false,
        wildcard_match: false,
        brace_match: false,
    };

    /// What `word` minds, if it is an include; `include` alone minds what `default` says.
    pub(super) fn of_keyword(word: &str, default: Self) -> Option<Self> {
        Some(match word {
            "include" => default,
            "includer" => Self::READ,
            "includem" => Self {
                matches: true,
                ..Self::READ
            },
            "includew" => Self {
                matches: true,
                wildcard_match: true,
                ..Self::READ
            },
            "includeb" => Self {
                brace_match: true,
                ..Self::READ
            },
            "includea" => Self::ALL,
            _ => return None,
        })
    }

    /// After `include_check WORD…`: words with a sign add or take away, without one they are all there is.
    pub(super) fn changed_by(self, words: &str) -> Self {
        let words = || words.split_ascii_whitespace();
        let Some(first) = words().next() else {
            return Self::ALL;
        };
        let mut check = if first.starts_with(['+', '-']) {
            self
        } else {
            Self::default()
        };
        for word in words() {
            let (word, on) = match word.strip_prefix('-') {
                Some(word) => (word, false),
                None => (word.strip_prefix('+').unwrap_or(word), true),
            };
            match word {
                "read" | "readable" => check.read = on,
                "match" => check.matches = on,
                "wildcard_match" => check.wildcard_match = on,
                "brace_match" => check.brace_match = on,
                // The keyword's row complains.
                _ => {}
            }
        }
        check
    }
}

impl Preprocessor<'_> {
    pub(super) fn include(&mut self, check: IncludeCheck, pattern: &str, span: Span) {
        if self.open_files.len() > MAX_INCLUDE_DEPTH {
            let message = format!("files are included more than {MAX_INCLUDE_DEPTH} deep");
            return self
                .findings
                .push(Finding::new(Code::IncludeLoop, span, message));
        }
        let directory = self
            .open_files
            .last()
            .and_then(|&file| self.lines.file(file))
            .map(|file| file.directory.clone())
            .unwrap_or_default();
        for pattern in source::brace_alternatives(pattern, MAX_PATTERNS) {
            self.include_work.patterns += 1;
            if self.include_work.patterns > MAX_PATTERNS {
                self.limit(span, format!("more than {MAX_PATTERNS} includes"));
            }
            if self.full {
                return;
            }
            self.include_pattern(check, &pattern, &directory, span);
        }
    }

    /// A pattern without `{a,b}`.
    fn include_pattern(
        &mut self,
        check: IncludeCheck,
        pattern: &str,
        directory: &Path,
        span: Span,
    ) {
        let search = &mut self.include_work.search;
        let paths = match self.surroundings.files.matching(pattern, directory, search) {
            Ok(paths) => paths,
            Err(why) => return self.limit(span, format!("'{pattern}' {why}")),
        };
        if paths.is_empty() && check.wildcard_match {
            let message = format!("no file matches '{pattern}'");
            self.findings
                .push(Finding::new(Code::FileMissing, span, message));
        }
        let is_literal = !source::has_wildcard(pattern);
        let mut refused = Vec::new();
        for path in paths {
            refused.extend(self.include_file(check, &path, is_literal, span).err());
            if self.full {
                return;
            }
        }
        self.complain_of_refused(pattern, &refused, span);
    }

    /// One complaint of each kind: a pattern may match a thousand programs.
    fn complain_of_refused(&mut self, pattern: &str, refused: &[Refusal], span: Span) {
        for (index, (code, first)) in refused.iter().enumerate() {
            if refused[..index].iter().any(|(earlier, _)| earlier == code) {
                continue;
            }
            let message = match refused.iter().filter(|(other, _)| other == code).count() {
                1 => first.clone(),
                count => {
                    format!(
                        "'{pattern}' matches {count} files that are not read; the first: {first}"
                    )
                }
            };
            self.findings.push(Finding::new(*code, span, message));
        }
    }

    /// `is_literal`: the file has been named, not matched.
    fn include_file(
        &mut self,
        check: IncludeCheck,
        path: &Path,
        is_literal: bool,
        span: Span,
    ) -> Result<(), Refusal> {
        self.include_work.files += 1;
        if self.include_work.files > MAX_FILES {
            self.limit(span, format!("more than {MAX_FILES} files"));
            return Ok(());
        }
        let most = MAX_FILE_BYTES - self.include_work.bytes;
        let file = match self.surroundings.files.read(path, most) {
            Ok(file) => file,
            Err(ReadError::TooLarge { path, .. }) => {
                let message =
                    format!("with '{path}', included files have more than {MAX_FILE_BYTES} bytes");
                self.limit(span, message);
                return Ok(());
            }
            Err(error) => return Err((seriousness(&error, check, is_literal), error.to_string())),
        };
        // Replaced bytes make a text longer than its file.
        let bytes = (file.text.len() as u64).min(most);
        self.include_work.bytes += bytes;
        if self.is_open(&file.canonical) {
            let message = format!("'{}' includes itself", file.name);
            return Err((Code::IncludeLoop, message));
        }
        self.read_included(check, file, span);
        Ok(())
    }

    fn read_included(&mut self, check: IncludeCheck, file: SourceFile, span: Span) {
        let name = file.name.clone();
        let from = self.lines.logical_count();
        self.file(file);
        if !check.brace_match || self.full {
            return;
        }
        let (mut depth, mut lowest) = (0_i64, 0);
        for line in self.lines.iter().skip(from) {
            for located in lexer::tokens(line) {
                match located.token {
                    Token::Open(_) => depth += 1,
                    Token::Close(_) => depth -= 1,
                    Token::Word(_) | Token::Unterminated(_) => {}
                }
                lowest = lowest.min(depth);
            }
        }
        let message = match (depth, lowest) {
            (0, 0) => return,
            (1.., 0) => format!("'{name}' opens blocks that it does not close"),
            _ => format!("'{name}' closes blocks that it has not opened"),
        };
        self.findings
            .push(Finding::new(Code::UnbalancedBrace, span, message));
    }

    fn is_open(&self, canonical: &PathBuf) -> bool {
        self.open_files.iter().any(|&index| {
            self.lines
                .file(index)
                .is_some_and(|open| open.canonical == *canonical)
        })
    }
}

/// keepalived passes over most of these with a line in its log. So does this where nothing of the configuration can be
/// lost by it.
fn seriousness(error: &ReadError, check: IncludeCheck, is_literal: bool) -> Code {
    match error {
        ReadError::Missing { .. } if check.matches => Code::FileMissing,
        ReadError::Missing { .. } => Code::NotIncluded,
        ReadError::TooLarge { .. } | ReadError::Binary { .. } => Code::FileUnreadable,
        ReadError::Io { .. } if check.read => Code::FileUnreadable,
        ReadError::NotAFile { .. } if !is_literal => Code::NotIncluded,
        ReadError::Io { .. } | ReadError::Executable { .. } | ReadError::NotAFile { .. } => {
            Code::IncludeSkipped
        }
    }
}
