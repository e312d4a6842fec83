//! A message of keepalived's about a configuration.

/// What keepalived says, and where.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Theirs {
    /// Its name for the file and the line; `None` where it names no place.
    pub(crate) place: Option<(String, u32)>,
    pub(crate) message: String,
}

/// Everything keepalived says about one configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Exit status of `-t`; 128 and more: it died.
    pub(crate) exit: u8,
    pub(crate) messages: Vec<Theirs>,
}

/// Where keepalived ended too early.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// At a line, while it read.
    Reading { file: String, line: u32 },
    /// At an instance, while it looked at what it had read; empty: before the first.
    Judging { instance: String },
    /// Having read `global_defs`: its children have not read the rest.
    Globals,
    /// It crashed, having read everything.
    Died,
}

/// At one of these keepalived does not look at the instances that follow, and which of the `*` is the instance.
const FATAL: &[(&str, usize)] = &[
    ("(*) the virtual router id must be set", 0),
    ("(*) No VIP specified; at least one is required", 0),
    ("* and * both use VRID * with * on interface *", 1),
    (
        "(*): Unicast instances must have unicast_src_ip or interface",
        0,
    ),
    ("(*) Unicast peers are not supported in strict mode", 0),
    ("Non-existent interface specified in configuration", 0),
];

/// Messages about keywords and braces.
const STRUCTURE: &[&str] = &[
    "Unknown keyword '*'",
    "Unexpected '*' - ignoring",
    "Extra '}' found",
    "There are * missing '}'s or extra '{'s",
    "Missing '{' at beginning of configuration block",
];

impl Verdict {
    /// A recorded verdict: `exit<TAB>status`, then a row for each message.
    pub(crate) fn of_text(text: &str) -> Self {
        let exit = text.lines().next().and_then(|row| row.split_once('\t'));
        Self {
            exit: exit
                .and_then(|(_, status)| status.parse().ok())
                .unwrap_or(1),
            messages: text.lines().skip(1).filter_map(Theirs::of_row).collect(),
        }
    }

    /// What `-t` writes: `(FILE: Line N) MESSAGE`, `(Line N) MESSAGE`, `MESSAGE`.
    pub(crate) fn of_output(status: Option<i32>, text: &str) -> Self {
        Self {
            exit: status.and_then(|it| u8::try_from(it).ok()).unwrap_or(139),
            messages: text.lines().map(Theirs::of_line).collect(),
        }
    }

    /// Its count of braces is wrong at the end.
    pub(crate) fn loses_count(&self) -> bool {
        let pattern = "There are * missing '}'s or extra '{'s";
        let mut messages = self.messages.iter();
        messages.any(|theirs| captures(pattern, &theirs.message).is_some())
    }

    /// Where it ended before it had judged everything.
    pub(crate) fn stop(&self) -> Option<Stop> {
        if !matches!(self.exit, 0 | 5 | 6) {
            let last = self.messages.iter().rev().find(|theirs| {
                captures("*** Configuration line starting *", &theirs.message).is_some()
            });
            let place = last.and_then(|theirs| theirs.place.clone());
            return Some(match place {
                Some((file, line)) => Stop::Reading { file, line },
                None => Stop::Died,
            });
        }
        // It would say otherwise if anybody had counted the mistakes.
        if self.exit == 0 && self.messages.iter().any(Theirs::is_about_structure) {
            return Some(Stop::Globals);
        }
        self.messages.iter().find_map(|theirs| {
            FATAL.iter().find_map(|(pattern, instance)| {
                let captures = captures(pattern, &theirs.message)?;
                let instance = captures.get(*instance).copied().unwrap_or_default();
                Some(Stop::Judging {
                    instance: instance.to_owned(),
                })
            })
        })
    }
}

impl Theirs {
    /// A row of a recorded verdict: `file<TAB>line<TAB>message`, `-` for no place.
    pub(crate) fn of_row(row: &str) -> Option<Self> {
        let mut columns = row.splitn(3, '\t');
        let (file, line) = (columns.next()?, columns.next()?);
        Some(Self {
            place: line.parse().ok().map(|line| (file.to_owned(), line)),
            message: columns.next()?.to_owned(),
        })
    }
}

impl Theirs {
    pub(crate) fn line(&self) -> Option<u32> {
        self.place.as_ref().map(|(_, line)| *line)
    }

    pub(crate) fn is_about_structure(&self) -> bool {
        STRUCTURE
            .iter()
            .any(|pattern| captures(pattern, &self.message).is_some())
    }

    fn of_line(line: &str) -> Self {
        let placed = line.strip_prefix('(').and_then(|rest| {
            let (place, message) = rest.split_once(") ")?;
            let (file, number) = match place.rsplit_once(": Line ") {
                Some((file, number)) => (file, number),
                None => ("", place.strip_prefix("Line ")?),
            };
            // As in the recorded verdicts, the name of the file alone.
            let file = file.rsplit('/').next().unwrap_or(file);
            Some((file.to_owned(), number.parse().ok()?, message.to_owned()))
        });
        match placed {
            Some((file, number, message)) => Self {
                place: Some((file, number)),
                message,
            },
            None => Self {
                place: None,
                message: line.to_owned(),
            },
        }
    }
}

/// What the `*` of a pattern stand for in `text`; `None` where it does not have that form.
pub(crate) fn captures<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split('*');
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let at = match pieces.peek() {
            Some(_) => rest.find(piece)?,
            // The last piece has to be the end of the text.
            None => rest.strip_suffix(piece)?.len(),
        };
        found.push(&rest[..at]);
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty().then_some(found)
}
