//! Tracked processes: all of `/proc` at first, then what the kernel's connector tells (keepalived: track_process.c).
//!
//! Where the connector does not serve, as in a container, `/proc` is read again and again.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{info, warn};

use super::trackers::lost;
use crate::config::TrackedProcess;
use crate::netlink::{ProcConnector, ProcEvent, ReceiveBuffer};
use crate::vrrp::Input;
use crate::vrrp::process_table::{ProcessTable, Program};

/// How often all processes are looked for where the kernel tells nothing.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Processes {
    connector: Option<ProcConnector>,
    /// The kernel tells everything.
    is_listening: bool,
    table: ProcessTable,
    told: Vec<(String, u32)>,
    tasks: JoinSet<Done>,
    is_busy: bool,
    /// To be looked at as soon as the helper is free.
    wanted: Wanted,
    /// Ended while the helper was looking.
    ended: BTreeSet<u32>,
}

/// What the helper is to look at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Wanted {
    #[default]
    Nothing,
    These(BTreeSet<u32>),
    All,
}

#[derive(Debug)]
enum Done {
    All(Vec<(u32, Program)>),
    These(Vec<(u32, Option<Program>)>),
    /// It is time to look at everything again.
    Again,
}

impl Processes {
    /// Counts these from now on. Returns the descriptor to wait for if it is a new one.
    pub(super) fn watch(
        &mut self,
        wanted: &[TrackedProcess],
        buffer: ReceiveBuffer,
    ) -> Option<BorrowedFd<'_>> {
        if self.table.wanted() == wanted {
            return None;
        }
        let is_first = self.table.is_empty();
        self.table = ProcessTable::new(wanted.to_vec());
        self.told.clear();
        if self.table.is_empty() {
            self.connector = None;
            self.is_listening = false;
            return None;
        }
        self.want(Wanted::All);
        if !is_first {
            return None;
        }
        match ProcConnector::open(buffer) {
            Ok(connector) => self.connector = Some(connector),
            Err(error) => info!("The kernel does not tell of processes here ({error})"),
        }
        self.tasks.spawn(again());
        self.connector.as_ref().map(AsFd::as_fd)
    }

    /// The kernel tells of everything.
    #[cfg(test)]
    pub(super) fn is_listening(&self) -> bool {
        self.is_listening
    }

    /// Waits for the first count.
    pub(super) async fn counted(&mut self) -> Vec<(String, u32)> {
        while self.told.is_empty() && !self.table.is_empty() {
            self.read().await;
        }
        self.told.clone()
    }

    /// What the kernel has told. Returns what it changes.
    pub(super) fn changed(&mut self) -> Vec<Input<'static>> {
        let Some(connector) = &self.connector else {
            return Vec::new();
        };
        let events = connector.events().unwrap_or_else(|error| {
            warn!("Unable to read what happens to processes: {error}");
            vec![ProcEvent::Lost]
        });
        for event in events {
            match event {
                ProcEvent::Listening => {
                    self.is_listening = true;
                    self.want(Wanted::All);
                }
                ProcEvent::Forked { parent, child } => {
                    self.ended.remove(&child);
                    self.table.forked(parent, child);
                }
                ProcEvent::Changed { pid } => self.want(Wanted::These(BTreeSet::from([pid]))),
                ProcEvent::Ended { pid } => {
                    self.table.ended(pid);
                    if self.is_busy {
                        self.ended.insert(pid);
                    }
                }
                ProcEvent::Lost => self.want(Wanted::All),
            }
        }
        self.news()
    }

    /// Waits until something has been counted anew, and returns what has changed. Never returns without a tracked
    /// process; safe to drop at any time.
    pub(super) async fn read(&mut self) -> Vec<Input<'static>> {
        match self.tasks.join_next().await {
            Some(Ok(done)) => self.done(done),
            Some(Err(error)) => {
                lost(&error);
                self.is_busy = false;
            }
            None => std::future::pending().await,
        }
        self.news()
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Again => {
                if !self.is_listening && !self.table.is_empty() {
                    self.want(Wanted::All);
                    self.tasks.spawn(again());
                }
                return;
            }
            Done::All(running) => self.table.replace(running),
            Done::These(running) => {
                for (pid, program) in running {
                    match program {
                        Some(program) => self.table.runs(pid, &program),
                        None => self.table.ended(pid),
                    }
                }
            }
        }
        self.is_busy = false;
        for pid in std::mem::take(&mut self.ended) {
            self.table.ended(pid);
        }
        let wanted = std::mem::take(&mut self.wanted);
        self.want(wanted);
    }

    fn want(&mut self, wanted: Wanted) {
        self.wanted = match (std::mem::take(&mut self.wanted), wanted) {
            (Wanted::All, _) | (_, Wanted::All) => Wanted::All,
            (Wanted::Nothing, other) | (other, Wanted::Nothing) => other,
            (Wanted::These(mut some), Wanted::These(others)) => {
                some.extend(others);
                Wanted::These(some)
            }
        };
        if self.is_busy {
            return;
        }
        match std::mem::take(&mut self.wanted) {
            Wanted::Nothing => return,
            Wanted::All => self.tasks.spawn_blocking(|| Done::All(all())),
            Wanted::These(pids) => self.tasks.spawn_blocking(move || {
                let look = |pid| (pid, program(pid));
                Done::These(pids.into_iter().map(look).collect())
            }),
        };
        self.is_busy = true;
    }

    /// The counts that are not what they were when last told. None before the first look.
    fn news(&mut self) -> Vec<Input<'static>> {
        if self.table.is_empty() || (self.told.is_empty() && self.is_busy) {
            return Vec::new();
        }
        let counts = self.table.counts();
        let is_new = |count: &&(String, u32)| !self.told.contains(count);
        let inputs = counts
            .iter()
            .filter(is_new)
            .map(|(process, count)| Input::ProcessesCounted {
                process: process.clone(),
                count: *count,
            })
            .collect();
        self.told = counts;
        inputs
    }
}

