//! The hosts that keepalived's verdicts were taken on, with the interfaces of each file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use holdfast::config::{Host, IprouteDirectories, IprouteNames, NameKind, Program, ProgramFault};
use holdfast::types::UserId;

/// Programs that the host had in its PATH, as far as configurations name them.
const PROGRAMS: &[&str] = &["bash", "ip", "pgrep", "sh", "test", "true"];

const ROOT: UserId = UserId { uid: 0, gid: 0 };

pub(crate) struct OfflineHost {
    host_name: String,
    pub(crate) interfaces: Vec<String>,
    /// Users and programs are those of this machine, not [`PROGRAMS`] and root alone.
    is_this_machine: bool,
}

impl OfflineHost {
    /// The host of the recorded verdicts: no user for scripts, hardly a program.
    pub(crate) fn with_listed_programs(host_name: &str, interfaces: &[impl ToString]) -> Self {
        Self {
            host_name: host_name.to_owned(),
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            is_this_machine: false,
        }
    }

    pub(crate) fn of_this_machine(interfaces: Vec<String>) -> Self {
        Self {
            host_name: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default(),
            interfaces,
            is_this_machine: true,
        }
    }

    fn has_program(&self, path: &Path, name: &str) -> bool {
        if self.is_this_machine {
            return path
                .metadata()
                .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
        }
        let directory = path.parent().unwrap_or(path);
        PROGRAMS.contains(&name)
            && DIRECTORIES
                .iter()
                .any(|known| Path::new(known) == directory)
    }
}

const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

impl Host for OfflineHost {
    fn interfaces(&self, _: Option<&str>) -> Result<Option<Vec<String>>, String> {
        let mut interfaces = self.interfaces.clone();
        interfaces.push("lo".to_owned());
        Ok(Some(interfaces))
    }

    fn host_name(&self) -> String {
        self.host_name.clone()
    }

    fn environment(&self, _: &str) -> Option<String> {
        None
    }

    fn user(&self, name: &str) -> Option<UserId> {
        if !self.is_this_machine {
            return (name == "root").then_some(ROOT);
        }
        let user = nix::unistd::User::from_name(name).ok()??;
        Some(UserId {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        })
    }

    fn group(&self, name: &str) -> Option<u32> {
        if !self.is_this_machine {
            return (name == "root").then_some(0);
        }
        Some(nix::unistd::Group::from_name(name).ok()??.gid.as_raw())
    }

    fn iproute_names(&self, _directories: &IprouteDirectories) -> IprouteNames {
        let mut names = IprouteNames::default();
        // In the `rt_realms` that iproute2 brings along.
        names.add(NameKind::Realm, "0 cosmos");
        names
    }

    fn own_user(&self) -> UserId {
        ROOT
    }

    fn own_user_name(&self) -> String {
        "root".to_owned()
    }

    fn program(&self, name: &str, _: UserId, _: &[u32]) -> Result<Program, ProgramFault> {
        let (bare, is_path) = match name.rsplit_once('/') {
            Some((_, bare)) => (bare, true),
            None => (name, false),
        };
        if is_path {
            return match self.has_program(Path::new(name), bare) {
                true => Ok(program(name.to_owned())),
                false => Err(ProgramFault::Missing {
                    path: name.to_owned(),
                }),
            };
        }
        DIRECTORIES
            .iter()
            .map(|directory| format!("{directory}/{name}"))
            .find(|path| self.has_program(Path::new(path), name))
            .map(program)
            .ok_or_else(|| ProgramFault::NotInPath {
                name: name.to_owned(),
            })
    }
}

fn program(path: String) -> Program {
    Program {
        real: path.clone(),
        path,
        insecure: None,
    }
}
