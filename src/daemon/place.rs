//! Where the program runs and as which of several: network namespace, run directory, name in the log.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::exit_status::ExitStatus;
use super::host::open_namespace;
use crate::config::{IpvsNamespace, Namespaces};
use crate::sys::net_namespace::{Claim, ClaimError, NetNamespace};

/// Why the program does not start.
pub(super) struct Refused(pub(super) ExitStatus, pub(super) String);

/// The network namespace that was entered, if one was.
pub(super) struct Place {
    /// Where the program was started.
    initial: Option<NetNamespace>,
}

impl Place {
    /// Goes where the configuration says. To be called while there is one thread.
    pub(super) fn enter(namespaces: &Namespaces) -> Result<Self, Refused> {
        let Some(name) = &namespaces.net_namespace else {
            return Ok(Self { initial: None });
        };
        let fatal = |why| Refused(ExitStatus::Fatal, why);
        let namespace = open_namespace(name).map_err(fatal)?;
        let initial = NetNamespace::open(Path::new("/proc/self/ns/net")).map_err(|error| {
            fatal(format!(
                "unable to open this network namespace, to come back for IPVS: {error}"
            ))
        })?;
        namespace.enter().map_err(|error| {
            let status = match error.raw_os_error() {
                Some(libc::EPERM) => ExitStatus::MissingPermission,
                _ => ExitStatus::Fatal,
            };
            let why = format!(
                "unable to enter the network namespace {name}: {error}: start as root, or with CAP_SYS_ADMIN"
            );
            Refused(status, why)
        })?;
        Ok(Self {
            initial: Some(initial),
        })
    }

    /// Where IPVS is programmed if that is elsewhere; names a file of this process, which must stay.
    pub(super) fn ipvs_namespace(&self, namespaces: &Namespaces) -> Option<PathBuf> {
        match &namespaces.net_namespace_ipvs {
            IpvsNamespace::AsOthers => None,
            IpvsNamespace::Named(name) => Some(NetNamespace::path_of(name)),
            IpvsNamespace::Initial => self.initial.as_ref().map(|initial| {
                let (process, file) = (std::process::id(), initial.as_raw_fd());
                PathBuf::from(format!("/proc/{process}/fd/{file}"))
            }),
        }
    }
}

/// The run directory of a daemon: that of its namespace and its instance below the common one.
pub(super) fn run_directory(common: &Path, namespaces: &Namespaces) -> PathBuf {
    let below = [&namespaces.net_namespace, &namespaces.instance];
    let mut directory = common.to_owned();
    directory.extend(below.into_iter().flatten());
    directory
}

/// keepalived: what follows the syslog identity.
pub(super) fn ident_suffix(namespaces: &Namespaces) -> String {
    let parts = [&namespaces.net_namespace, &namespaces.instance];
    parts
        .into_iter()
        .flatten()
        .map(|part| format!("_{part}"))
        .collect()
}

/// Keeps a second one of the same name out of this network namespace, whatever its run directory: both would take
/// the interfaces, tables and addresses of the other for left-overs.
pub(super) fn claim(instance: Option<&str>) -> Result<Option<Claim>, Refused> {
    let name = match instance {
        Some(instance) => format!("holdfast/{instance}"),
        None => "holdfast".to_owned(),
    };
    match Claim::take(&name) {
        Ok(claim) => Ok(Some(claim)),
        Err(ClaimError::Held(pid)) => {
            let why = format!(
                "daemon is already running in this network namespace (process {pid}), with another run directory: \
                 give one of them a name with 'instance NAME'"
            );
            Err(Refused(ExitStatus::Fatal, why))
        }
        Err(error @ (ClaimError::Foreign { .. } | ClaimError::Io(_))) => {
            warn!("a second daemon in this network namespace will not be noticed: {error}");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_and_instance_are_directories_and_names_in_the_log() {
        let both = Namespaces {
            net_namespace: Some("red".to_owned()),
            instance: Some("one".to_owned()),
            ..Namespaces::default()
        };
        let common = Path::new("/run/holdfast");
        assert_eq!(
            run_directory(common, &both),
            Path::new("/run/holdfast/red/one")
        );
        assert_eq!(run_directory(common, &Namespaces::default()), common);
        assert_eq!(ident_suffix(&both), "_red_one");
    }
}
