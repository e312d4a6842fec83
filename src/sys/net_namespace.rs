//! Network namespaces by name, and a name in one that only one process can hold.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{getsockopt, sockopt};

/// Where `ip netns` keeps them.
const DIRECTORY: &str = "/run/netns";

/// A network namespace that stays as long as this is open.
#[derive(Debug)]
pub struct NetNamespace(File);

impl NetNamespace {
    /// Where a namespace has its name.
    pub fn path_of(name: &str) -> PathBuf {
        Path::new(DIRECTORY).join(name)
    }

    /// The namespaces that have a name.
    pub fn names() -> Vec<String> {
        let entries = std::fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// The one behind a file such as `/run/netns/NAME` or `/proc/PID/ns/net`.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// From now on this thread, and every thread and process that it starts, is in there. Needs CAP_SYS_ADMIN.
    pub fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.0, CloneFlags::CLONE_NEWNET)?)
    }

    /// Does something in there, on a thread of its own. What it opens there stays there.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| self.enter().map(|()| work()));
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl AsRawFd for NetNamespace {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A name in this network namespace, held until this is dropped or the process ends. Nothing of it is in the file system.
#[derive(Debug)]
pub struct Claim {
    _listener: UnixListener,
}

/// Why a name was not had.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// By a process with the same user.
    #[error("process {0} holds it")]
    Held(i32),
    /// Anybody may take a free name; one who has no business with it must not keep this program from running.
    #[error("process {pid} of user {uid} holds it, which is none of ours")]
    Foreign { pid: i32, uid: u32 },
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Claim {
    /// Takes `name`, an abstract socket address.
    pub fn take(name: &str) -> Result<Self, ClaimError> {
        let address = SocketAddr::from_abstract_name(name)?;
        match UnixListener::bind_addr(&address) {
            Ok(listener) => Ok(Self {
                _listener: listener,
            }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(holder(&address)),
            Err(error) => Err(error.into()),
        }
    }
}

fn holder(address: &SocketAddr) -> ClaimError {
    let asked = UnixStream::connect_addr(address)
        .and_then(|stream| Ok(getsockopt(&stream, sockopt::PeerCredentials)?));
    match asked {
        Ok(peer) if peer.uid() == nix::unistd::geteuid().as_raw() => ClaimError::Held(peer.pid()),
        Ok(peer) => ClaimError::Foreign {
            pid: peer.pid(),
            uid: peer.uid(),
        },
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_by_one_at_a_time() {
        let name = format!("holdfast-test-{}", std::process::id());
        let held = Claim::take(&name).expect("free");
        match Claim::take(&name) {
            Err(ClaimError::Held(pid)) => {
                assert_eq!(u32::try_from(pid), Ok(std::process::id()));
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        Claim::take(&name).expect("free again");
    }

    #[test]
    fn a_namespace_that_is_not_there_cannot_be_opened() {
        let path = NetNamespace::path_of("no-such-namespace");
        let error = NetNamespace::open(&path).expect_err("none");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
