//! What a configuration needs to know about the machine it is for. The daemon answers from the system,
//! tests and offline checks from a table.

use super::{IprouteDirectories, IprouteNames};
use crate::types::UserId;

/// The machine, as far as a configuration names parts of it.
pub trait Host {
    /// The interfaces that exist, in the network namespace of that name or where this process is; `None`: whichever a
    /// file names. The error says what is wrong with the namespace.
    fn interfaces(&self, net_namespace: Option<&str>) -> Result<Option<Vec<String>>, String>;
    /// The MTU of an interface, in the network namespace of that name or where this process is; `None`: not known.
    fn mtu(&self, _interface: &str, _net_namespace: Option<&str>) -> Option<u32> {
        None
    }
    /// The host's own name.
    fn host_name(&self) -> String;
    /// A variable of the environment, for `${_ENV NAME}`.
    fn environment(&self, name: &str) -> Option<String>;
    /// A user by name, with its primary group.
    fn user(&self, name: &str) -> Option<UserId>;
    /// The number of a group.
    fn group(&self, name: &str) -> Option<u32>;
    /// The groups of a user beside `gid`.
    fn supplementary_groups(&self, _name: &str, _gid: u32) -> Vec<u32> {
        Vec::new()
    }
    /// Whom this process runs as.
    fn own_user(&self) -> UserId;
    /// The name of that user, or its number.
    fn own_user_name(&self) -> String;
    /// Names of routing tables and the like; what every system has where this host adds none.
    fn iproute_names(&self, _directories: &IprouteDirectories) -> IprouteNames {
        IprouteNames::default()
    }
    /// The content of a small file that holds a key; the error says what is wrong with it.
    fn secret(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!(
            "is in the file '{path}', which has not been looked at"
        ))
    }
    /// Whether `user`, who has these groups too, can run `name`, which is looked for in PATH where it has no slash.
    fn program(&self, name: &str, user: UserId, groups: &[u32]) -> Result<Program, ProgramFault>;
}

/// A program that can be run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// With its directory.
    pub path: String,
    /// The file itself, where links on the way lead.
    pub real: String,
    /// Somebody else could replace it although it runs as root.
    pub insecure: Option<InsecureComponent>,
}

/// The part of a path that others than root may change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InsecureComponent {
    pub path: String,
    pub owner: u32,
    /// Permission bits.
    pub mode: u32,
}

impl std::fmt::Display for InsecureComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, owner, mode } = self;
        write!(
            f,
            "'{path}' belongs to user {owner} and has mode {mode:03o}"
        )
    }
}

/// Why a program cannot be run.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProgramFault {
    #[error("'{path}' does not exist")]
    Missing { path: String },
    #[error("'{name}' is in no directory of PATH")]
    NotInPath { name: String },
    #[error("'{path}' is not a regular file")]
    NotAFile { path: String },
    /// `path` is the part of the path that is to blame.
    #[error(
        "user {uid} may not {verb} '{path}', which belongs to user {owner} and has mode {mode:03o}"
    )]
    NotPermitted {
        path: String,
        /// `execute` or `search`.
        verb: &'static str,
        uid: u32,
        owner: u32,
        mode: u32,
    },
    #[error("cannot look at '{path}': {error}")]
    Unreadable { path: String, error: String },
}
