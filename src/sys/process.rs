//! Re-executing our own binary, watching a process that is not our child, and what this process may do.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A re-executed child finds its socket to the parent here.
const CHILD_SOCKET: RawFd = 3;

/// `linux/capability.h`
const CAP_NET_ADMIN: u32 = 12;
const CAP_NET_RAW: u32 = 13;
const CAP_IPC_LOCK: u32 = 14;

/// This binary again, with `arguments`, in a process group of its own; `socket` becomes its socket to the parent.
/// It is executed through /proc, so that it is the same program even after the file was replaced.
pub fn reexec(name: &str, arguments: &[&str], socket: OwnedFd) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(name).args(arguments).process_group(0);
    // SAFETY: the closure runs between fork and exec and makes only async-signal-safe system
    // calls on a descriptor that it owns; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            let duplicated = if socket.as_raw_fd() == CHILD_SOCKET {
                libc::fcntl(CHILD_SOCKET, libc::F_SETFD, 0)
            } else {
                libc::dup2(socket.as_raw_fd(), CHILD_SOCKET)
            };
            if duplicated == -1 {
                Err(io::Error::last_os_error())
            } else {
                Ok(())
            }
        });
    }
    command
}

/// Signals with which operators and tools ask a daemon of this kind for a reload or for dumps (keepalived: DATA,
/// STATS, JSON, STATS_CLEAR, TDUMP). Whoever sends one means no harm, but its default action ends the process.
fn requests() -> [libc::c_int; 6] {
    [
        libc::SIGHUP,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGRTMIN() + 2,
        libc::SIGRTMAX() - 1,
        libc::SIGRTMAX(),
    ]
}

/// From now on requests by signal are ignored, until a handler is installed for one.
pub fn ignore_requests() {
    set_requests(libc::SIG_IGN);
}

/// As a program expects to be started: to be called between fork and exec.
pub(super) fn default_requests() {
    set_requests(libc::SIG_DFL);
}

fn set_requests(disposition: libc::sighandler_t) {
    for signal in requests() {
        // SAFETY: both dispositions that are passed run no code of ours; signal(2) is async-signal-safe.
        unsafe {
            libc::signal(signal, disposition);
        }
    }
}

/// What `ps`, `top` and `killall` call this process: executed through /proc, it would be `exe`. Cut off at 15 bytes.
pub fn set_name(name: &std::ffi::CStr) {
    // SAFETY: PR_SET_NAME reads the string up to its NUL, at most 16 bytes.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
    }
}

/// The socket that [`reexec`] gave this process. To be called once, first thing.
pub fn inherited_socket() -> io::Result<UnixStream> {
    // SAFETY: F_GETFD and F_SETFD only read and write flags of a descriptor number; the number
    // is checked to be open before it is owned, and nothing else in this process owns it yet.
    let socket = unsafe {
        if libc::fcntl(CHILD_SOCKET, libc::F_SETFD, libc::FD_CLOEXEC) == -1 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(CHILD_SOCKET)
    };
    Ok(UnixStream::from(socket))
}

/// How many descriptors this process could have open before [`raise_open_files`].
static OPEN_FILES: OnceLock<libc::rlimit> = OnceLock::new();

/// As many open descriptors as this process may have: each running check needs one, and the usual soft limit is
/// 1024. Programs that it starts get the earlier limit back ([`restore_open_files`]).
pub fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit writes to the structure it is given, setrlimit reads it.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == -1 {
            return Err(io::Error::last_os_error());
        }
        OPEN_FILES.get_or_init(|| limit);
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Between fork and exec: a program that uses select(2) cannot do with more than 1024.
pub(super) fn restore_open_files() -> io::Result<()> {
    let Some(limit) = OPEN_FILES.get() else {
        return Ok(());
    };
    // SAFETY: setrlimit reads a structure that lives as long as the program.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Becomes readable when process `pid` ends; works for processes that are not our children.
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0);
        match RawFd::try_from(fd) {
            Ok(fd) if fd >= 0 => Ok(OwnedFd::from_raw_fd(fd)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Signals the process behind a pidfd: never one that got its number later.
pub fn signal_pidfd(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: pidfd_send_signal with a null siginfo reads no memory of ours.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A [`pidfd`] that can be waited for in a tokio runtime.
#[derive(Debug)]
pub struct PidFd {
    fd: AsyncFd<OwnedFd>,
}

impl PidFd {
    /// Needs a runtime.
    pub fn watch(pidfd: OwnedFd) -> io::Result<Self> {
        // SAFETY: the descriptor is owned by the AsyncFd, so it stays open as long as it is registered.
        let fd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE)? };
        Ok(Self { fd })
    }

    /// Waits for the end of the process.
    pub async fn ended(&self) -> io::Result<()> {
        self.fd.readable().await.map(|_guard| ())
    }
}

/// The capabilities among CAP_NET_ADMIN and CAP_NET_RAW that this process lacks, by name.
pub fn missing_capabilities() -> Vec<&'static str> {
    // Without /proc the kernel's own refusal will have to do.
    let effective = effective_capabilities().unwrap_or(u64::MAX);
    [
        (CAP_NET_ADMIN, "CAP_NET_ADMIN"),
        (CAP_NET_RAW, "CAP_NET_RAW"),
    ]
    .into_iter()
    .filter(|(bit, _)| effective & (1 << bit) == 0)
    .map(|(_, name)| name)
    .collect()
}

/// Whether the limit on locked memory does not concern this process: it has CAP_IPC_LOCK, and that of the first user
/// namespace, the only one that the kernel asks for here.
pub(super) fn locks_without_limit() -> bool {
    let has_capability =
        effective_capabilities().is_some_and(|effective| effective & (1 << CAP_IPC_LOCK) != 0);
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_first = map.split_whitespace().eq(["0", "0", "4294967295"]);
    has_capability && is_first
}

fn effective_capabilities() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|it| it.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    #[test]
    fn a_process_is_seen_under_its_name() {
        let named = std::thread::spawn(|| {
            set_name(c"holdfastd");
            std::fs::read_to_string("/proc/thread-self/comm").expect("comm")
        });
        assert_eq!(named.join().expect("joined"), "holdfastd\n");
    }

    #[test]
    fn a_pidfd_is_readable_once_the_process_has_ended() {
        let mut child = Command::new("/bin/sleep")
            .arg("1000")
            .spawn()
            .expect("spawn");
        let pidfd = pidfd(child.id()).expect("pidfd");
        signal_pidfd(pidfd.as_fd(), libc::SIGKILL).expect("signal");
        let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        assert_eq!(
            poll(&mut fds, PollTimeout::from(10_000_u16)).expect("poll"),
            1
        );
        child.wait().expect("wait");
        assert!(signal_pidfd(pidfd.as_fd(), libc::SIGKILL).is_err());
    }
}
