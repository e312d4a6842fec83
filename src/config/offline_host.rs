//! A host that nobody looks at: whatever a file names is there. For checks on another machine than the one that the
//! file is for.

use super::diagnostic::{Code, Complaint};
use super::host::{Host, Program, ProgramFault};
use super::{IprouteDirectories, IprouteNames};
use crate::types::UserId;

/// Has every interface, user, group and script, and no name.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfflineHost;

/// Users and groups have no numbers here; any will do, because nothing is run.
const NOBODY: UserId = UserId {
    uid: 65_534,
    gid: 65_534,
};

impl OfflineHost {
    /// What a check with this host does not show.
    pub fn note() -> Complaint {
        Complaint {
            code: Code::Offline,
            severity: Code::Offline.severity(),
            place: None,
            also: None,
            message: "interfaces, users and scripts are taken to exist: this machine has not been looked at"
                .to_owned(),
            expected: None,
            help: Some("'@id' lines count for the identity that -i names, and for no other".to_owned()),
        }
    }
}

impl Host for OfflineHost {
    fn interfaces(&self, _: Option<&str>) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }

    fn host_name(&self) -> String {
        String::new()
    }

    /// Another machine's: unknown, so that the place stays empty and is mentioned.
    fn environment(&self, _: &str) -> Option<String> {
        None
    }

    fn user(&self, _: &str) -> Option<UserId> {
        Some(NOBODY)
    }

    fn group(&self, _: &str) -> Option<u32> {
        Some(NOBODY.gid)
    }

    fn own_user(&self) -> UserId {
        NOBODY
    }

    fn own_user_name(&self) -> String {
        "root".to_owned()
    }

    fn iproute_names(&self, _directories: &IprouteDirectories) -> IprouteNames {
        IprouteNames::lenient()
    }

    fn program(&self, name: &str, _: UserId, _: &[u32]) -> Result<Program, ProgramFault> {
        Ok(Program {
            path: name.to_owned(),
            real: name.to_owned(),
            insecure: None,
        })
    }
}
