//! The checker child: sockets, TLS, scripts and the forwarding plane around the pure checkers.
//!
//! One loop ([`run`]) owns the core, answers the parent and waits for nobody: each check is a task of its own
//! with limits of its own, and the plane is asked by a second loop beside it (`plane`).

mod connect;
mod http;
mod misc;
mod plane;
mod run;
mod tcp;
mod tls;

use tokio::sync::oneshot;

use super::Snapshot;
use crate::config::Config;
use crate::lvs::driver::PlaneError;

pub use run::run;

/// What the parent asks of the checker child.
#[derive(Debug)]
pub enum Order {
    /// Answered from the child's own loop, so that a stuck loop does not answer.
    Hello(oneshot::Sender<()>),
    Reload(Box<Config>),
    Snapshot(oneshot::Sender<Snapshot>),
    /// Take away what was programmed, run the stop scripts (`omega`), return.
    Stop,
    /// The parent is gone: return and leave forwarding as it is.
    Leave,
}

/// What the checker child tells the parent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Report {
    Ready,
    Reloaded,
}

/// Why the checker child cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error("not permitted: {0}")]
    Permission(PlaneError),
    /// The plane that the configuration asks for is not there.
    #[error("{0}")]
    NoPlane(PlaneError),
    #[error("setting up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

#[cfg(test)]
mod tests;
