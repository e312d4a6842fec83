//! The kernel's IPVS as a forwarding plane.

use crate::config::VirtualServer;
use crate::lvs::driver::{ForwardingPlane, PlaneError, PlaneErrorKind};
use crate::lvs::{Command, Table};

/// IPVS of this network namespace over generic netlink.
#[derive(Debug)]
pub struct IpvsPlane {}

/// Whether the kernel has IPVS, after one attempt to load it.
pub(super) fn probe() -> bool {
    false
}

impl IpvsPlane {
    /// Finds the IPVS family of the kernel; unavailable where there is none.
    pub async fn connect() -> Result<Self, PlaneError> {
        Err(PlaneError {
            kind: PlaneErrorKind::Unavailable,
            attempted: "IPVS: Can't initialize ipvs".to_owned(),
            reason: "Protocol not available".to_owned(),
        })
    }
}

impl ForwardingPlane for IpvsPlane {
    async fn apply(&mut self, _commands: &[Command]) -> Vec<PlaneError> {
        Vec::new()
    }

    async fn dump(&mut self) -> Result<Table, PlaneError> {
        Ok(Table::default())
    }

    fn cannot_carry(&self, _virtual_server: &VirtualServer) -> Option<String> {
        None
    }
}
