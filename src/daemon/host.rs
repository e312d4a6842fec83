//! The machine that a configuration is for, asked of the system.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User, getegid, geteuid};

use crate::config::{
    Host, InsecureComponent, IprouteDirectories, IprouteNames, NameKind, Program, ProgramFault,
};
use crate::sys::link_beat::Asker;
use crate::sys::net_namespace::NetNamespace;
use crate::types::UserId;

/// Where programs are looked for when the environment does not say (keepalived: `_PATH_STDPATH`).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where iproute2 keeps names of tables and the like; the later ones win.
const IPROUTE_USR_DIRECTORIES: [&str; 2] = ["/usr/lib/iproute2", "/usr/share/iproute2"];
const IPROUTE_ETC_DIRECTORY: &str = "/etc/iproute2";
/// More than any key has.
const MAX_SECRET_BYTES: u64 = 1024;
const ROOT: u32 = 0;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// This host. Asks anew each time: interfaces and users come and go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemHost;

impl Host for SystemHost {
    fn interfaces(&self, net_namespace: Option<&str>) -> Result<Option<Vec<String>>, String> {
        let Some(name) = net_namespace else {
            return Ok(Some(interfaces_here()));
        };
        let namespace = open_namespace(name)?;
        // Somebody who may not go in can still check the rest of the file.
        Ok(namespace.inside(interfaces_here).ok())
    }

    fn mtu(&self, interface: &str, net_namespace: Option<&str>) -> Option<u32> {
        let here = || Asker::new().and_then(|asker| asker.mtu(interface)).ok();
        match net_namespace {
            None => here(),
            Some(name) => open_namespace(name).ok()?.inside(here).ok()?,
        }
    }

    fn host_name(&self) -> String {
        fs::read_to_string("/proc/sys/kernel/hostname")
            .map(|name| name.trim_end().to_owned())
            .unwrap_or_default()
    }

    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn user(&self, name: &str) -> Option<UserId> {
        let user = User::from_name(name).ok().flatten()?;
        Some(UserId {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        })
    }

    fn group(&self, name: &str) -> Option<u32> {
        let group = Group::from_name(name).ok().flatten()?;
        Some(group.gid.as_raw())
    }

    fn supplementary_groups(&self, name: &str, gid: u32) -> Vec<u32> {
        let Ok(name) = std::ffi::CString::new(name) else {
            return Vec::new();
        };
        let groups = nix::unistd::getgrouplist(&name, gid.into()).unwrap_or_default();
        let others = groups.into_iter().map(nix::unistd::Gid::as_raw);
        others.filter(|group| *group != gid).collect()
    }

    fn secret(&self, path: &str) -> Result<Vec<u8>, String> {
        let unreadable = |error| format!("cannot be read from '{path}' ({error})");
        // A FIFO must not keep the loader waiting.
        let file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(format!("is in '{path}', which is not a regular file"));
        }
        let mut content = Vec::new();
        file.take(MAX_SECRET_BYTES)
            .read_to_end(&mut content)
            .map_err(unreadable)?;
        Ok(content)
    }

    fn own_user(&self) -> UserId {
        UserId {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
        }
    }

    fn own_user_name(&self) -> String {
        let name = User::from_uid(geteuid()).ok().flatten();
        name.map_or_else(|| geteuid().to_string(), |user| user.name)
    }

    fn iproute_names(&self, directories: &IprouteDirectories) -> IprouteNames {
        let mut names = IprouteNames::default();
        let (usr, etc) = (&directories.iproute_usr_dir, &directories.iproute_etc_dir);
        let usr = match usr {
            Some(directory) => vec![directory.as_str()],
            None => IPROUTE_USR_DIRECTORIES.to_vec(),
        };
        let etc = etc.as_deref().unwrap_or(IPROUTE_ETC_DIRECTORY);
        for directory in usr.into_iter().chain([etc]) {
            for kind in NameKind::ALL {
                let path = Path::new(directory).join(kind.file());
                for file in std::iter::once(path.clone()).chain(drop_ins(&path)) {
                    if let Ok(text) = fs::read_to_string(file) {
                        names.add(kind, &text);
                    }
                }
            }
        }
        names
    }

    fn program(&self, name: &str, user: UserId, groups: &[u32]) -> Result<Program, ProgramFault> {
        if name.contains('/') {
            return usable(Path::new(name), user, groups);
        }
        let path = std::env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.to_owned());
        let mut refused = None;
        for directory in path
            .split(':')
            .filter(|directory| directory.starts_with('/'))
        {
            match usable(&Path::new(directory).join(name), user, groups) {
                Ok(program) => return Ok(program),
                Err(ProgramFault::Missing { .. }) => {}
                Err(fault) => refused = refused.or(Some(fault)),
            }
        }
        Err(refused.unwrap_or_else(|| ProgramFault::NotInPath {
            name: name.to_owned(),
        }))
    }
}