async fn again() -> Done {
    tokio::time::sleep(SCAN_INTERVAL).await;
    Done::Again
}

/// Everything that runs.
fn all() -> Vec<(u32, Program)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, program(pid)?))).collect()
}

/// `None`: there is no such process.
fn program(pid: u32) -> Option<Program> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let words = cmdline.strip_suffix(&[0]).unwrap_or(&cmdline);
    Some(Program {
        comm: text(comm.strip_suffix(b"\n").unwrap_or(&comm)),
        cmdline: if words.is_empty() {
            Vec::new()
        } else {
            words.split(|byte| *byte == 0).map(text).collect()
        },
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::config::ParamMatch;
    use crate::types::TrackWeight;

    fn sleeper(seconds: &str) -> (TrackedProcess, impl FnMut() -> Child) {
        let config = TrackedProcess {
            name: "P".to_owned(),
            process: "/bin/sleep".to_owned(),
            parameters: vec![seconds.to_owned()],
            param_match: ParamMatch::Exact,
            full_command: true,
            weight: TrackWeight::FAULT,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        };
        let seconds = seconds.to_owned();
        let start = move || {
            Command::new("/bin/sleep")
                .arg(&seconds)
                .spawn()
                .expect("sleep")
        };
        (config, start)
    }

    async fn until(processes: &mut Processes, wanted: u32) {
        let until = async {
            loop {
                let inputs = processes.read().await;
                let is_it = |input: &Input<'_>| matches!(input, Input::ProcessesCounted { count, .. } if *count == wanted);
                if inputs.iter().any(is_it) {
                    return;
                }
            }
        };
        let until = tokio::time::timeout(Duration::from_secs(20), until);
        until.await.expect("within twenty seconds");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn processes_are_counted_where_the_kernel_tells_nothing() {
        // A number of seconds that nobody else sleeps for.
        let seconds = format!("987{}", std::process::id());
        let (config, mut start) = sleeper(&seconds);
        let mut processes = Processes::default();
        processes.watch(std::slice::from_ref(&config), ReceiveBuffer::default());
        // As where the connector does not serve.
        processes.connector = None;
        assert_eq!(processes.counted().await, [("P".to_owned(), 0)]);
        let mut children = [start(), start()];
        until(&mut processes, 2).await;
        for child in &mut children {
            child.kill().expect("killed");
            child.wait().expect("waited");
        }
        until(&mut processes, 0).await;
    }
}
