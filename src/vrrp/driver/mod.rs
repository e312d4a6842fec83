//! The VRRP child: sockets, kernel and scripts around the pure [`super::VirtualRouters`].
//!
//! [`run`] is the child's only loop; `carry_out` does what the routers want done. They own the
//! rest: `socket` the raw sockets, `kernel` the interfaces and addresses, `garp` the gratuitous
//! ARP, `scripts` the track scripts. Nothing in it waits for a script, a file, a name or the
//! parent.

mod accept;
mod announce;
mod auto_priority;
mod carry_out;
mod files;
mod filter;
mod flood;
mod garp;
mod kept;
mod kernel;
mod leases;
mod linkbeat;
#[cfg(test)]
mod namespace;
mod processes;
mod run;
mod scripts;
mod socket;
mod sysctl;
mod trackers;
mod transport;
mod vmac;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::sync::oneshot;

pub use run::run;

use crate::config::Config;
use crate::netlink::NetlinkError;
use crate::types::{Owned, RouterIdentity};
use crate::vrrp::{Dump, Resume};

/// What the parent asks of the VRRP child.
#[derive(Debug)]
pub enum Order {
    /// Answered from the child's own loop, so that a stuck loop does not answer.
    Hello(oneshot::Sender<()>),
    Reload(Box<Config>),
    Dump {
        /// The counters begin anew afterwards.
        clear_counters: bool,
        answer: oneshot::Sender<Dump>,
    },
    /// Say goodbye (priority 0), take every address away, run the stop scripts, return. Also what
    /// the wiring sends when the parent is gone.
    Stop,
}

/// What an earlier life of this child left.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inherited {
    /// Instances that go on as MASTER.
    pub resume: Vec<Resume>,
    /// What settings below `/proc/sys/net` were before they were changed, by path.
    pub settings: BTreeMap<String, String>,
}

/// What the VRRP child tells the parent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Report {
    Ready,
    Reloaded,
    /// About to be put on its interface: the parent must know before the kernel does.
    Own(Owned),
    Disown(Owned),
    /// Could not be taken away and must not stay: the parent tries it until they are gone.
    NotRemoved(Vec<Owned>),
    /// A router is MASTER, and until then no peer takes over. Its lease is renewed with the others of its term. Times
    /// are those of the monotonic clock, which all processes share.
    BeginLease {
        router: RouterIdentity,
        term: Duration,
        until: Duration,
    },
    /// No lease of that term ends before.
    RenewLeases {
        term: Duration,
        until: Duration,
    },
    EndLease {
        router: RouterIdentity,
    },
}

/// Why the VRRP child cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A right is missing; starting again does not help (exit status 4).
    #[error("unable to {attempted}: {capability} is missing")]
    Permission {
        capability: &'static str,
        attempted: String,
    },
    /// A request to the kernel was not answered; a new start may help.
    #[error(transparent)]
    Netlink(NetlinkError),
    /// A socket could not be made or read; a new start may help.
    #[error("unable to {attempted}: {cause}")]
    Io {
        attempted: &'static str,
        #[source]
        cause: io::Error,
    },
}

impl DriverError {
    fn io(attempted: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| match cause.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Permission {
                capability: "CAP_NET_RAW",
                attempted: attempted.to_owned(),
            },
            _ => Self::Io { attempted, cause },
        }
    }
}

impl From<NetlinkError> for DriverError {
    fn from(error: NetlinkError) -> Self {
        if error.is_permission_denied() {
            Self::Permission {
                capability: "CAP_NET_ADMIN",
                attempted: error.attempted.to_string(),
            }
        } else {
            Self::Netlink(error)
        }
    }
}

#[cfg(test)]
mod tests;
