//! The VRRP child: sockets, kernel and scripts around the pure [`super::VirtualRouters`].

use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::Config;
use crate::types::OwnedAddress;

/// What the parent asks of the VRRP child.
#[derive(Debug)]
pub enum Order {
    /// Answered from the child's own loop, so that a stuck loop does not answer.
    Hello(oneshot::Sender<()>),
    Reload(Box<Config>),
    /// Say goodbye (priority 0), take every address away, run the stop scripts, return. Also what
    /// the wiring sends when the parent is gone.
    Stop,
}

/// What the VRRP child tells the parent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Report {
    Ready,
    Reloaded,
    /// About to be put on its interface: the parent must know before the kernel does.
    Own {
        instance: String,
        address: OwnedAddress,
    },
    Disown {
        instance: String,
        address: OwnedAddress,
    },
    /// The lease ends this long after now.
    RenewLease {
        instance: String,
        remaining: Duration,
    },
    EndLease {
        instance: String,
    },
}
