//! A process that somebody else started: a data-plane child that outlived its parent.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;

use crate::sys::process::{self, PidFd};

/// The running process that answers at `socket`, if one does.
pub(crate) async fn find(socket: &Path) -> Option<(u32, OwnedFd)> {
    let stream = UnixStream::connect(socket).await.ok()?;
    let pid = stream
        .peer_cred()
        .ok()?
        .pid()
        .and_then(|pid| u32::try_from(pid).ok())?;
    let pidfd = process::pidfd(pid).ok()?;
    Some((pid, pidfd))
}

/// Sends `signal` and waits up to `limit`; tells whether the process has ended.
pub(crate) async fn signal_and_wait(pidfd: OwnedFd, signal: i32, limit: Duration) -> bool {
    if process::signal_pidfd(pidfd.as_fd(), signal).is_err() {
        return true;
    }
    wait(pidfd, limit).await
}

/// Waits up to `limit`; tells whether the process has ended.
pub(crate) async fn wait(pidfd: OwnedFd, limit: Duration) -> bool {
    let Ok(pidfd) = PidFd::watch(pidfd) else {
        return false;
    };
    tokio::time::timeout(limit, pidfd.ended()).await.is_ok()
}
