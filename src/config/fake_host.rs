//! A host for tests: everything that a file may name is in a table.

use super::host::{Host, InsecureComponent, Program, ProgramFault};
use crate::types::UserId;

#[derive(Clone, Debug)]
pub(crate) struct FakeHost {
    pub(crate) interfaces: Vec<String>,
    /// Scripts below this directory do not exist; all others do.
    pub(crate) missing: &'static str,
    /// There is a user `keepalived_script`.
    pub(crate) has_script_user: bool,
    /// Scripts below this directory can be written by anybody.
    pub(crate) insecure: &'static str,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self {
            interfaces: ["eth0", "eth1", "eth2", "eth3", "lo"]
                .map(str::to_owned)
                .to_vec(),
            missing: "/missing",
            has_script_user: true,
            insecure: "/insecure",
        }
    }
}

impl Host for FakeHost {
    fn interfaces(&self, net_namespace: Option<&str>) -> Result<Option<Vec<String>>, String> {
        match net_namespace {
            Some("missing") => Err("there is no /run/netns/missing".to_owned()),
            Some(_) | None => Ok(Some(self.interfaces.clone())),
        }
    }

    fn host_name(&self) -> String {
        "test.example.org".to_owned()
    }

    fn environment(&self, name: &str) -> Option<String> {
        (name == "COLOUR").then(|| "blue".to_owned())
    }

    fn user(&self, name: &str) -> Option<UserId> {
        match name {
            "root" => Some(UserId { uid: 0, gid: 0 }),
            "keepalived_script" if self.has_script_user => Some(UserId { uid: 990, gid: 990 }),
            "nobody" => Some(UserId {
                uid: 65_534,
                gid: 65_534,
            }),
            _ => None,
        }
    }

    fn group(&self, name: &str) -> Option<u32> {
        (name == "wheel").then_some(10)
    }

    fn secret(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "/etc/vrrp.key" => Ok(b"0123456789abcdef0123456789abcdef\n".to_vec()),
            _ => Err(format!("cannot be read from '{path}'")),
        }
    }

    fn own_user(&self) -> UserId {
        UserId { uid: 0, gid: 0 }
    }

    fn own_user_name(&self) -> String {
        "root".to_owned()
    }

    fn program(&self, name: &str, _: UserId, _: &[u32]) -> Result<Program, ProgramFault> {
        if name.starts_with(self.missing) {
            return Err(ProgramFault::Missing {
                path: name.to_owned(),
            });
        }
        let insecure = name.starts_with(self.insecure).then(|| InsecureComponent {
            path: self.insecure.to_owned(),
            owner: 0,
            mode: 0o777,
        });
        let path = if name.contains('/') {
            name.to_owned()
        } else {
            format!("/usr/bin/{name}")
        };
        // What is in `/link` is a link.
        let real = path.replace("/link/", "/real/");
        Ok(Program {
            path,
            real,
            insecure,
        })
    }
}
