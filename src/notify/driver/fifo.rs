//! The FIFOs that state changes are written to, and their scripts (keepalived: core/notify.c).
//!
//! A FIFO is opened for reading too, so that there is always somebody to write to, and never blocks: what it does not
//! take waits in a bounded queue.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, chown, mkfifo};
use tokio::net::unix::pipe::{OpenOptions, Sender};
use tokio::process::Child;
use tracing::{info, warn};

use crate::config::NotifyFifo;
use crate::notify::fifo::{Lines, Queued};
use crate::sys::script;

/// Of a FIFO that is made: only its owner may read what happens here (keepalived: 0600 with its umask).
const MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// Whether this process runs the FIFO's script; of two that share a FIFO, one does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunsScript {
    Yes,
    No,
}

/// One FIFO.
#[derive(Debug)]
pub(super) struct Fifo {
    config: NotifyFifo,
    runs_script: RunsScript,
    sender: Option<Sender>,
    lines: Lines,
    /// It was not there before, so it is taken away at the end.
    is_made: bool,
    script: Option<Child>,
}

impl Fifo {
    /// Makes and opens it and starts its script. What fails is logged; nothing is written then.
    pub(super) fn open(config: NotifyFifo, runs_script: RunsScript) -> Self {
        let mut fifo = Self {
            sender: None,
            lines: Lines::default(),
            is_made: false,
            script: None,
            config,
            runs_script,
        };
        match fifo.make_and_open() {
            Ok(sender) => fifo.sender = Some(sender),
            Err(error) => warn!("Unable to open notify fifo {}: {error}", fifo.config.path),
        }
        fifo.start_script();
        fifo
    }

    pub(super) fn is_for(&self, config: &NotifyFifo, runs_script: RunsScript) -> bool {
        self.config == *config && self.runs_script == runs_script
    }

    pub(super) fn path(&self) -> &str {
        &self.config.path
    }

    /// Nothing waits.
    pub(super) fn is_flushed(&self) -> bool {
        self.lines.is_empty()
    }

