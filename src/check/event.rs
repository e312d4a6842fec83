//! Every line that the checkers log: one variant each. The words are in `words`.

mod words;

use std::fmt;

use super::{Failure, HttpTest, LengthMismatch};
use crate::lvs::ServiceKey;
use crate::types::{ServerAddress, Weight};

/// A real server of a virtual server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subject {
    pub virtual_server: ServiceKey,
    pub real_server: ServerAddress,
}

impl Subject {
    /// Keepalived's name of the real server: `[ip]:proto:port`.
    pub(super) fn service(&self) -> ServiceKey {
        ServiceKey {
            address: self.real_server,
            protocol: self.virtual_server.protocol,
        }
    }
}

/// `<rs> for VS <vs>`
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for VS {}", self.service(), self.virtual_server)
    }
}

/// The kinds of checker as they are called in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CheckMethod {
    Tcp,
    Http,
    Ssl,
    Misc,
}

/// The keyword.
impl fmt::Display for CheckMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP_CHECK",
            Self::Http => "HTTP_GET",
            Self::Ssl => "SSL_GET",
            Self::Misc => "MISC_CHECK",
        })
    }
}

/// Which failure in a row of misses it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Try {
    /// The checker is down with it, after that many retries.
    Last { retries: u32 },
    /// The first of a row; that many retries follow.
    First { retry: u32 },
    /// Retry number `number` of `retry`.
    Retry { number: u32, retry: u32 },
    /// The checker is down already.
    WhileDown,
}

/// One variant per line. `Display` gives the words, `is_detail` tells whether it needs `-D`, `is_warning`
/// whether somebody should look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    CheckerActivated {
        of: Subject,
    },
    TcpPassed {
        of: Subject,
    },
    UrlPassed {
        of: Subject,
        test: HttpTest,
        path: String,
    },
    HttpPassed {
        of: Subject,
    },
    MiscPassed {
        of: Subject,
        command: String,
    },
    /// One try failed.
    TryFailed {
        of: Subject,
        method: CheckMethod,
        failure: Failure,
    },
    /// What exactly was wrong.
    FailureExplained {
        of: Subject,
        failure: Failure,
    },
    /// The checker went down.
    CheckFailed {
        of: Subject,
        method: CheckMethod,
        retries: u32,
    },
    MiscFailed {
        of: Subject,
        command: String,
        failure: Failure,
        tried: Try,
    },
    NotChecked {
        of: Subject,
        method: CheckMethod,
        reason: String,
    },
    LengthMismatched {
        of: Subject,
        virtualhost: Option<String>,
        path: String,
        lengths: LengthMismatch,
    },
    ServiceAdded {
        of: Subject,
        inhibit_on_failure: bool,
    },
    ServiceRemoved {
        of: Subject,
        inhibit_on_failure: bool,
    },
    WeightChanged {
        of: Subject,
        from: Weight,
        to: Weight,
        alive: bool,
    },
    QuorumGained {
        virtual_server: ServiceKey,
        quorum: u32,
        hysteresis: u32,
        weight: u64,
    },
    QuorumLost {
        virtual_server: ServiceKey,
        quorum: u32,
        hysteresis: u32,
        weight: u64,
        /// It has never been up.
        at_start: bool,
    },
    SorryServerAdded {
        of: Subject,
        inhibit: bool,
    },
    SorryServerRemoved {
        of: Subject,
        inhibit: bool,
    },
    AliveServersAdded {
        virtual_server: ServiceKey,
    },
    AliveServersRemoved {
        virtual_server: ServiceKey,
    },
    /// Reload: no longer configured. Start: left by an earlier process and not configured.
    VirtualServerRemoved {
        virtual_server: ServiceKey,
    },
    RealServerGone {
        of: Subject,
    },
    /// What follows [`Event::RealServerGone`] for one that was programmed.
    RealServerUnprogrammed {
        of: Subject,
        inhibited: bool,
    },
    ServiceShutDown {
        of: Subject,
        inhibited: bool,
    },
    /// Restart of this process: the plane has been forwarding all the time.
    Resumed {
        virtual_server: ServiceKey,
        alive: usize,
        real_servers: usize,
    },
    Degraded {
        virtual_server: ServiceKey,
        reason: String,
    },
    /// A command, with what was attempted and why it failed.
    NotProgrammed {
        failure: String,
    },
    PlaneLost {
        reason: String,
    },
    PlaneRestored,
}

impl Event {
    /// Logged with `--log-detail` only.
    pub fn is_detail(&self) -> bool {
        matches!(self, Self::FailureExplained { .. })
    }

    /// Something is not as configured, and not because a server is down.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::Degraded { .. }
                | Self::NotChecked { .. }
                | Self::NotProgrammed { .. }
                | Self::PlaneLost { .. }
        )
    }
}
