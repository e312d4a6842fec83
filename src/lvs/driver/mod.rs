//! The forwarding planes: the kernel's IPVS and our own data plane behind one trait.
//!
//! What is wanted is decided elsewhere (`check`, `lvs::plan`); here commands are carried out and what is
//! programmed is read back.

mod ipvs;
mod userspace;

use std::future::Future;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::message::RealServerStatistics;
use super::{Command, Table};
use crate::config::{LvsPlane, VirtualServer};

pub use ipvs::IpvsPlane;
pub use userspace::UserspacePlane;

/// Which plane carries the virtual servers, and why; decided by the loader, said in the log by
/// the checker child.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PlaneChoice {
    pub plane: Plane,
    /// The log line, for example `lvs_plane auto: the kernel has no IPVS`.
    pub reason: String,
    /// Where servers are balanced, if not in the network namespace of this process.
    pub net_namespace: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Plane {
    Ipvs,
    Userspace,
}

/// A command that was not carried out.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{attempted}: {reason}")]
pub struct PlaneError {
    pub kind: PlaneErrorKind,
    /// What was attempted on which object.
    pub attempted: String,
    pub reason: String,
}

/// What the caller can do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlaneErrorKind {
    /// There is no such plane here (no IPVS in the kernel, no data-plane child).
    Unavailable,
    /// This process lacks the permission.
    NotPermitted,
    /// This one was refused; others may work.
    Refused,
    /// The connection is of no more use: connect again, read back, plan again.
    Lost,
}

impl PlaneError {
    fn refused(command: &Command, reason: String) -> Self {
        Self {
            kind: PlaneErrorKind::Refused,
            attempted: command.to_string(),
            reason,
        }
    }

    /// The connection is of no more use: connect again, read back, plan again.
    pub fn is_lost(&self) -> bool {
        self.kind == PlaneErrorKind::Lost
    }
}

/// Something that carries out commands and says what it holds.
pub trait ForwardingPlane {
    /// Carry out the commands in order; every failure is reported, none stops the rest unless the
    /// connection is lost, which is then the last one reported.
    fn apply(&mut self, commands: &[Command]) -> impl Future<Output = Vec<PlaneError>>;

    /// Everything it holds, ours or not.
    fn dump(&mut self) -> impl Future<Output = Result<Table, PlaneError>>;

    /// What this plane cannot do for the virtual server, if anything.
    fn cannot_carry(&self, virtual_server: &VirtualServer) -> Option<String>;

    /// Ends when the connection is gone while nothing is asked of it; never where there is none to lose.
    /// May be dropped at any time.
    fn lost(&mut self) -> impl Future<Output = ()> {
        std::future::pending()
    }
}

/// The plane that was chosen.
#[derive(Debug)]
pub enum AnyPlane {
    Ipvs(IpvsPlane),
    Userspace(UserspacePlane),
}

impl AnyPlane {
    /// Counters of every real server of every service.
    pub async fn statistics(&mut self) -> Result<Vec<RealServerStatistics>, PlaneError> {
        match self {
            Self::Ipvs(plane) => plane.statistics().await,
            Self::Userspace(plane) => plane.statistics().await,
        }
    }
}

impl ForwardingPlane for AnyPlane {
    async fn apply(&mut self, commands: &[Command]) -> Vec<PlaneError> {
        match self {
            Self::Ipvs(plane) => plane.apply(commands).await,
            Self::Userspace(plane) => plane.apply(commands).await,
        }
    }

    async fn dump(&mut self) -> Result<Table, PlaneError> {
        match self {
            Self::Ipvs(plane) => plane.dump().await,
            Self::Userspace(plane) => plane.dump().await,
        }
    }

    fn cannot_carry(&self, virtual_server: &VirtualServer) -> Option<String> {
        match self {
            Self::Ipvs(plane) => plane.cannot_carry(virtual_server),
            Self::Userspace(plane) => plane.cannot_carry(virtual_server),
        }
    }

    async fn lost(&mut self) {
        match self {
            Self::Ipvs(plane) => plane.lost().await,
            Self::Userspace(plane) => plane.lost().await,
        }
    }
}

/// Which plane carries the virtual servers. Asks the kernel and may run `modprobe`: for the loader only, it
/// blocks.
pub fn choose(wanted: LvsPlane) -> PlaneChoice {
    let (plane, reason) = match wanted {
        LvsPlane::Ipvs => {
            // Loads it where it can be; whether it is there is found by `connect`.
            ipvs::probe();
            (Plane::Ipvs, "lvs_plane ipvs: the configuration says so")
        }
        LvsPlane::Userspace => (
            Plane::Userspace,
            "lvs_plane userspace: the configuration says so",
        ),
        LvsPlane::Auto if ipvs::probe() => (Plane::Ipvs, "lvs_plane auto: the kernel has IPVS"),
        LvsPlane::Auto => (Plane::Userspace, "lvs_plane auto: the kernel has no IPVS"),
    };
    PlaneChoice {
        plane,
        reason: reason.to_owned(),
        net_namespace: None,
    }
}

/// Opens the way to the chosen plane; `run_directory` is where the data-plane child has its socket.
pub async fn connect(choice: &PlaneChoice, run_directory: &Path) -> Result<AnyPlane, PlaneError> {
    match choice.plane {
        Plane::Ipvs => IpvsPlane::connect_in(choice.net_namespace.as_deref())
            .await
            .map(AnyPlane::Ipvs),
        Plane::Userspace => UserspacePlane::connect(run_directory)
            .await
            .map(AnyPlane::Userspace),
    }
}
