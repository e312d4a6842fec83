//! A notify FIFO that outlives the daemon which writes into it.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use nix::fcntl::OFlag;

use crate::lab::{LabError, Result};

pub(crate) struct Fifo {
    file: File,
    text: String,
}

impl Fifo {
    /// Made before the daemon starts, and open for writing too: what one run wrote stays for the
    /// reader when the next one begins.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if !Command::new("mkfifo").arg(path).status()?.success() {
            return Err(LabError::Failed(format!("mkfifo {}", path.display())));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags(OFlag::O_NONBLOCK.bits());
        Ok(Self {
            file: options.open(path)?,
            text: String::new(),
        })
    }

    /// Every line so far.
    pub(crate) fn lines(&mut self) -> impl Iterator<Item = &str> {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.file.read(&mut buffer) {
            self.text
                .push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        self.text.lines()
    }
}
