//! The host that keepalived's verdicts on the corpus were taken on: no user for scripts, no scripts, some interfaces.

use holdfast::config::{Host, Program, ProgramFault};
use holdfast::types::UserId;

/// Programs that the host had in its PATH, as far as configurations name them.
const PROGRAMS: &[&str] = &["bash", "pgrep", "sh", "test", "true"];

const ROOT: UserId = UserId { uid: 0, gid: 0 };

pub(crate) struct OfflineHost {
    pub(crate) host_name: String,
    pub(crate) interfaces: Vec<String>,
}

impl Host for OfflineHost {
    fn interfaces(&self) -> Option<Vec<String>> {
        let mut interfaces = self.interfaces.clone();
        interfaces.push("lo".to_owned());
        Some(interfaces)
    }

    fn host_name(&self) -> String {
        self.host_name.clone()
    }

    fn user(&self, name: &str) -> Option<UserId> {
        (name == "root").then_some(ROOT)
    }

    fn group(&self, name: &str) -> Option<u32> {
        (name == "root").then_some(0)
    }

    fn own_user(&self) -> UserId {
        ROOT
    }

    fn own_user_name(&self) -> String {
        "root".to_owned()
    }

    fn program(&self, name: &str, _: UserId) -> Result<Program, ProgramFault> {
        let bare = name.rsplit('/').next().unwrap_or(name);
        let directory = name.strip_suffix(bare).unwrap_or_default();
        let exists = PROGRAMS.contains(&bare)
            && matches!(
                directory,
                "" | "/bin/" | "/usr/bin/" | "/sbin/" | "/usr/sbin/"
            );
        match (exists, directory) {
            (true, "") => Ok(program(format!("/usr/bin/{bare}"))),
            (true, _) => Ok(program(name.to_owned())),
            (false, "") => Err(ProgramFault::NotInPath {
                name: name.to_owned(),
            }),
            (false, _) => Err(ProgramFault::Missing {
                path: name.to_owned(),
            }),
        }
    }
}

fn program(path: String) -> Program {
    Program {
        path,
        insecure: None,
    }
}
