//! The checker child: sockets, TLS, scripts and the forwarding plane around the pure checkers.

use tokio::sync::oneshot;

use crate::config::Config;

/// What the parent asks of the checker child.
#[derive(Debug)]
pub enum Order {
    /// Answered from the child's own loop, so that a stuck loop does not answer.
    Hello(oneshot::Sender<()>),
    Reload(Box<Config>),
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
