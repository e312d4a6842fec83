//! Taking away what the VRRP child owned: by the parent while it lives, by `holdfast fence` when every
//! process is gone (the unit's ExecStopPost). Only what the journal names is ever touched.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::{info, warn};

use super::adopted;
use super::child::hello_socket;
use super::exit_status::ExitStatus;
use super::host::open_namespace;
use super::journal::Journal;
use super::message::ChildKind;
use super::pid_file::PidFile;
use crate::dataplane::{self, driver::TAP_NAME};
use crate::netlink::nft::{DropFilter, NftError};
use crate::netlink::{AddressDeleted, Deleted, Handle, NetlinkError};
use crate::sys::{net_setting, process};
use crate::types::{InterfaceName, Owned, OwnedObject};

/// A process that was sent SIGKILL is gone after this time, or hangs in the kernel.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// The pid file of the parent.
const PID_FILE: &str = "holdfast.pid";

/// Run directories are this far below the common one: namespace, instance.
const DEEPEST: u8 = 2;

/// What came of taking something away.
#[derive(Debug, Default)]
pub(crate) struct TakenAway {
    /// How much was there.
    pub(crate) removed: usize,
    /// What may still be there, and why.
    pub(crate) failed: Vec<(Owned, String)>,
}

impl TakenAway {
    /// One line for each failure.
    pub(crate) fn say_failures(&self) {
        for (_, error) in &self.failed {
            warn!("{error}");
        }
    }
}

/// Takes everything away, rules before routes before addresses; failures do not stop the rest.
pub(crate) async fn take_away<'a>(
    handle: &Handle,
    owned: impl IntoIterator<Item = &'a Owned>,
) -> TakenAway {
    let mut all: Vec<_> = owned.into_iter().collect();
    all.sort();
    let mut taken = TakenAway::default();
    for owned in all {
        match delete(handle, &owned.object).await {
            Ok(Deleted::Deleted) => taken.removed += 1,
            Ok(Deleted::WasNotThere) => {}
            Err(error) => taken.failed.push((owned.clone(), error.to_string())),
        }
    }
    taken
}

/// Why something could not be taken away, with its name.
#[derive(Debug, thiserror::Error)]
enum DeleteError {
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    #[error(transparent)]
    Nft(#[from] NftError),
    #[error("unable to put {} back to {earlier}: {cause}", path.display())]
    Setting {
        path: PathBuf,
        earlier: String,
        #[source]
        cause: io::Error,
    },
}

async fn delete(handle: &Handle, object: &OwnedObject) -> Result<Deleted, DeleteError> {
    Ok(match object {
        OwnedObject::Rule(rule) => handle.delete_rule(rule).await?,
        OwnedObject::Route(route) => handle.delete_route(route).await?,
        OwnedObject::Address(address) => match handle.delete_address(address).await? {
            AddressDeleted::Deleted => Deleted::Deleted,
            AddressDeleted::WasNotThere => Deleted::WasNotThere,
        },
        OwnedObject::Interface(name) => handle.delete_link(name).await?,
        OwnedObject::Setting { key, earlier } => put_back(key, earlier)?,
        OwnedObject::Table(table) => {
            DropFilter::remove(table)?;
            Deleted::Deleted
        }
    })
}

/// The interface may be gone, and its settings with it.
fn put_back(key: &str, earlier: &str) -> Result<Deleted, DeleteError> {
    match net_setting::write(key, earlier) {
        Ok(()) => Ok(Deleted::Deleted),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Deleted::WasNotThere),
        Err(cause) => Err(DeleteError::Setting {
            path: net_setting::path(key),
            earlier: earlier.to_owned(),
            cause,
        }),
    }
}

/// `holdfast fence`: in the run directory, and in those of namespaces and instances below it, kills what is left of the
/// children and clears the journal.
pub(crate) fn run(run_directory: &Path) -> ExitStatus {
    if let Some(pid) = PidFile::holder(&run_directory.join(PID_FILE)) {
        warn!("holdfastd (process {pid}) is running and fences by itself: nothing done");
        return ExitStatus::Fatal;
    }
    if !run_directory.is_dir() {
        warn!(
            "there is no run directory {}: nothing done",
            run_directory.display()
        );
        return ExitStatus::Fatal;
    }
    let mut status = in_its_namespace(run_directory);
    for directory in left_below(run_directory, DEEPEST) {
        info!("{}:", directory.display());
        if in_its_namespace(&directory) != ExitStatus::Ok {
            status = ExitStatus::Fatal;
        }
    }
    status
}

/// Run directories below `directory` whose daemon is gone and left a journal.
fn left_below(directory: &Path, depth: u8) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let below = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir()));
    let mut left = Vec::new();
    for path in below.map(|entry| entry.path()) {
        let is_running = PidFile::holder(&path.join(PID_FILE)).is_some();
        if !is_running && Journal::in_directory(&path).path().exists() {
            left.push(path.clone());
        }
        if depth > 1 {
            left.extend(left_below(&path, depth - 1));
        }
    }
    left
}

