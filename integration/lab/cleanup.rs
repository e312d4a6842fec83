//! Nothing of a lab outlives it: not after a panic, not after Ctrl-C, and after a SIGKILL only until
//! the next lab is built.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::namespace::{Namespace, pids_inside};
use super::wait::wait_until;
use super::{LabError, Result};

/// Namespaces and directories are called `hflab-PID-N…`.
const PREFIX: &str = "hflab";

static NEXT: AtomicU32 = AtomicU32::new(0);
static STANDING: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

/// What one lab made and has to remove.
#[derive(Debug)]
pub struct Record {
    prefix: String,
    dir: PathBuf,
    /// Nothing once the lab is torn down: nobody may add to it any more.
    namespaces: Mutex<Option<Vec<String>>>,
}

impl Record {
    pub fn register() -> Result<Arc<Self>> {
        tear_down_on_signals();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{PREFIX}-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(&prefix);
        fs::create_dir_all(&dir)?;
        let record = Arc::new(Self {
            prefix,
            dir,
            namespaces: Mutex::new(Some(Vec::new())),
        });
        lock(&STANDING).push(Arc::clone(&record));
        Ok(record)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn namespace(&self, role: &str) -> Result<Namespace> {
        let name = format!("{}-{role}", self.prefix);
        let mut namespaces = lock(&self.namespaces);
        let Some(namespaces) = namespaces.as_mut() else {
            return Err(LabError::Failed("the lab was removed".to_owned()));
        };
        namespaces.push(name.clone());
        Namespace::create(&name)
    }

    /// Ends the processes, then removes namespaces and files. Carried out once; whoever comes second
    /// waits, so that no `main` returns in the middle of it. Reports nothing: what cannot be removed
    /// is swept by the next lab.
    pub fn tear_down(&self) {
        let mut namespaces = lock(&self.namespaces);
        let Some(names) = namespaces.take() else {
            return;
        };
        remove_namespaces(&names);
        // The reason of a failed test may be in there.
        if std::env::var_os("LAB_KEEP_FILES").is_none() {
            fs::remove_dir_all(&self.dir).ok();
        }
        lock(&STANDING).retain(|record| record.prefix != self.prefix);
    }
}

/// Removes every lab of this process; for signal handlers and panic hooks.
pub fn tear_down_all() {
    let standing = lock(&STANDING).clone();
    for record in standing {
        record.tear_down();
    }
}

/// Removes labs whose owner is gone without having cleaned up.
pub fn remove_what_dead_owners_left() {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    let orphans: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| owner(name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()))
        .collect();
    remove_namespaces(&orphans);
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let dead = entry
            .file_name()
            .to_str()
            .and_then(owner)
            .is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        if dead {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// The process that made a thing of this name.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?
        .strip_prefix('-')?
        .split('-')
        .next()?
        .parse()
        .ok()
}

fn remove_namespaces(names: &[String]) {
    // A supervisor restarts what is killed: kill until nobody is left.
    wait_until(
        "processes of the lab to end",
        Duration::from_secs(5),
        || {
            let pids: Vec<i32> = names.iter().flat_map(|name| pids_inside(name)).collect();
            for pid in &pids {
                kill(Pid::from_raw(*pid), Signal::SIGKILL).ok();
            }
            pids.is_empty()
        },
    )
    .ok();
    for name in names {
        Command::new("ip")
            .args(["netns", "del", name])
            .output()
            .ok();
    }
}

/// Ctrl-C and SIGTERM remove the labs and end the process with the usual status.
fn tear_down_on_signals() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let (ready, installed) = std::sync::mpsc::channel();
        thread::spawn(move || {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            else {
                return;
            };
            runtime.block_on(async {
                let (Ok(mut interrupt), Ok(mut terminate)) = (
                    signal(SignalKind::interrupt()),
                    signal(SignalKind::terminate()),
                ) else {
                    return;
                };
                ready.send(()).ok();
                let status = tokio::select! {
                    _ = interrupt.recv() => 130,
                    _ = terminate.recv() => 143,
                };
                eprintln!("interrupted, removing the lab");
                tear_down_all();
                std::process::exit(status);
            });
        });
        installed.recv().ok();
    });
}

/// Right to have a lab standing: many at once, or one alone on the whole machine.
#[derive(Debug)]
pub struct Turn {
    _lock: Flock<File>,
}

impl Turn {
    pub fn shared() -> Result<Self> {
        Self::take(FlockArg::LockShared)
    }

    pub fn alone() -> Result<Self> {
        Self::take(FlockArg::LockExclusive)
    }

    fn take(kind: FlockArg) -> Result<Self> {
        let path = std::env::temp_dir().join("holdfast-lab.lock");
        let file = File::options().create(true).append(true).open(path)?;
        let lock = Flock::lock(file, kind).map_err(|(_, errno)| LabError::Errno(errno))?;
        Ok(Self { _lock: lock })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
