//! Becoming a daemon, and telling whoever started it that it stands.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{ForkResult, chdir, fork, pipe2, setsid};

/// Held by the daemon until it stands.
#[derive(Debug)]
pub struct Background {
    starter: File,
}

/// As daemon(3), but the process that was started ends only when the daemon says that it stands, with 0, or when it
/// has ended, with 1. To be called while this process has one thread.
pub fn daemonize() -> io::Result<Background> {
    let (standing, starter) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: the process has one thread, so the child finds no lock held; the parent below calls nothing but
    // read(2) and _exit(2).
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => {
            drop(starter);
            let stands = File::from(standing).read_exact(&mut [0]).is_ok();
            // SAFETY: ends the process at once; whatever is to be flushed belongs to the daemon.
            unsafe { libc::_exit(i32::from(!stands)) }
        }
        ForkResult::Child => {
            drop(standing);
            setsid()?;
            chdir("/")?;
            let null = File::options().read(true).write(true).open("/dev/null")?;
            for standard in 0..=2 {
                // SAFETY: both descriptors are open, and nobody owns the standard ones.
                Errno::result(unsafe { libc::dup2(null.as_raw_fd(), standard) })?;
            }
            Ok(Background {
                starter: File::from(starter),
            })
        }
    }
}

impl Background {
    /// From now on others find it: the process that was started ends.
    pub fn stands(mut self) {
        // Somebody who has killed it does not wait.
        let _ = self.starter.write_all(&[0]);
    }
}
