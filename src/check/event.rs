//! Every line that the checkers log, in keepalived's wording where keepalived has the line.

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
    fn service(&self) -> ServiceKey {
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
    /// Reload: no longer configured.
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

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckerActivated { of } => {
                write!(f, "Activating healthchecker for service {of}")
            }
            Self::TcpPassed { of } => write!(f, "TCP connection to {} success.", of.service()),
            Self::UrlPassed { of, test, path } => {
                let test = match test {
                    HttpTest::StatusCode => "HTTP status code",
                    HttpTest::Digest => "MD5 digest",
                };
                write!(f, "{test} success to {} url({path})", of.service())
            }
            Self::HttpPassed { of } => {
                write!(f, "Remote Web server {} succeed on service.", of.service())
            }
            Self::MiscPassed { of, command } => {
                write!(f, "{} succeeded.", MiscCheck { of, command })
            }
            Self::TryFailed {
                of,
                method,
                failure,
            } => write_try(f, *of, *method, failure),
            Self::FailureExplained { of, failure } => write!(f, "Check of {of}: {failure}"),
            Self::CheckFailed {
                of,
                method,
                retries,
            } => {
                let check = match method {
                    CheckMethod::Tcp => "TCP_CHECK",
                    CheckMethod::Http => "HTTP_CHECK",
                    CheckMethod::Ssl => "SSL_CHECK",
                    CheckMethod::Misc => "MISC_CHECK",
                };
                write!(f, "{check} on service {} failed", of.service())?;
                match retries {
                    0 => f.write_str("."),
                    _ => write!(f, " after {retries} retries."),
                }
            }
            Self::MiscFailed {
                of,
                command,
                failure,
                tried,
            } => write_misc(f, &MiscCheck { of, command }, failure, *tried),
            Self::NotChecked { of, method, reason } => write!(
                f,
                "{method} on service {} not possible: {reason}. Rescheduling.",
                of.service()
            ),
            Self::LengthMismatched {
                of,
                virtualhost,
                path,
                lengths,
            } => write!(
                f,
                "http_check for RS {} VS {} url {}{path}: content_length ({}) does not match received bytes ({})",
                of.service(),
                of.virtual_server,
                virtualhost.as_deref().unwrap_or_default(),
                lengths.content_length,
                lengths.received
            ),
            Self::ServiceAdded {
                of,
                inhibit_on_failure,
            } => {
                let (verb, preposition) =
                    either(*inhibit_on_failure, "Enabling", "of").unwrap_or(("Adding", "to"));
                write_service(f, verb, *of, preposition)
            }
            Self::ServiceRemoved {
                of,
                inhibit_on_failure,
            } => {
                let (verb, preposition) =
                    either(*inhibit_on_failure, "Disabling", "of").unwrap_or(("Removing", "from"));
                write_service(f, verb, *of, preposition)
            }
            Self::WeightChanged {
                of,
                from,
                to,
                alive,
            } => {
                let active = if *alive { "active" } else { "inactive" };
                write!(
                    f,
                    "Changing weight from {from} to {to} for {active} service {} of VS {}",
                    of.service(),
                    of.virtual_server
                )
            }
            Self::QuorumGained {
                virtual_server,
                quorum,
                hysteresis,
                weight,
            } => {
                let threshold = u64::from(*quorum) + u64::from(*hysteresis);
                write!(
                    f,
                    "Gained quorum {quorum}+{hysteresis}={threshold} <= {weight} for VS {virtual_server}"
                )
            }
            Self::QuorumLost {
                virtual_server,
                quorum,
                hysteresis,
                weight,
                at_start,
            } => {
                let what = if *at_start {
                    "Starting with quorum down"
                } else {
                    "Lost quorum"
                };
                let threshold = i64::from(*quorum) - i64::from(*hysteresis);
                write!(
                    f,
                    "{what} {quorum}-{hysteresis}={threshold} > {weight} for VS {virtual_server}"
                )
            }
            Self::SorryServerAdded { of, inhibit } => {
                let verb = if *inhibit { "Enabling" } else { "Adding" };
                write!(
                    f,
                    "{verb} sorry server {} to VS {}",
                    of.service(),
                    of.virtual_server
                )
            }
            Self::SorryServerRemoved { of, inhibit } => {
                let verb = if *inhibit { "Disabling" } else { "Removing" };
                write!(
                    f,
                    "{verb} sorry server {} from VS {}",
                    of.service(),
                    of.virtual_server
                )
            }
            Self::AliveServersAdded { virtual_server } => {
                write!(
                    f,
                    "Adding alive servers to the pool for VS {virtual_server}"
                )
            }
            Self::AliveServersRemoved { virtual_server } => {
                write!(
                    f,
                    "Removing alive servers from the pool for VS {virtual_server}"
                )
            }
            Self::VirtualServerRemoved { virtual_server } => {
                write!(f, "Removing Virtual Server {virtual_server}")
            }
            Self::RealServerGone { of } => write!(f, "service {} no longer exist", of.service()),
            Self::RealServerUnprogrammed { of, inhibited } => {
                write_withdrawal(f, "Removing", *of, *inhibited)
            }
            Self::ServiceShutDown { of, inhibited } => {
                write_withdrawal(f, "Shutting down", *of, *inhibited)
            }
            Self::Resumed {
                virtual_server,
                alive,
                real_servers,
            } => write!(
                f,
                "Going on with what is programmed for VS {virtual_server}: {alive} of {real_servers} real servers in service"
            ),
            Self::Degraded {
                virtual_server,
                reason,
            } => write!(f, "VS {virtual_server} is degraded: {reason}"),
            Self::NotProgrammed { failure } => write!(f, "Not programmed: {failure}"),
            Self::PlaneLost { reason } => {
                write!(f, "Forwarding plane lost: {reason}; connecting again")
            }
            Self::PlaneRestored => f.write_str("Forwarding plane is programmed as wanted again"),
        }
    }
}

