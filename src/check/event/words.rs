//! The words of each line, keepalived's where keepalived has the line.

use std::fmt;

use super::{CheckMethod, Event, Subject, Try};
use crate::check::{Failure, HttpTest};

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
                inhibit_on_failure: false,
            } => write_service(f, "Adding", *of, "to"),
            Self::ServiceAdded {
                of,
                inhibit_on_failure: true,
            } => write_service(f, "Enabling", *of, "of"),
            Self::ServiceRemoved {
                of,
                inhibit_on_failure: false,
            } => write_service(f, "Removing", *of, "from"),
            Self::ServiceRemoved {
                of,
                inhibit_on_failure: true,
            } => write_service(f, "Disabling", *of, "of"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::ServiceKey;
    use crate::types::{Protocol, ServerAddress};

    fn of() -> Subject {
        let server =
            |address: &str, port| ServerAddress::new(address.parse().expect("address"), port);
        Subject {
            virtual_server: ServiceKey {
                address: server("2001:db8::1", 443),
                protocol: Protocol::Tcp,
            },
            real_server: server("192.0.2.10", 8443),
        }
    }

    fn web(failure: Failure) -> String {
        let method = CheckMethod::Ssl;
        let event = Event::TryFailed {
            of: of(),
            method,
            failure,
        };
        event.to_string()
    }

    #[test]
    fn a_service_that_goes_is_named_as_keepalived_names_it() {
        let event = |inhibit_on_failure| Event::ServiceRemoved {
            of: of(),
            inhibit_on_failure,
        };
        assert_eq!(
            event(false).to_string(),
            "Removing service [192.0.2.10]:tcp:8443 from VS [2001:db8::1]:tcp:443"
        );
        assert_eq!(
            event(true).to_string(),
            "Disabling service [192.0.2.10]:tcp:8443 of VS [2001:db8::1]:tcp:443"
        );
    }

    #[test]
    fn web_failures_have_keepalived_s_words() {
        let reason = String::new;
        let rows = [
            (Failure::ConnectTimeout, "Timeout connecting server"),
            (
                Failure::ConnectFailed { reason: reason() },
                "Error connecting server",
            ),
            (
                Failure::TlsFailed { reason: reason() },
                "SSL handshake/communication error connecting to server",
            ),
            (Failure::ReadTimeout, "Timeout HTTP read server"),
            (
                Failure::NoData { received: 0 },
                // With keepalived's two blanks.
                "Read, no data received from  server",
            ),
            (Failure::StatusCode(503), "HTTP status code error to server"),
            (Failure::Digest([0; 16]), "MD5 digest error to server"),
        ];
        for (failure, words) in rows {
            assert_eq!(web(failure), format!("{words} [192.0.2.10]:tcp:8443."));
        }
    }

    #[test]
    fn the_retries_of_a_script_are_told_in_keepalived_s_words() {
        let line = |failure, tried| {
            let command = "/check.sh -v".to_owned();
            let event = Event::MiscFailed {
                of: of(),
                command,
                failure,
                tried,
            };
            let line = event.to_string();
            let (_, rest) = line.split_once("by [/check.sh -v] ").expect("the command");
            rest.to_owned()
        };
        let exited = || Failure::ScriptExited(2);
        let rows = [
            (
                line(exited(), Try::Last { retries: 0 }),
                "failed (exited with status 2).",
            ),
            (
                line(exited(), Try::First { retry: 1 }),
                "failed, will do 1 retry (exited with status 2).",
            ),
            (
                line(
                    exited(),
                    Try::Retry {
                        number: 1,
                        retry: 3,
                    },
                ),
                "failed on retry 1/3 (exited with status 2).",
            ),
            (
                line(Failure::ScriptSignaled(9), Try::Last { retries: 3 }),
                "failed after 3 retries (due to signal 9).",
            ),
            (
                line(Failure::ScriptTimeout, Try::Last { retries: 0 }),
                "timed out.",
            ),
        ];
        for (line, expected) in rows {
            assert_eq!(line, expected);
        }
    }
}