/// On a thread of its own, which goes where the journal says.
fn in_its_namespace(run_directory: &Path) -> ExitStatus {
    let journal = Journal::in_directory(run_directory);
    let record = match journal.read() {
        Ok(record) => record,
        Err(error) => {
            warn!(
                "unable to read the journal {}: {error}",
                journal.path().display()
            );
            return ExitStatus::Fatal;
        }
    };
    let clear_of = |owned: &BTreeSet<Owned>| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(clear(run_directory, owned)),
            Err(error) => {
                warn!("unable to start: {error}");
                ExitStatus::Fatal
            }
        }
    };
    let Some(name) = &record.net_namespace else {
        return clear_of(&record.owned);
    };
    let namespace = match open_namespace(name) {
        Ok(namespace) => namespace,
        Err(error) => {
            // With the namespace goes everything in it, once no process is left there.
            warn!("{error}");
            return clear_of(&BTreeSet::new());
        }
    };
    let cleared = namespace.inside(|| clear_of(&record.owned));
    cleared.unwrap_or_else(|error| {
        warn!("unable to enter the network namespace {name}: {error}");
        ExitStatus::Fatal
    })
}

async fn clear(run_directory: &Path, owned: &BTreeSet<Owned>) -> ExitStatus {
    for kind in [ChildKind::Vrrp, ChildKind::Checker, ChildKind::DataPlane] {
        kill_left_over(run_directory, kind).await;
    }
    let status = take_away_all(owned).await;
    if status == ExitStatus::Ok {
        Journal::in_directory(run_directory).remove();
    }
    status
}

async fn take_away_all(owned: &BTreeSet<Owned>) -> ExitStatus {
    let handle = match Handle::connect() {
        Ok(handle) => handle,
        Err(error) => {
            warn!("{error}");
            return ExitStatus::Fatal;
        }
    };
    let taken = take_away(&handle, owned).await;
    taken.say_failures();
    let (all, removed, failed) = (owned.len(), taken.removed, taken.failed.len());
    if failed > 0 {
        warn!("{failed} of {all} owned objects could not be removed");
        return ExitStatus::Fatal;
    }
    info!("{all} objects in the journal, {removed} were still there and are removed");
    ExitStatus::Ok
}

/// Lets a child whose parent was killed end by itself, as it does within moments, and ends one that is stuck.
pub(crate) async fn outlast(run_directory: &Path, kind: ChildKind) {
    let Some((_, pidfd)) = left_over(run_directory, kind).await else {
        return;
    };
    if !adopted::wait(pidfd, KILL_WAIT).await {
        kill_left_over(run_directory, kind).await;
    }
}

/// The listener at its socket (the kernel answers for one that is stopped), else the holder of its pid file.
async fn left_over(run_directory: &Path, kind: ChildKind) -> Option<(u32, OwnedFd)> {
    if let Some(found) = adopted::find(&hello_socket(run_directory, kind)).await {
        return Some(found);
    }
    let path = run_directory.join(format!("{}.pid", kind.stem()));
    let pid = u32::try_from(PidFile::holder(&path)?).ok()?;
    Some((pid, process::pidfd(pid).ok()?))
}

/// A data plane may end in order; a VRRP child that outlived its parent is stuck and must not come back.
pub(crate) async fn kill_left_over(run_directory: &Path, kind: ChildKind) {
    let Some((pid, pidfd)) = left_over(run_directory, kind).await else {
        return;
    };
    let signal = if kind == ChildKind::DataPlane {
        libc::SIGTERM
    } else {
        libc::SIGKILL
    };
    info!("{kind} child (process {pid}) outlived its parent: ending it");
    let again = pidfd.try_clone();
    if adopted::signal_and_wait(pidfd, signal, KILL_WAIT).await {
        return;
    }
    // Stopped or stuck: nothing but SIGKILL reaches it, and what it has in the kernel goes with the next start.
    let killed = match again {
        Ok(pidfd) => adopted::signal_and_wait(pidfd, libc::SIGKILL, KILL_WAIT).await,
        Err(_) => false,
    };
    if !killed {
        warn!("{kind} child (process {pid}) did not end");
    }
    if kind == ChildKind::DataPlane {
        remove_steering();
    }
}

/// A data plane that was killed leaves its table and its TAP behind.
fn remove_steering() {
    match InterfaceName::new(TAP_NAME) {
        Ok(tap) => {
            if let Err(error) = dataplane::driver::remove_leftovers(&tap) {
                warn!("{error}");
            }
        }
        Err(error) => warn!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_gone_needs_nothing_and_one_that_cannot_be_set_is_an_error() {
        let gone = put_back("ipv4/conf/no_such_interface/arp_ignore", "0");
        assert!(matches!(gone, Ok(Deleted::WasNotThere)), "{gone:?}");
        // A directory cannot be written, whoever asks.
        let refused = put_back("ipv4", "0").expect_err("not a setting");
        let said = refused.to_string();
        assert!(
            said.starts_with("unable to put /proc/sys/net/ipv4 back to 0: "),
            "{said}"
        );
    }
}
