//! `interface_up_down_delays { }`: how long the state of an interface must last before it counts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding};
use super::keyword::{Reader, Spanned};
use super::lexer::{self, Number, Word};
use super::tree::Statement;
use crate::types::InterfaceName;

/// An entry: a state of `interface` counts when it has lasted this long.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct InterfaceDelays {
    pub interface: InterfaceName,
    /// At most 255 s.
    pub down_delay: Duration,
    /// At most 255 s; zero where the file says nothing. The first time that it is up counts at once.
    pub up_delay: Duration,
}

const MAX: Duration = Duration::from_secs(255);
const EXPECTED: &str = "seconds from 0 to 255";

/// All entries of the block; what is wrong is left out.
pub(crate) fn entries(
    statements: &[Statement<'_>],
    reader: &mut Reader,
) -> Vec<Spanned<InterfaceDelays>> {
    let mut entries = Vec::with_capacity(statements.len());
    for statement in statements {
        match entry(statement) {
            Ok(value) => entries.push(Spanned {
                value,
                span: statement.first().span,
            }),
            Err(finding) => reader.findings.push(finding),
        }
        if let Some(extra) = statement.arguments().get(2) {
            let message = format!("'{}' behind the delays is not read", extra.text);
            reader
                .findings
                .push(Finding::new(Code::ExtraWords, extra.span, message));
        }
    }
    entries
}

fn entry(statement: &Statement<'_>) -> Result<InterfaceDelays, Finding> {
    let name = statement.first();
    let interface = InterfaceName::new(name.text)
        .map_err(|error| Finding::new(Code::InvalidValue, name.span, error.to_string()))?;
    let mut words = statement.arguments().iter().copied();
    let Some(down) = words.next() else {
        let message = format!("no delays for interface '{interface}'");
        let finding = Finding::new(Code::NothingToDo, name.span, message);
        return Err(finding.expected("INTERFACE DOWN_DELAY [UP_DELAY]"));
    };
    Ok(InterfaceDelays {
        interface,
        down_delay: delay(down)?,
        // keepalived: zero, whatever its manual says.
        up_delay: words.next().map_or(Ok(Duration::ZERO), delay)?,
    })
}

fn delay(word: Word<'_>) -> Result<Duration, Finding> {
    let micros = match lexer::microseconds(word.text) {
        Number::Whole(micros) => micros,
        Number::Prefix(_) | Number::No => {
            let message = format!("invalid delay '{}'", word.text);
            return Err(Finding::new(Code::InvalidValue, word.span, message).expected(EXPECTED));
        }
    };
    u64::try_from(micros)
        .map(Duration::from_micros)
        .ok()
        .filter(|delay| *delay <= MAX)
        .ok_or_else(|| {
            let message = format!("delay {} is out of range", word.text);
            Finding::new(Code::OutOfRange, word.span, message).expected(EXPECTED)
        })
}