/// The network namespace of that name; the error says what to do about one that is missing.
pub(crate) fn open_namespace(name: &str) -> Result<NetNamespace, String> {
    let path = NetNamespace::path_of(name);
    NetNamespace::open(&path).map_err(|error| {
        let path = path.display();
        if error.kind() != std::io::ErrorKind::NotFound {
            return format!("unable to open the network namespace {path}: {error}");
        }
        let others = NetNamespace::names();
        let there_are = match others.as_slice() {
            [] => "there is none on this host".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        format!(
            "there is no network namespace {path} ({there_are}): 'ip netns add {name}' makes one"
        )
    })
}

fn interfaces_here() -> Vec<String> {
    let names: BTreeSet<String> = nix::net::if_::if_nameindex()
        .map(|list| {
            list.iter()
                .map(|interface| interface.name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    names.into_iter().collect()
}

/// `rt_tables.d/*.conf` beside `rt_tables`.
fn drop_ins(path: &Path) -> Vec<PathBuf> {
    let mut directory = path.as_os_str().to_owned();
    directory.push(".d");
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "conf"))
        .collect();
    files.sort();
    files
}

/// Looks at the file that the path leads to and at every directory on the way, links followed: a link in a
/// directory of root's leads where root wants it to.
fn usable(path: &Path, user: UserId, groups: &[u32]) -> Result<Program, ProgramFault> {
    let shown = path.display().to_string();
    let real = fs::canonicalize(path).map_err(|error| fault(path, &error))?;
    let mut insecure = None;
    let mut so_far = PathBuf::new();
    let components: Vec<_> = real.components().collect();
    for (index, component) in components.iter().enumerate() {
        so_far.push(component);
        let is_last = index + 1 == components.len();
        let metadata = fs::metadata(&so_far).map_err(|error| fault(&so_far, &error))?;
        if is_last && !metadata.is_file() {
            return Err(ProgramFault::NotAFile { path: shown });
        }
        if !may_execute(&metadata, user, groups) {
            return Err(ProgramFault::NotPermitted {
                path: so_far.display().to_string(),
                verb: if is_last { "execute" } else { "search" },
                uid: user.uid,
                owner: metadata.uid(),
                mode: permission_bits(&metadata),
            });
        }
        if insecure.is_none() && may_be_changed_by_others(&metadata) {
            insecure = Some(InsecureComponent {
                path: so_far.display().to_string(),
                owner: metadata.uid(),
                mode: permission_bits(&metadata),
            });
        }
    }
    let runs_as_root = user.uid == ROOT || user.gid == ROOT || becomes_root(&real);
    Ok(Program {
        path: shown,
        real: real.display().to_string(),
        insecure: insecure.filter(|_| runs_as_root),
    })
}

fn fault(path: &Path, error: &std::io::Error) -> ProgramFault {
    let path = path.display().to_string();
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            ProgramFault::Missing { path }
        }
        _ => ProgramFault::Unreadable {
            path,
            error: error.to_string(),
        },
    }
}

fn permission_bits(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o7777
}

/// Owned by another than root, or writable by group or others; a sticky directory keeps what is in it.
fn may_be_changed_by_others(metadata: &Metadata) -> bool {
    let mode = permission_bits(metadata);
    let sticky_directory = metadata.is_dir() && mode & STICKY != 0;
    metadata.uid() != ROOT || (mode & WRITABLE_BY_OTHERS != 0 && !sticky_directory)
}

/// Set-uid or set-gid root.
fn becomes_root(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| {
        let mode = permission_bits(&metadata);
        (mode & 0o4000 != 0 && metadata.uid() == ROOT)
            || (mode & 0o2000 != 0 && metadata.gid() == ROOT)
    })
}

