//! A command from the configuration, ready to be executed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Numeric identity that a script runs under.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct UserId {
    pub uid: u32,
    pub gid: u32,
}

/// Program, arguments and identity of a script. Names were resolved when the file was read.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct ScriptCommand {
    /// The program and its arguments; never empty. `</dev/...` forms are `/bin/sh -c` already.
    pub argv: Vec<String>,
    /// The file that is executed, if not the one that `argv` names: where its links led when it was looked at.
    pub program: Option<String>,
    /// `None`: as the daemon.
    pub user: Option<UserId>,
    /// Beside the user's own group, where there is a user.
    pub groups: Vec<u32>,
}

impl fmt::Display for ScriptCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.argv.join(" "))
    }
}