fn either<'a>(condition: bool, verb: &'a str, preposition: &'a str) -> Option<(&'a str, &'a str)> {
    condition.then_some((verb, preposition))
}

fn write_service(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    of: Subject,
    preposition: &str,
) -> fmt::Result {
    write!(
        f,
        "{verb} service {} {preposition} VS {}",
        of.service(),
        of.virtual_server
    )
}

fn write_withdrawal(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    of: Subject,
    inhibited: bool,
) -> fmt::Result {
    let inhibited = if inhibited { "(inhibited) " } else { "" };
    write!(
        f,
        "{verb} {inhibited}service {} from VS {}",
        of.service(),
        of.virtual_server
    )
}

fn write_try(
    f: &mut fmt::Formatter<'_>,
    of: Subject,
    method: CheckMethod,
    failure: &Failure,
) -> fmt::Result {
    if method == CheckMethod::Tcp {
        let how = match failure {
            Failure::ConnectTimeout => "timeout",
            _ => "failed",
        };
        return write!(f, "TCP connection to {} {how}.", of.service());
    }
    write!(f, "{} server {}.", web_failure(failure), of.service())
}

/// Keepalived's words for what went wrong with HTTP_GET and SSL_GET.
fn web_failure(failure: &Failure) -> &'static str {
    match failure {
        Failure::ConnectTimeout => "Timeout connecting",
        Failure::ConnectFailed { .. } => "Error connecting",
        Failure::TlsFailed { .. } => "SSL handshake/communication error connecting to",
        Failure::WriteFailed { .. } => "Cannot send get request to",
        Failure::ReadTimeout | Failure::Overdue => "Timeout HTTP read",
        Failure::ReadFailed { .. } => "Read error with",
        Failure::NoData { .. } => "Read, no data received from ",
        Failure::BadResponse { .. } => "Bad HTTP response from",
        Failure::StatusCode(_) => "HTTP status code error to",
        Failure::Digest(_) => "MD5 digest error to",
        Failure::ScriptExited(_)
        | Failure::ScriptSignaled(_)
        | Failure::ScriptTimeout
        | Failure::ScriptNotStarted { .. } => "Script error with",
    }
}

struct MiscCheck<'a> {
    of: &'a Subject,
    command: &'a str,
}

impl fmt::Display for MiscCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Misc check for [{} VS {}] by [{}]",
            self.of.service(),
            self.of.virtual_server,
            self.command
        )
    }
}

fn write_misc(
    f: &mut fmt::Formatter<'_>,
    check: &MiscCheck<'_>,
    failure: &Failure,
    tried: Try,
) -> fmt::Result {
    let timed_out = matches!(failure, Failure::ScriptTimeout);
    let how = if timed_out { "timed out" } else { "failed" };
    write!(f, "{check} {how}")?;
    let noun = |n| if n == 1 { "retry" } else { "retries" };
    match tried {
        Try::Last { retries: 0 } | Try::First { retry: 0 } | Try::WhileDown => {}
        Try::Last { retries } => write!(f, " after {retries} {}", noun(retries))?,
        Try::First { retry } => write!(f, ", will do {retry} {}", noun(retry))?,
        Try::Retry { number, retry } => write!(f, " on retry {number}/{retry}")?,
    }
    if timed_out {
        f.write_str(".")
    } else {
        write!(f, " ({failure}).")
    }
}
