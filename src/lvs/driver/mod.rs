//! The forwarding planes: the kernel's IPVS and our own data plane behind one trait.

use std::future::Future;

use serde::{Deserialize, Serialize};

use super::{Command, Table};
use crate::config::VirtualServer;

/// Which plane carries the virtual servers, and why; decided by the loader, said in the log by
/// the checker child.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PlaneChoice {
    pub plane: Plane,
    /// Completes "... because", for example `the kernel has no IPVS`.
    pub reason: String,
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
    /// What was attempted on which object.
    pub attempted: String,
    pub reason: String,
}

/// Something that carries out commands and says what it holds.
pub trait ForwardingPlane {
    /// Carry out the commands in order; every failure is reported, none stops the rest.
    fn apply(&mut self, commands: &[Command]) -> impl Future<Output = Vec<PlaneError>>;

    /// Everything it holds, ours or not.
    fn dump(&mut self) -> impl Future<Output = Result<Table, PlaneError>>;

    /// What this plane cannot do for the virtual server, if anything.
    fn cannot_carry(&self, virtual_server: &VirtualServer) -> Option<String>;
}
