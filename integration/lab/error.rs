//! What can go wrong in the lab itself, as opposed to what a test finds.

use std::io;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("`{command}` failed: {reason}")]
    Command { command: String, reason: String },
    #[error("waited {bound:?} in vain for {condition}{detail}")]
    Timeout {
        condition: String,
        bound: Duration,
        detail: String,
    },
    #[error(
        "namespaces cannot be made here: {0} (the lab needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN)"
    )]
    NoNamespaces(String),
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("system call failed: {0}")]
    Errno(#[from] nix::Error),
}

pub type Result<T> = std::result::Result<T, LabError>;
