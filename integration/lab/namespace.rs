//! One network namespace: made with `ip netns`, so that a human can look into it, and entered by a
//! thread with setns(2), so that no process per request is needed.

use std::fs::{self, File};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns};

use super::{LabError, Result};

#[derive(Debug)]
pub struct Namespace {
    name: String,
    file: File,
}

impl Namespace {
    /// Creates it; removing it is the business of `cleanup`.
    pub fn create(name: &str) -> Result<Self> {
        let output = Command::new("ip").args(["netns", "add", name]).output()?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(LabError::NoNamespaces(reason));
        }
        let file = File::open(path(name))?;
        let ns = Self {
            name: name.to_owned(),
            file,
        };
        // Addresses are usable at once instead of after a second of duplicate detection.
        for which in ["all", "default"] {
            ns.sysctl(&format!("net/ipv6/conf/{which}/accept_dad"), "0")?;
            ns.sysctl(&format!("net/ipv4/conf/{which}/rp_filter"), "0")?;
        }
        Ok(ns)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` with the calling thread inside the namespace: sockets opened and processes
    /// started there stay there.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        let outside = File::open("/proc/thread-self/ns/net")?;
        setns(&self.file, CloneFlags::CLONE_NEWNET)?;
        let _back = Back(outside);
        Ok(work())
    }

    /// A thread of its own that lives inside the namespace.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<std::thread::JoinHandle<T>> {
        let file = self.file.try_clone()?;
        let (entered, result) = std::sync::mpsc::channel();
        let handle = std::thread::spawn(move || {
            entered.send(setns(&file, CloneFlags::CLONE_NEWNET)).ok();
            work()
        });
        result
            .recv()
            .map_err(|_| LabError::Failed("a thread of the lab died".to_owned()))??;
        Ok(handle)
    }

    /// Carries out lines of `ip -batch`.
    pub fn ip(&self, batch: &str) -> Result<()> {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(batch.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(LabError::Command {
            command: format!("ip -n {} -batch: {}", self.name, batch.trim()),
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Runs a command inside to its end and returns its standard output.
    pub fn run(&self, command: &mut Command) -> Result<String> {
        let output = self.enter(|| command.output())??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        Err(LabError::Command {
            command: format!("{command:?}"),
            reason: format!(
                "{} {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ),
        })
    }

    /// Sets `/proc/sys/KEY` as this namespace sees it.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = PathBuf::from("/proc/sys").join(key);
        self.enter(|| fs::write(&path, value))?
            .map_err(|error| LabError::Command {
                command: format!("sysctl {key}={value}"),
                reason: error.to_string(),
            })
    }

    /// Does an interface hold this address now?
    pub fn has_address(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        let addresses = self.enter(nix::ifaddrs::getifaddrs);
        let Ok(Ok(addresses)) = addresses else {
            return false;
        };
        addresses
            .filter_map(|entry| entry.address)
            .any(|held| match address {
                IpAddr::V4(address) => held.as_sockaddr_in().is_some_and(|it| it.ip() == address),
                IpAddr::V6(address) => held.as_sockaddr_in6().is_some_and(|it| it.ip() == address),
            })
    }

    /// Processes whose main thread is inside.
    pub fn pids(&self) -> Vec<i32> {
        pids_inside(&self.name)
    }
}

/// Takes the thread out again, also when the work panicked.
struct Back(File);

impl Drop for Back {
    fn drop(&mut self) {
        // A thread that cannot return must not go on as if it were outside.
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("a thread returns to its own namespace");
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(name)
}

/// Processes inside the namespace of that name, except this one.
pub fn pids_inside(name: &str) -> Vec<i32> {
    let Ok(namespace) = fs::metadata(path(name)) else {
        return Vec::new();
    };
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    super::process::all_pids()
        .into_iter()
        .filter(|pid| *pid != own)
        .filter(|pid| {
            fs::metadata(format!("/proc/{pid}/ns/net"))
                .is_ok_and(|of| of.ino() == namespace.ino() && of.dev() == namespace.dev())
        })
        .collect()
}
