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

/// At one of these keepalived does not look at the instances that follow.
const FATAL: &[&str] = &[
    "(*) the virtual router id must be set",
    "(*) No VIP specified; at least one is required",
    "* and * both use VRID * with * on interface *",
    "(*): Unicast instances must have unicast_src_ip or interface",
    "(*) Unicast peers are not supported in strict mode",
    "Non-existent interface specified in configuration",
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

    /// It ended before it had judged everything.
    pub(crate) fn has_stopped(&self) -> bool {
        let is_fatal = |theirs: &Theirs| {
            FATAL
                .iter()
                .any(|pattern| captures(pattern, &theirs.message).is_some())
        };
        !matches!(self.exit, 0 | 5 | 6) || self.messages.iter().any(is_fatal)
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
