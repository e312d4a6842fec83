//! Tracked files and processes: reads them when something happens, and tells the routers what they say.
//!
//! Neither the disk nor `/proc` is ever waited for in the loop: a helper thread reads, and the answer comes as an
//! input.

use std::io;
use std::os::fd::BorrowedFd;

use tokio::task::JoinError;
use tracing::warn;

use super::files::Files;
use super::processes::Processes;
use crate::config::Config;
use crate::netlink::ReceiveBuffer;
use crate::sys::poll_set::PollSet;
use crate::vrrp::{Input, TrackedNow};

const FILES: u64 = 0;
const PROCESSES: u64 = 1;

/// When files are made that are missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Moment {
    Start,
    Reload,
}

#[derive(Debug)]
pub(super) struct Trackers {
    set: PollSet,
    files: Files,
    processes: Processes,
}

impl Trackers {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            set: PollSet::new()?,
            files: Files::default(),
            processes: Processes::default(),
        })
    }

    /// Watches what `config` tracks and reads it all for the first time.
    pub(super) async fn start(&mut self, config: &Config) -> TrackedNow {
        self.watch(config, Moment::Start);
        TrackedNow {
            files: self.files.all_read().await,
            processes: self.processes.counted().await,
        }
    }

    /// Goes over to what `config` tracks; [`Self::news`] tells what is new.
    pub(super) fn reload(&mut self, config: &Config) {
        self.watch(config, Moment::Reload);
    }

    fn watch(&mut self, config: &Config, moment: Moment) {
        let set = &self.set;
        let add = |descriptor: BorrowedFd<'_>, key: u64| {
            if let Err(error) = set.add(descriptor, key) {
                warn!("Unable to watch files or processes: {error}");
            }
        };
        match self.files.watch(&config.track_files, moment) {
            Ok(Some(inotify)) => add(inotify, FILES),
            Ok(None) => {}
            Err(error) => warn!("Unable to monitor track files: {error}"),
        }
        let processes = &config.global_defs.processes;
        let buffer = ReceiveBuffer {
            octets: processes.process_monitor_rcv_bufs,
            force: processes.process_monitor_rcv_bufs_force,
        };
        if let Some(connector) = self.processes.watch(&config.vrrp_track_processes, buffer) {
            add(connector, PROCESSES);
        }
    }

    /// Waits until something tracked says something. Never returns while there is nothing; safe to drop at any time.
    pub(super) async fn news(&mut self) -> Vec<Input<'static>> {
        loop {
            let inputs = tokio::select! {
                readable = self.set.readable() => {
                    if let Err(error) = readable {
                        warn!("Unable to wait for files or processes: {error}");
                        std::future::pending::<()>().await;
                    }
                    self.files.changed();
                    self.processes.changed()
                }
                input = self.files.read() => vec![input],
                inputs = self.processes.read() => inputs,
            };
            if !inputs.is_empty() {
                return inputs;
            }
        }
    }
}

/// A helper thread that was lost, which is a bug of ours.
pub(super) fn lost(error: &JoinError) {
    warn!("A helper thread was lost: {error}");
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::config::{ParamMatch, TrackedProcess};
    use crate::types::TrackWeight;

    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().expect("killed");
            self.0.wait().expect("waited");
        }
    }

    async fn until(trackers: &mut Trackers, wanted: u32) {
        let until = async {
            loop {
                let is_it = |input: &Input<'_>| matches!(input, Input::ProcessesCounted { count, .. } if *count == wanted);
                if trackers.news().await.iter().any(is_it) {
                    return;
                }
            }
        };
        let until = tokio::time::timeout(Duration::from_secs(20), until);
        until.await.expect("within twenty seconds");
    }

    #[tokio::test(flavor = "current_thread")]
    #[ignore = "listens to the kernel's process events: run as root in the first namespaces with --ignored"]
    async fn the_kernel_tells_of_processes_before_they_are_looked_for() {
        let connector = std::fs::read_to_string("/proc/net/connector").unwrap_or_default();
        if !connector.contains("cn_proc") {
            println!("the kernel has no process events here");
            return;
        }
        let seconds = format!("986{}", std::process::id());
        let process = TrackedProcess {
            name: "P".to_owned(),
            process: "/bin/sleep".to_owned(),
            parameters: vec![seconds.clone()],
            param_match: ParamMatch::Exact,
            full_command: true,
            weight: TrackWeight::FAULT,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        };
        let config = Config {
            vrrp_track_processes: vec![process],
            ..Config::default()
        };
        let mut trackers = Trackers::new().expect("epoll");
        let tracked = trackers.start(&config).await;
        assert_eq!(tracked.processes, [("P".to_owned(), 0)]);
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            let sleeper = Sleeper(
                Command::new("/bin/sleep")
                    .arg(&seconds)
                    .spawn()
                    .expect("sleep"),
            );
            until(&mut trackers, 1).await;
            let ended = Instant::now();
            drop(sleeper);
            until(&mut trackers, 0).await;
            slowest = slowest.max(ended.elapsed());
        }
        println!("the slowest end was told after {slowest:?}");
        assert!(trackers.processes.is_listening());
    }
}
