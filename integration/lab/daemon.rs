//! The program under test on a director: ours, or Debian's keepalived.
//!
//! `UNDER_TEST=theirs` runs keepalived where a test makes sense against both.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{Log, Process, is_alive};
use super::wait::{wait_for, wait_until};
use super::{Director, LabError, Result};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    Holdfast,
    /// Debian's package; VRRP only, for the kernel of the lab may have no IPVS.
    Keepalived,
}

/// A child process of the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChildKind {
    Vrrp,
    Checker,
    DataPlane,
}

impl ChildKind {
    pub const ALL: [Self; 3] = [Self::Vrrp, Self::Checker, Self::DataPlane];

    fn pid_file(self) -> &'static str {
        match self {
            Self::Vrrp => "vrrp.pid",
            Self::Checker => "checkers.pid",
            Self::DataPlane => "lvs.pid",
        }
    }
}

impl Program {
    /// What `UNDER_TEST` asks for, ours by default.
    pub fn under_test() -> Self {
        match std::env::var("UNDER_TEST").as_deref() {
            Ok("theirs") => Self::Keepalived,
            _ => Self::Holdfast,
        }
    }

    fn arguments(self, config: &Path, run: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["-n", "-l", "-D", "-f"].map(OsString::from).into();
        arguments.push(config.into());
        match self {
            Self::Holdfast => arguments.extend(["--run-directory".into(), run.into()]),
            Self::Keepalived => {
                arguments.push("-P".into());
                for (option, name) in [
                    ("-p", "keepalived.pid"),
                    ("-r", "vrrp.pid"),
                    ("-c", "checkers.pid"),
                ] {
                    arguments.extend([option.into(), run.join(name).into()]);
                }
            }
        }
        arguments
    }
}

/// Path of one of our programs: cargo's word in a test, beside the example otherwise.
pub fn binary(name: &str) -> String {
    let built = match name {
        "holdfastd" => option_env!("CARGO_BIN_EXE_holdfastd"),
        _ => option_env!("CARGO_BIN_EXE_holdfast"),
    };
    if let Some(path) = built {
        return path.to_owned();
    }
    // target/PROFILE/examples/lab -> target/PROFILE/NAME
    let beside = std::env::current_exe().ok().and_then(|exe| {
        let profile = exe.parent()?.parent()?;
        Some(profile.join(name).display().to_string())
    });
    beside.unwrap_or_else(|| name.to_owned())
}

/// A daemon running on a director, with its log.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    program: Program,
    ns_name: String,
    run: PathBuf,
    config: PathBuf,
    started: Instant,
}

impl Daemon {
    /// Writes `config` beside the director's run directory and starts the program on it.
    pub fn start(program: Program, director: &Director, config: &str) -> Result<Self> {
        let path = director.run.with_extension("conf");
        fs::write(&path, config)?;
        Self::start_on(program, director, &path)
    }

    /// Starts the program on a configuration file that exists.
    pub fn start_on(program: Program, director: &Director, config: &Path) -> Result<Self> {
        Self::start_with(program, director, config, &[])
    }

    /// As [`Self::start_on`], with more arguments.
    pub fn start_with(
        program: Program,
        director: &Director,
        config: &Path,
        more: &[&str],
    ) -> Result<Self> {
        let binary = match program {
            Program::Holdfast => binary("holdfastd"),
            Program::Keepalived => "keepalived".to_owned(),
        };
        let mut arguments = program.arguments(config, &director.run);
        arguments.extend(more.iter().map(OsString::from));
        let started = Instant::now();
        let process = Process::spawn(&director.ns, director.name, &binary, &arguments)?;
        Ok(Self {
            process,
            program,
            ns_name: director.ns.name().to_owned(),
            run: director.run.clone(),
            config: config.to_owned(),
            started,
        })
    }

    pub fn started(&self) -> Instant {
        self.started
    }

    pub fn log(&self) -> Log {
        self.process.log()
    }

    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    pub fn wait(&mut self, bound: Duration) -> Result<ExitStatus> {
        self.process.wait(bound)
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Writes the file anew and asks for a reload.
    pub fn reload(&self, config: &str) -> Result<()> {
        fs::write(&self.config, config)?;
        self.signal(Signal::SIGHUP)
    }

    /// Pid of a child by its pid file, if that process is alive.
    pub fn child(&self, kind: ChildKind) -> Option<i32> {
        let text = fs::read_to_string(self.run.join(kind.pid_file())).ok()?;
        text.trim().parse().ok().filter(|pid| is_alive(*pid))
    }

    /// As [`Self::child`], waiting for it.
    pub fn wait_for_child(&self, kind: ChildKind, bound: Duration) -> Result<i32> {
        wait_for("", bound, || self.child(kind)).map_err(|_| LabError::Timeout {
            condition: format!("the {kind:?} child"),
            bound,
            detail: format!("; the log ends:\n{}", self.log().tail(40)),
        })
    }

    /// Sends a signal to a child and returns the pid it had.
    pub fn signal_child(&self, kind: ChildKind, signal: Signal) -> Result<i32> {
        let pid = self.wait_for_child(kind, Duration::from_secs(2))?;
        kill(Pid::from_raw(pid), signal)?;
        Ok(pid)
    }

    /// Waits for a successor of the child `old`.
    pub fn wait_for_successor(&self, kind: ChildKind, old: i32, bound: Duration) -> Result<i32> {
        wait_for("", bound, || self.child(kind).filter(|pid| *pid != old)).map_err(|_| {
            LabError::Timeout {
                condition: format!("a successor of the {kind:?} child {old}"),
                bound,
                detail: format!("; the log ends:\n{}", self.log().tail(40)),
            }
        })
    }

    /// SIGKILL for the whole tree, and for children that an earlier parent left behind.
    pub fn kill_tree(&mut self) {
        let orphans: Vec<i32> = ChildKind::ALL
            .into_iter()
            .filter_map(|kind| self.child(kind))
            .filter(|pid| super::namespace::pids_inside(&self.ns_name).contains(pid))
            .collect();
        self.process.kill_tree();
        for pid in orphans {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }

    /// SIGTERM and its exit status.
    pub fn terminate(&mut self, bound: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(bound)
    }

    /// Waits until a log line says that an instance became master.
    pub fn wait_for_master(&self, from: Instant, bound: Duration) -> Result<Instant> {
        let line = self.log().wait_for(from, "Entering MASTER STATE", bound)?;
        Ok(line.at)
    }

    pub fn program(&self) -> Program {
        self.program
    }
}

/// `holdfast fence`: takes away what a daemon that is gone left on the director.
pub fn fence(director: &Director) -> Result<String> {
    let mut command = Command::new(binary("holdfast"));
    command
        .arg("fence")
        .arg("--run-directory")
        .arg(&director.run);
    director.ns.run(&mut command)
}

/// Waits until the director holds an address.
pub fn wait_for_address(director: &Director, address: Ipv4Addr, bound: Duration) -> Result<()> {
    wait_until(
        &format!("{address} on director {}", director.name),
        bound,
        || director.ns.has_address(address),
    )
}