    fn make_and_open(&mut self) -> io::Result<Sender> {
        let path = Path::new(&self.config.path);
        match mkfifo(path, MODE) {
            Ok(()) => self.is_made = true,
            Err(nix::errno::Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        if !std::fs::symlink_metadata(path)?.file_type().is_fifo() {
            return Err(io::Error::other("it exists and is no FIFO"));
        }
        if let (Some(user), true) = (self.config.user, self.is_made) {
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            chown(path, Some(uid), Some(gid))?;
        }
        OpenOptions::new().read_write(true).open_sender(path)
    }

    /// Starts the script unless it is running. keepalived: at the start and at each reload.
    pub(super) fn start_script(&mut self) {
        let (RunsScript::Yes, Some(command)) = (self.runs_script, &self.config.script) else {
            return;
        };
        if let Some(script) = &mut self.script
            && matches!(script.try_wait(), Ok(None))
        {
            return;
        }
        let arguments = [self.config.path.clone()];
        match super::spawn(command, &arguments) {
            Ok(child) => self.script = Some(child),
            Err(error) => {
                warn!(
                    "Unable to run script {command} of notify fifo {}: {error}",
                    self.config.path
                );
            }
        }
    }

    /// Writes the line now if the FIFO takes it, and else later.
    pub(super) fn write(&mut self, line: &str) {
        let Some(sender) = &self.sender else {
            return;
        };
        // A line is shorter than PIPE_BUF: all of it is written or nothing.
        if self.lines.is_empty() && nix::unistd::write(sender, line.as_bytes()).is_ok() {
            return;
        }
        match self.lines.push(line.to_owned()) {
            Queued::FirstLost => warn!(
                "Nobody reads notify fifo {}; the oldest lines are lost",
                self.config.path
            ),
            Queued::Waits | Queued::Lost => {}
        }
    }

    /// Waits until something that waits can be written, and writes it. Never returns where nothing waits; safe to
    /// drop at any time.
    pub(super) async fn progress(&mut self) {
        let sender = match &self.sender {
            Some(sender) if !self.lines.is_empty() => sender,
            Some(_) | None => std::future::pending().await,
        };
        let _ = sender.writable().await;
        while let Some(line) = self.lines.first() {
            match sender.try_write(line.as_bytes()) {
                Ok(_) => match self.lines.taken() {
                    0 => {}
                    lost => info!("{lost} lines of notify fifo {} were lost", self.config.path),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    warn!(
                        "Unable to write to notify fifo {}: {error}",
                        self.config.path
                    );
                    self.lines.taken();
                }
            }
        }
    }

    /// Ends the script and takes away what was made.
    pub(super) fn close(self) {
        if let Some(pid) = self.script.as_ref().and_then(Child::id)
            && let Err(error) = script::kill_group(pid, false)
        {
            warn!(
                "Unable to end the script of notify fifo {}: {error}",
                self.config.path
            );
        }
        if self.is_made {
            let _ = std::fs::remove_file(&self.config.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    use std::time::Duration;

    use super::*;
    use crate::types::ScriptCommand;

    fn config(path: &Path, script: Option<&str>) -> NotifyFifo {
        NotifyFifo {
            path: path.to_str().expect("UTF-8").to_owned(),
            user: None,
            script: script.map(|script| ScriptCommand {
                argv: ["/bin/sh", "-c", script, "sh"].map(str::to_owned).to_vec(),
                user: None,
                ..ScriptCommand::default()
            }),
        }
    }

    fn reader(path: &Path) -> std::fs::File {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        options.open(path).expect("the FIFO")
    }

    fn available(file: &mut std::fs::File) -> String {
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            read.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8(read).expect("UTF-8")
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_fifo_is_made_for_its_owner_alone_and_taken_away_at_the_end() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("fifo");
        let mut fifo = Fifo::open(config(&path, None), RunsScript::No);
        let mode = std::fs::metadata(&path).expect("made").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let mut reader = reader(&path);
        fifo.write("INSTANCE \"VI_1\" MASTER 100\n");
        assert_eq!(available(&mut reader), "INSTANCE \"VI_1\" MASTER 100\n");
        fifo.close();
        assert!(!path.exists());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_fifo_that_was_there_stays_and_a_file_is_not_written_to() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("fifo");
        mkfifo(&path, Mode::S_IRUSR).expect("mkfifo");
        Fifo::open(config(&path, None), RunsScript::No).close();
        assert!(path.exists());
        let file = dir.path().join("file");
        std::fs::write(&file, "precious").expect("file");
        let mut fifo = Fifo::open(config(&file, None), RunsScript::No);
        fifo.write("line\n");
        fifo.close();
        assert_eq!(std::fs::read_to_string(&file).expect("file"), "precious");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_reader_that_stops_never_blocks_and_gets_the_last_line() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("fifo");
        let mut fifo = Fifo::open(config(&path, None), RunsScript::No);
        // More than a pipe and the queue hold.
        for number in 0..20_000 {
            fifo.write(&format!("line {number}\n"));
        }
        let mut reader = reader(&path);
        let mut read = available(&mut reader);
        while !fifo.lines.is_empty() {
            let progress = tokio::time::timeout(Duration::from_secs(10), fifo.progress());
            progress.await.expect("the FIFO has room again");
            read.push_str(&available(&mut reader));
        }
        let numbers: Vec<u32> = read
            .lines()
            .map(|line| {
                line.strip_prefix("line ")
                    .expect("whole")
                    .parse()
                    .expect("whole")
            })
            .collect();
        assert!(numbers.is_sorted());
        assert_eq!(numbers.last(), Some(&19_999));
        fifo.close();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_fifo_s_script_gets_its_path_and_ends_with_it() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("fifo");
        let heard = dir.path().join("heard");
        let line = format!(
            "read x <$1; echo $x >{0}.new; mv {0}.new {0}; sleep 1000",
            heard.display()
        );
        let mut fifo = Fifo::open(config(&path, Some(&line)), RunsScript::Yes);
        let pid = fifo.script.as_ref().and_then(Child::id).expect("running");
        fifo.start_script();
        let again = fifo.script.as_ref().and_then(Child::id);
        assert_eq!(again, Some(pid), "it is running already");
        fifo.write("INSTANCE \"VI_1\" BACKUP 100\n");
        for _ in 0..1000 {
            if heard.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let text = std::fs::read_to_string(&heard).expect("the script has read");
        assert_eq!(text, "INSTANCE \"VI_1\" BACKUP 100\n");
        let mut script = fifo.script.take().expect("running");
        fifo.script = None;
        script::kill_group(pid, false).expect("signalled");
        assert!(!script.wait().await.expect("ended").success());
        fifo.close();
    }
}
