//! What parent, children and loader say to each other, as frames over the inherited socket.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Complaint, Config};
use crate::log::LogSettings;
use crate::lvs::driver::PlaneChoice;
use crate::types::{Owned, RouterIdentity};

/// The children that the parent supervises.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum ChildKind {
    DataPlane,
    Checker,
    Vrrp,
}

impl ChildKind {
    /// In the order in which they are started: a checker finds its plane, a master its servers.
    pub(crate) const ALL: [Self; 3] = [Self::DataPlane, Self::Checker, Self::Vrrp];

    /// Value of `--child`, and the stem of its socket and pid file.
    pub(crate) fn stem(self) -> &'static str {
        match self {
            Self::DataPlane => "lvs",
            Self::Checker => "checkers",
            Self::Vrrp => "vrrp",
        }
    }

    /// Syslog identity.
    pub(crate) fn ident(self) -> &'static str {
        match self {
            Self::DataPlane => "Holdfast_lvs",
            Self::Checker => "Holdfast_healthcheckers",
            Self::Vrrp => "Holdfast_vrrp",
        }
    }
}

/// As in keepalived's `VRRP child process(N) died`.
impl fmt::Display for ChildKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DataPlane => "Data-plane",
            Self::Checker => "Healthcheck",
            Self::Vrrp => "VRRP",
        })
    }
}

/// First frame to a child: all it needs to know.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) plane: PlaneChoice,
    pub(crate) run_directory: PathBuf,
    pub(crate) pid_file: PathBuf,
    /// A previous incarnation of this child died.
    pub(crate) restarted: bool,
    /// Virtual routers that are still within their lease; ends given on the monotonic clock.
    pub(crate) resume: Vec<(RouterIdentity, Duration)>,
    /// What settings below `/proc/sys/net` were before an earlier life of this child changed them.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) log: LogSettings,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum ToChild {
    Start(Box<Start>),
    Reload(Box<Config>),
    Dump(DumpKind),
    Stop,
}

/// What is asked for by signal (keepalived: the names of `--signum`).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum DumpKind {
    Data,
    Stats,
    /// The counters begin anew afterwards.
    StatsClear,
    Json,
}

impl DumpKind {
    pub(crate) const ALL: [Self; 4] = [Self::Data, Self::Stats, Self::StatsClear, Self::Json];

    /// Value of `--signum`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Data => "DATA",
            Self::Stats => "STATS",
            Self::StatsClear => "STATS_CLEAR",
            Self::Json => "JSON",
        }
    }

    /// keepalived's; tools send them by number.
    pub(crate) fn signal(self) -> libc::c_int {
        match self {
            Self::Data => libc::SIGUSR1,
            Self::Stats => libc::SIGUSR2,
            Self::StatsClear => libc::SIGRTMAX() - 1,
            Self::Json => libc::SIGRTMIN() + 2,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum FromChild {
    Ready,
    Reloaded,
    /// About to be put into the kernel.
    Own(Owned),
    Disown(Owned),
    /// The child could not take them away.
    NotRemoved(Vec<Owned>),
    /// `until` is a time of the monotonic clock, which all processes share.
    BeginLease {
        router: RouterIdentity,
        term: Duration,
        until: Duration,
    },
    /// All leases of that term.
    RenewLeases {
        term: Duration,
        until: Duration,
    },
    EndLease(RouterIdentity),
}

/// What the loader is asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LoadRequest {
    pub(crate) file: PathBuf,
    pub(crate) config_id: Option<String>,
    /// Whatever is wrong with an `include` is an error.
    pub(crate) all_config: bool,
    /// Takes the place of the keyword.
    pub(crate) net_namespace: Option<String>,
    /// The configuration is wanted in words too (`-d`).
    pub(crate) dump_conf: bool,
}

/// What the loader found.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LoadReply {
    pub(crate) config: Config,
    pub(crate) plane: PlaneChoice,
    /// In file order.
    pub(crate) complaints: Vec<Complaint>,
    pub(crate) verdict: Verdict,
    /// As `holdfast check --print` writes it, if it was wanted. Passwords are hidden.
    pub(crate) printed: Option<String>,
}

/// The worst that was found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Verdict {
    /// Nothing, or notes only.
    Clean,
    /// Keepalived would load it with a message: good enough for a start, not for a reload.
    Warnings,
    /// Keepalived would stop.
    Errors,
    /// There is no such file, or it cannot be read.
    NoFile,
}
