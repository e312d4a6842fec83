//! Pid files: the number of a process, and a lock that says whether it still lives.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A pid file that this process holds; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    _lock: Flock<File>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PidFileError {
    #[error("daemon is already running (pid file {path} is held by process {pid})")]
    Held { path: PathBuf, pid: String },
    #[error("unable to write pid file {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl PidFile {
    /// Takes the file for this process. The lock goes with the process, so a file that a dead one
    /// left behind is simply taken over.
    pub(crate) fn acquire(path: &Path) -> Result<Self, PidFileError> {
        let failed = |source| PidFileError::Io {
            path: path.to_owned(),
            source,
        };
        loop {
            let held = Self::open_and_lock(path, failed)?;
            // Its last holder may have removed it between our opening and our lock.
            if is_at(&held, path) {
                return Self::write(path, held).map_err(failed);
            }
        }
    }

    fn open_and_lock(
        path: &Path,
        failed: impl Fn(io::Error) -> PidFileError + Copy,
    ) -> Result<Flock<File>, PidFileError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(path)
            .map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(lock),
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = pid.trim().to_owned();
                Err(PidFileError::Held {
                    path: path.to_owned(),
                    pid,
                })
            }
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }

    fn write(path: &Path, mut lock: Flock<File>) -> io::Result<Self> {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(*lock, "{}", std::process::id())?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The process that holds the file, if one does.
    pub(crate) fn holder(path: &Path) -> Option<i32> {
        let mut file = File::open(path).ok()?;
        let mut pid = String::new();
        file.read_to_string(&mut pid).ok()?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_nobody) => None,
            Err(_) => pid.trim().parse().ok().filter(|pid| *pid > 1),
        }
    }
}

/// Whether the open file is still the one that `path` names.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino() && open.dev() == named.dev(),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_has_it() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("x.pid");
        let held = PidFile::acquire(&path).expect("free");
        let error = PidFile::acquire(&path).expect_err("held").to_string();
        assert!(error.contains("already running"), "{error}");
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        assert_eq!(
            PidFile::holder(&path),
            i32::try_from(std::process::id()).ok()
        );
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_left_by_a_dead_process_is_taken_over() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("x.pid");
        std::fs::write(&path, "999999999\n").expect("write");
        assert_eq!(PidFile::holder(&path), None);
        let _held = PidFile::acquire(&path).expect("nobody holds it");
        let text = std::fs::read_to_string(&path).expect("read");
        assert_eq!(text.trim(), std::process::id().to_string());
    }
}
