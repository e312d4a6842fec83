//! Tracked files and processes: what they say, and when that counts.
//!
//! A file says a number. A process says how many of it there are; whether that is right counts at once or after the
//! delay that is configured for it (keepalived: track_file.c, vrrp_track.c).

use std::collections::HashMap;
use std::fmt;
use std::time::Instant;

use super::{Action, Actions, Event};
use crate::config::{Config, TrackedProcess};

/// What is known of tracked objects when the program starts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrackedNow {
    /// The number in each file, by the name of its `track_file`.
    pub files: Vec<(String, i32)>,
    /// How many of each process there are, by the name of its `vrrp_track_process`.
    pub processes: Vec<(String, u32)>,
}

/// What tracked files and processes say.
#[derive(Clone, Debug, Default)]
pub(super) struct Trackers {
    files: HashMap<String, i32>,
    processes: Vec<Process>,
}

/// Whether something that instances depend on is different now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub(super) enum Changed {
    Yes,
    No,
}

impl Trackers {
    pub(super) fn new(config: &Config, tracked: &TrackedNow) -> Self {
        let processes = config.vrrp_track_processes.iter().map(|config| {
            let counts = &tracked.processes;
            let count = counts.iter().find(|(name, _)| *name == config.name);
            Process::new(config.clone(), count.map(|(_, count)| *count))
        });
        Self {
            files: tracked.files.iter().cloned().collect(),
            processes: processes.collect(),
        }
    }

    /// The number in a file; `None` before it was read.
    pub(super) fn file(&self, name: &str) -> Option<i32> {
        self.files.get(name).copied()
    }

    /// Whether there are as many processes as there should be; `None` before they were counted.
    pub(super) fn process(&self, name: &str) -> Option<bool> {
        let process = self.processes.iter().find(|p| p.config.name == name)?;
        process.count.map(|_| process.has_quorum)
    }

    pub(super) fn file_read(&mut self, name: String, value: i32) -> Changed {
        if self.files.insert(name, value) == Some(value) {
            Changed::No
        } else {
            Changed::Yes
        }
    }

    pub(super) fn processes_counted(
        &mut self,
        name: &str,
        count: u32,
        now: Instant,
        actions: &mut Actions,
    ) -> Changed {
        let mut processes = self.processes.iter_mut();
        match processes.find(|process| process.config.name == name) {
            Some(process) => process.counted(count, now, actions),
            None => Changed::No,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let pending = self.processes.iter().filter_map(|it| it.changes_at);
        pending.min()
    }

    pub(super) fn timeout(&mut self, now: Instant, actions: &mut Actions) -> Changed {
        let mut changed = Changed::No;
        for process in &mut self.processes {
            if process.timeout(now, actions) == Changed::Yes {
                changed = Changed::Yes;
            }
        }
        changed
    }

    /// Files and processes that are the same keep what they said; the others have said nothing yet.
    pub(super) fn reload(&mut self, old: &Config, new: &Config) {
        let is_same = |name: &str| {
            let path = |config: &Config| {
                let mut files = config.track_files.iter();
                let file = files.find(|file| file.name == name);
                file.map(|file| file.file.clone())
            };
            path(old) == path(new)
        };
        self.files.retain(|name, _| is_same(name));
        let earlier = std::mem::take(&mut self.processes);
        self.processes = new
            .vrrp_track_processes
            .iter()
            .map(|config| {
                let same = earlier.iter().find(|it| it.counts_the_same(config));
                Process::new(config.clone(), same.and_then(|it| it.count))
            })
            .collect();
    }
}

#[derive(Clone, Debug)]
struct Process {
    config: TrackedProcess,
    /// `None` before the first count.
    count: Option<u32>,
    /// The count that counts, after its delay, is as it should be.
    has_quorum: bool,
    /// When `has_quorum` turns round, unless the count does first.
    changes_at: Option<Instant>,
}

impl Process {
    fn new(config: TrackedProcess, count: Option<u32>) -> Self {
        Self {
            has_quorum: count.is_some_and(|count| is_quorum(&config, count)),
            config,
            count,
            changes_at: None,
        }
    }

    fn counts_the_same(&self, config: &TrackedProcess) -> bool {
        self.config.name == config.name
            && self.config.process == config.process
            && self.config.parameters == config.parameters
            && self.config.param_match == config.param_match
            && self.config.full_command == config.full_command
    }

    fn counted(&mut self, count: u32, now: Instant, actions: &mut Actions) -> Changed {
        let Some(earlier) = self.count.replace(count) else {
            self.has_quorum = is_quorum(&self.config, count);
            return Changed::Yes;
        };
        if is_quorum(&self.config, count) == self.has_quorum {
            self.changes_at = None;
            return Changed::No;
        }
        let delay = if count > earlier {
            self.config.fork_delay
        } else {
            self.config.terminate_delay
        };
        if delay.is_zero() {
            return self.turn(actions);
        }
        self.changes_at.get_or_insert(now + delay);
        Changed::No
    }

    fn timeout(&mut self, now: Instant, actions: &mut Actions) -> Changed {
        if self.changes_at.is_some_and(|at| at <= now) {
            self.turn(actions)
        } else {
            Changed::No
        }
    }

