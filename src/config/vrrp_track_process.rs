//! `vrrp_track_process NAME { }`: a program that must be running, or must not.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding, Findings};
use super::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use super::track;
use super::track_file::set_once;
use crate::types::TrackWeight;

/// How many processes of a name there are moves priorities or causes FAULT.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TrackedProcess {
    pub name: String,
    /// The program: its name in `/proc/PID/comm`, or with `full_command` the first word of its command line.
    pub process: String,
    /// The words behind it.
    pub parameters: Vec<String>,
    pub param_match: ParamMatch,
    /// The command line counts, not the name.
    pub full_command: bool,
    /// -254 to 254; 0, the default, is FAULT while the count is wrong.
    pub weight: TrackWeight,
    /// The weight counts the other way round.
    pub reverse: bool,
    /// Fewest processes, default 1.
    pub quorum: u32,
    /// Most processes; `Some(0)`: it must not run.
    pub quorum_max: Option<u32>,
    /// A process that appeared counts after this time, default at once.
    pub fork_delay: Duration,
    /// A process that ended is missed after this time, default at once.
    pub terminate_delay: Duration,
}

/// Keyword `param_match`: how the parameters of a process are compared.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ParamMatch {
    /// Whatever they are.
    #[default]
    Any,
    Exact,
    /// The first ones.
    Initial,
    /// As `Initial`, and the last one only as far as it goes.
    Partial,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "vrrp_track_process";

/// Debounce times.
const DELAY: Shape = Shape::Seconds {
    min: Duration::from_micros(1),
    max: Duration::from_secs(3600),
};

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    process: Option<Vec<String>>,
    param_match: ParamMatch,
    full_command: bool,
    weight: Option<(TrackWeight, bool)>,
    quorum: u32,
    quorum_max: Option<u32>,
    fork_delay: Duration,
    terminate_delay: Duration,
}

pub(crate) const KEYWORDS: Table<Draft> = &[OWN];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new(
        "process",
        Shape::Words("a process and its parameters"),
        "",
        process,
    ),
    Keyword::new(
        "param_match",
        Shape::Optional("initial or partial"),
        "exact where there are parameters",
        param_match,
    ),
    Keyword::new("weight", track::WIDE_WEIGHT, "0", |draft, arguments| {
        let weight = track::weight_of_object(&track::WIDE_WEIGHT, arguments)?;
        set_once(&mut draft.weight, weight, arguments)
    }),
    Keyword::new("quorum", Shape::number(1, 65_535), "1", quorum),
    Keyword::new("quorum_max", Shape::number(0, 65_535), "", quorum_max),
    Keyword::new("delay", DELAY, "0", |draft, arguments| {
        draft.fork_delay = arguments.seconds()?;
        draft.terminate_delay = draft.fork_delay;
        Ok(())
    }),
    Keyword::new("fork_delay", DELAY, "0", |draft, arguments| {
        draft.fork_delay = arguments.seconds()?;
        Ok(())
    }),
    Keyword::new("terminate_delay", DELAY, "0", |draft, arguments| {
        draft.terminate_delay = arguments.seconds()?;
        Ok(())
    }),
    Keyword::new("full_command", Shape::Flag, "off", |draft, _| {
        draft.full_command = true;
        Ok(())
    }),
];

fn process(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let mut words = vec![arguments.text()?.value];
    while let Some(word) = arguments.next_word() {
        words.push(word.text.to_owned());
    }
    // keepalived: parameters are to be found in the command line only.
    if words.len() > 1 && draft.process.is_none() {
        draft.full_command = true;
        if draft.param_match == ParamMatch::Any {
            draft.param_match = ParamMatch::Exact;
        }
    }
    set_once(&mut draft.process, words, arguments)
}

fn param_match(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.param_match = match arguments.next_word() {
        None => ParamMatch::Exact,
        Some(word) if word.text == "initial" => ParamMatch::Initial,
        Some(word) if word.text == "partial" => ParamMatch::Partial,
        Some(word) => return Err(arguments.invalid_value(word)),
    };
    draft.full_command = true;
    Ok(())
}

fn quorum(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let quorum = arguments.number()?;
    if draft.quorum_max.is_some_and(|max| quorum > max) {
        let message = format!("'quorum' {quorum} is greater than 'quorum_max'; it is not used");
        return Err(Finding::new(Code::Conflict, arguments.span(), message));
    }
    draft.quorum = quorum;
    Ok(())
}

/// keepalived: 0 alone means that the process must not run, so it needs no quorum.
fn quorum_max(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let max = arguments.number()?;
    if (max != 0 || draft.quorum > 1) && max < draft.quorum {
        let message = format!("'quorum_max' {max} is less than 'quorum'; it is not used");
        return Err(Finding::new(Code::Conflict, arguments.span(), message));
    }
    draft.quorum_max = Some(max);
    draft.quorum = if max == 0 { 0 } else { draft.quorum.max(1) };
    Ok(())
}

impl Draft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            process: None,
            param_match: ParamMatch::Any,
            full_command: false,
            weight: None,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }

    /// `None` with a complaint where there is nothing to look for.
    pub(crate) fn resolve(&self, findings: &mut Findings) -> Option<TrackedProcess> {
        let Some([process, parameters @ ..]) = self.process.as_deref() else {
            let message = format!(
                "vrrp_track_process {} has no 'process' and is not used",
                self.name.value
            );
            let finding = Finding::new(Code::NothingToDo, self.name.span, message);
            findings.push(finding.unless_misread(self.name.span, "process"));
            return None;
        };
        let (weight, reverse) = self.weight.unwrap_or_default();
        Some(TrackedProcess {
            name: self.name.value.clone(),
            process: process.clone(),
            parameters: parameters.to_vec(),
            param_match: self.param_match,
            full_command: self.full_command,
            weight,
            reverse,
            quorum: self.quorum,
            quorum_max: self.quorum_max,
            fork_delay: self.fork_delay,
            terminate_delay: self.terminate_delay,
        })
    }
}
