//! A process inside a namespace, with every line it prints and the moment it printed it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::{wait_for, wait_until};
use super::{LabError, Namespace, Result};

/// What one process printed, both streams together.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

#[derive(Clone, Debug)]
pub struct Line {
    pub at: Instant,
    pub text: String,
}

impl Log {
    pub fn lines(&self) -> Vec<Line> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Everything printed at or after `from`.
    pub fn since(&self, from: Instant) -> Vec<Line> {
        self.lines()
            .into_iter()
            .filter(|line| line.at >= from)
            .collect()
    }

    pub fn contains(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.text.contains(text))
    }

    pub fn count_since(&self, from: Instant, text: &str) -> usize {
        self.since(from)
            .iter()
            .filter(|line| line.text.contains(text))
            .count()
    }

    /// The first line at or after `from` that contains `text`; the error shows the log's end.
    pub fn wait_for(&self, from: Instant, text: &str, bound: Duration) -> Result<Line> {
        let found = wait_for("", bound, || {
            self.since(from)
                .into_iter()
                .find(|line| line.text.contains(text))
        });
        found.map_err(|_| LabError::Timeout {
            condition: format!("the log line `{text}`"),
            bound,
            detail: format!("; the log ends:\n{}", self.tail(40)),
        })
    }

    pub fn tail(&self, count: usize) -> String {
        let lines = self.lines();
        let start = lines.len().saturating_sub(count);
        lines[start..]
            .iter()
            .map(|line| format!("    {}\n", line.text))
            .collect()
    }

    fn follow(&self, stream: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for text in BufReader::new(stream)
                .split(b'\n')
                .map_while(std::result::Result::ok)
            {
                let text = String::from_utf8_lossy(&text).into_owned();
                let line = Line {
                    at: Instant::now(),
                    text,
                };
                log.0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
    }
}

#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: Log,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `program` inside `ns`. It leads a process group, so a Ctrl-C at the terminal reaches
    /// only the lab, and it dies with the lab's process.
    pub fn spawn<S: AsRef<std::ffi::OsStr>>(
        ns: &Namespace,
        name: &str,
        program: &str,
        args: &[S],
    ) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", program])
            .args(args)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = ns
            .enter(|| command.spawn())?
            .map_err(|error| LabError::Command {
                command: format!("{command:?}"),
                reason: error.to_string(),
            })?;
        let log = Log::default();
        if let Some(stdout) = child.stdout.take() {
            log.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr);
        }
        Ok(Self {
            child,
            name: name.to_owned(),
            log,
            status: None,
        })
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    pub fn log(&self) -> Log {
        self.log.clone()
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.status.is_none() {
            kill(Pid::from_raw(self.pid()), signal)?;
        }
        Ok(())
    }

    pub fn is_running(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status.is_none()
    }

    /// Its exit status once it has ended.
    pub fn wait(&mut self, bound: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let log = self.log.clone();
        wait_for("", bound, || {
            self.is_running();
            self.status
        })
        .map_err(|_| LabError::Timeout {
            condition: what,
            bound,
            detail: format!("; its log ends:\n{}", log.tail(20)),
        })
    }

    /// SIGKILL for the process and all its descendants, so fast that no descendant can react to the
    /// death of another: the ones who supervise are stopped first.
    pub fn kill_tree(&mut self) {
        if !self.is_running() {
            return;
        }
        let root = self.pid();
        kill(Pid::from_raw(root), Signal::SIGSTOP).ok();
        for pid in descendants(root) {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
        kill(Pid::from_raw(root), Signal::SIGKILL).ok();
        self.wait(Duration::from_secs(2)).ok();
    }

    /// SIGTERM, then SIGKILL for what has not ended within `bound`.
    pub fn stop(&mut self, bound: Duration) {
        self.signal(Signal::SIGTERM).ok();
        if self.wait(bound).is_err() {
            self.kill_tree();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_tree();
    }
}

pub fn all_pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Is the process there and not a zombie?
pub fn is_alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// Letter of the process state in proc(5).
pub fn state(pid: i32) -> Option<char> {
    stat_after_name(pid)?.chars().next()
}

pub fn parent_of(pid: i32) -> Option<i32> {
    stat_after_name(pid)?
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// proc(5) `stat` from the state letter on; the name before it may contain anything.
fn stat_after_name(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.to_owned())
}

/// Children, their children and so on.
pub fn descendants(root: i32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> = all_pids()
        .into_iter()
        .filter_map(|pid| Some((pid, parent_of(pid)?)))
        .collect();
    let mut found = Vec::new();
    let mut wanted = vec![root];
    while let Some(parent) = wanted.pop() {
        for (pid, _) in parents.iter().filter(|(_, of)| *of == parent) {
            found.push(*pid);
            wanted.push(*pid);
        }
    }
    found
}

/// Waits until the process is gone.
pub fn wait_until_gone(pid: i32, bound: Duration) -> Result<()> {
    wait_until(&format!("the end of process {pid}"), bound, || {
        !is_alive(pid)
    })
}