    fn turn(&mut self, actions: &mut Actions) -> Changed {
        self.changes_at = None;
        self.has_quorum = !self.has_quorum;
        actions.push(Action::Log(Event::Tracking(TrackingEvent::Quorum {
            process: self.config.name.clone(),
            is_gained: self.has_quorum,
        })));
        Changed::Yes
    }
}

fn is_quorum(config: &TrackedProcess, count: u32) -> bool {
    count >= config.quorum && config.quorum_max.is_none_or(|max| count <= max)
}

/// What is logged about tracked objects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TrackingEvent {
    Quorum {
        process: String,
        is_gained: bool,
    },
    /// A script that may not run; it counts as failed.
    ScriptRefused {
        script: String,
        why: String,
    },
    /// A change of an interface's state does not count yet.
    InterfaceDelayed {
        interface: crate::types::InterfaceName,
        is_up: bool,
        delay: std::time::Duration,
    },
    /// It has changed back before it counted.
    InterfaceDelayCancelled {
        interface: crate::types::InterfaceName,
    },
}

impl TrackingEvent {
    pub(super) fn is_detail(&self) -> bool {
        match self {
            Self::InterfaceDelayed { .. } | Self::InterfaceDelayCancelled { .. } => true,
            Self::Quorum { .. } | Self::ScriptRefused { .. } => false,
        }
    }
}

impl fmt::Display for TrackingEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quorum { process, is_gained } => {
                let what = if *is_gained { "gained" } else { "lost" };
                write!(f, "Quorum {what} for tracked process {process}")
            }
            Self::ScriptRefused { script, why } => {
                write!(
                    f,
                    "VRRP_Script({script}) is not run and counts as failed: {why}"
                )
            }
            Self::InterfaceDelayed {
                interface,
                is_up,
                delay,
            } => {
                let state = if *is_up { "up" } else { "down" };
                let micros = delay.as_micros();
                write!(
                    f,
                    "{interface}: Adding flags change to {state} delay by {micros}"
                )
            }
            Self::InterfaceDelayCancelled { interface } => {
                write!(f, "Delay timer for {interface} cancelled")
            }
        }
    }
}

/// The number at the beginning of a tracked file, decimal, octal or hexadecimal as C writes them; 0 where there is none,
/// `None` where it does not fit (keepalived: strtol with base 0).
pub(super) fn file_number(bytes: &[u8]) -> Option<i32> {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let (is_negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        Some(_) | None => (false, text),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (digits, radix) = match hexadecimal {
        Some(rest) => (rest, 16),
        None if digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix));
    let digits = digits.get(..end.unwrap_or(digits.len()))?;
    if digits.is_empty() {
        return Some(0);
    }
    let number = i64::from_str_radix(digits, radix).ok()?;
    i32::try_from(if is_negative { -number } else { number }).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::ParamMatch;
    use crate::types::TrackWeight;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        let cases: &[(&str, Option<i32>)] = &[
            ("", Some(0)),
            ("word", Some(0)),
            (" \n-12x", Some(-12)),
            ("+7", Some(7)),
            ("010", Some(8)),
            ("09", Some(0)),
            ("0x1f", Some(31)),
            ("0xg", Some(0)),
            ("2147483648", None),
            ("-2147483648", Some(i32::MIN)),
            ("99999999999999999999", None),
        ];
        for (text, number) in cases {
            assert_eq!(file_number(text.as_bytes()), *number, "{text:?}");
        }
        assert_eq!(file_number(&[0xff, b'1']), Some(0));
    }

    fn trackers(fork_delay: u64, terminate_delay: u64, quorum: u32, max: Option<u32>) -> Trackers {
        let config = Config {
            vrrp_track_processes: vec![TrackedProcess {
                name: "P".to_owned(),
                process: "named".to_owned(),
                parameters: Vec::new(),
                param_match: ParamMatch::Any,
                full_command: false,
                weight: TrackWeight::FAULT,
                reverse: false,
                quorum,
                quorum_max: max,
                fork_delay: Duration::from_secs(fork_delay),
                terminate_delay: Duration::from_secs(terminate_delay),
            }],
            ..Config::default()
        };
        Trackers::new(&config, &TrackedNow::default())
    }

    #[test]
    fn a_process_that_comes_back_in_time_is_not_missed() {
        let mut trackers = trackers(0, 2, 1, None);
        let (start, mut actions) = (Instant::now(), Actions::new());
        let mut count = |trackers: &mut Trackers, count, at| {
            let now = start + Duration::from_secs(at);
            trackers.processes_counted("P", count, now, &mut actions)
        };
        assert_eq!(count(&mut trackers, 1, 0), Changed::Yes);
        assert_eq!(trackers.process("P"), Some(true));
        assert_eq!(count(&mut trackers, 0, 1), Changed::No);
        assert_eq!(
            trackers.next_timeout(),
            Some(start + Duration::from_secs(3))
        );
        assert_eq!(count(&mut trackers, 1, 2), Changed::No);
        assert_eq!(trackers.next_timeout(), None);
        assert_eq!(count(&mut trackers, 0, 4), Changed::No);
        let now = start + Duration::from_secs(6);
        assert_eq!(trackers.timeout(now, &mut actions), Changed::Yes);
        assert_eq!(trackers.process("P"), Some(false));
    }

    #[test]
    fn a_process_that_must_not_run_counts_at_once() {
        let mut trackers = trackers(0, 0, 0, Some(0));
        let (now, mut actions) = (Instant::now(), Actions::new());
        assert_eq!(trackers.process("P"), None, "not counted yet");
        assert_eq!(
            trackers.processes_counted("P", 0, now, &mut actions),
            Changed::Yes
        );
        assert_eq!(trackers.process("P"), Some(true));
        assert_eq!(
            trackers.processes_counted("P", 1, now, &mut actions),
            Changed::Yes
        );
        assert_eq!(trackers.process("P"), Some(false));
        let lines: Vec<String> = actions
            .iter()
            .map(|action| match action {
                Action::Log(event) => event.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lines, ["Quorum lost for tracked process P"]);
    }
}
