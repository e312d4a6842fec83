//! What processes cost, and the load that competes with them.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::lab::{Namespace, Result};

/// Time on a processor of all processes inside a namespace.
pub(crate) fn cpu(ns: &Namespace) -> Duration {
    let of = |pid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        text.split(' ')
            .next()?
            .parse()
            .ok()
            .map(Duration::from_nanos)
    };
    ns.pids().into_iter().filter_map(of).sum()
}

/// Proportional share of memory of all processes inside a namespace, in KiB.
pub(crate) fn memory(ns: &Namespace) -> u64 {
    let of = |pid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find(|line| line.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    ns.pids().into_iter().filter_map(of).sum()
}

/// One endless loop for each processor, until it is dropped.
pub(crate) struct BusyLoops(Vec<Child>);

impl BusyLoops {
    pub(crate) fn start() -> Result<Self> {
        let count = std::thread::available_parallelism()?.get();
        let mut loops = Self(Vec::new());
        for _ in 0..count {
            let child = Command::new("setpriv")
                .args([
                    "--pdeathsig",
                    "KILL",
                    "--",
                    "sh",
                    "-c",
                    "while :; do :; done",
                ])
                .stdin(Stdio::null())
                .spawn()?;
            loops.0.push(child);
        }
        Ok(loops)
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// The value below which so many of a thousand lie.
pub(crate) fn per_mille(sorted: &[Duration], share: usize) -> Duration {
    let index = (sorted.len() * share / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}