/// As the kernel decides: root needs any execute bit (none for a directory), others theirs.
fn may_execute(metadata: &Metadata, user: UserId, groups: &[u32]) -> bool {
    let mode = permission_bits(metadata);
    if user.uid == ROOT {
        return metadata.is_dir() || mode & 0o111 != 0;
    }
    let bit = if metadata.uid() == user.uid {
        0o100
    } else if metadata.gid() == user.gid || groups.contains(&metadata.gid()) {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT_USER: UserId = UserId { uid: 0, gid: 0 };
    const OTHER_USER: UserId = UserId {
        uid: 65_534,
        gid: 65_534,
    };

    fn script(directory: &tempfile::TempDir, mode: u32) -> String {
        let path = directory.path().join("check");
        fs::write(&path, "#! /bin/sh\n").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        path.display().to_string()
    }

    #[test]
    fn names_of_tables_come_from_the_directory_that_the_file_says() {
        let dir = tempfile::tempdir().expect("directory");
        fs::write(dir.path().join("rt_tables"), "77 bluest\n").expect("written");
        let text = format!(
            "global_defs {{\niproute_etc_dir {}\n}}\nstatic_routes {{\n192.0.2.0/24 dev lo table bluest\n}}\n",
            dir.path().display()
        );
        let file = dir.path().join("conf");
        fs::write(&file, text).expect("written");
        let loaded =
            crate::config::load(&file, &crate::config::LoadOptions::default(), &SystemHost);
        let network = &loaded.config.static_network;
        let table = network.static_routes.first().and_then(|route| route.table);
        assert_eq!(table, Some(77), "{:?}", loaded.complaints);
    }

    #[test]
    fn the_loopback_interface_and_root_exist() {
        let interfaces = SystemHost.interfaces(None).expect("here");
        let interfaces = interfaces.expect("known");
        assert!(interfaces.iter().any(|name| name == "lo"));
        assert_eq!(SystemHost.user("root"), Some(ROOT_USER));
        assert_eq!(SystemHost.user("no such user"), None);
        assert!(!SystemHost.host_name().is_empty());
    }

    #[test]
    fn a_program_without_a_slash_is_found_in_path() {
        let program = SystemHost.program("sh", ROOT_USER, &[]).expect("a shell");
        assert!(program.path.ends_with("/sh"), "{program:?}");
        assert_eq!(program.insecure, None, "links such as /bin are followed");
        assert!(matches!(
            SystemHost.program("no-such-program", ROOT_USER, &[]),
            Err(ProgramFault::NotInPath { .. })
        ));
    }

    #[test]
    fn a_script_without_the_execute_bit_names_the_file_its_owner_and_its_mode() {
        let directory = tempfile::tempdir().expect("directory");
        let path = script(&directory, 0o644);
        let fault = SystemHost
            .program(&path, ROOT_USER, &[])
            .expect_err("not executable");
        let text = fault.to_string();
        assert!(text.contains(&path) && text.contains("mode 644"), "{text}");
    }

    #[test]
    fn what_runs_is_the_file_that_a_link_leads_to() {
        let directory = tempfile::tempdir().expect("directory");
        let path = script(&directory, 0o755);
        let link = directory.path().join("link").display().to_string();
        std::os::unix::fs::symlink(&path, &link).expect("link");
        let program = SystemHost
            .program(&link, ROOT_USER, &[])
            .expect("executable");
        let real = fs::canonicalize(&path).expect("there");
        assert_eq!(program.path, link);
        assert_eq!(program.real, real.display().to_string());
    }

    #[test]
    fn a_group_beside_the_user_s_own_may_execute() {
        let directory = tempfile::tempdir().expect("directory");
        let path = script(&directory, 0o750);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        assert!(SystemHost.program(&path, OTHER_USER, &[]).is_err());
        let group = fs::metadata(&path).expect("there").gid();
        assert!(SystemHost.program(&path, OTHER_USER, &[group]).is_ok());
    }

    #[test]
    fn a_directory_that_a_user_may_not_search_is_named() {
        let directory = tempfile::tempdir().expect("directory");
        let path = script(&directory, 0o755);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).expect("chmod");
        match SystemHost.program(&path, OTHER_USER, &[]) {
            Err(ProgramFault::NotPermitted { path, verb, .. }) => {
                assert_eq!((Path::new(&path), verb), (directory.path(), "search"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_anybody_may_change_is_insecure_for_root_only() {
        let directory = tempfile::tempdir().expect("directory");
        let path = script(&directory, 0o757);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        if SystemHost.own_user() == ROOT_USER {
            let program = SystemHost.program(&path, ROOT_USER, &[]).expect("usable");
            assert_eq!(
                program.insecure.map(|component| component.mode),
                Some(0o757)
            );
        }
        let program = SystemHost.program(&path, OTHER_USER, &[]).expect("usable");
        assert_eq!(program.insecure, None);
    }

    #[test]
    fn a_directory_is_no_program() {
        assert!(matches!(
            SystemHost.program("/usr/bin", ROOT_USER, &[]),
            Err(ProgramFault::NotAFile { .. })
        ));
        assert!(matches!(
            SystemHost.program("/no/such/file", ROOT_USER, &[]),
            Err(ProgramFault::Missing { .. })
        ));
    }
}
