//! How a single check ended.

use std::fmt;

use crate::types::Weight;

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    Passed(Passed),
    Failed(Failure),
    /// Nothing was learnt about the server because of this host (no descriptor left, address to bind to
    /// missing). Counts neither way (keepalived: "Rescheduling").
    NotChecked {
        reason: String,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Passed {
    /// TCP_CHECK.
    Connected,
    /// One url of HTTP_GET or SSL_GET; `test` is the strictest one that it passed.
    Http {
        test: HttpTest,
        mismatch: Option<LengthMismatch>,
    },
    /// MISC_CHECK; `None`: with the configured weight.
    Script { weight: Option<Weight> },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HttpTest {
    StatusCode,
    Digest,
}

/// The body ended before Content-Length said so (keepalived: accepted, but logged).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LengthMismatch {
    pub content_length: u64,
    pub received: u64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// Not connected within connect_timeout.
    ConnectTimeout,
    /// Refused, unreachable, reset.
    ConnectFailed {
        reason: String,
    },
    /// The TLS handshake failed or took too long.
    TlsFailed {
        reason: String,
    },
    /// The request was not taken.
    WriteFailed {
        reason: String,
    },
    /// Nothing came within connect_timeout, or the answer as a whole took too long.
    ReadTimeout,
    ReadFailed {
        reason: String,
    },
    /// The connection ended before a whole response head came.
    NoData {
        received: usize,
    },
    /// What came is no HTTP response, or more than is read.
    BadResponse {
        reason: String,
    },
    StatusCode(u16),
    /// The MD5 that the body has instead.
    Digest([u8; 16]),
    ScriptExited(i32),
    ScriptSignaled(i32),
    ScriptTimeout,
    ScriptNotStarted {
        reason: String,
    },
    /// No result came long after one was due.
    Overdue,
}

/// What exactly was wrong, for the detailed log.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectTimeout => f.write_str("no connection within connect_timeout"),
            Self::ConnectFailed { reason } => write!(f, "no connection: {reason}"),
            Self::TlsFailed { reason } => write!(f, "TLS: {reason}"),
            Self::WriteFailed { reason } => write!(f, "request not taken: {reason}"),
            Self::ReadTimeout => f.write_str("no complete answer in time"),
            Self::ReadFailed { reason } => write!(f, "answer broken off: {reason}"),
            Self::NoData { received } => {
                write!(f, "connection closed after {received} bytes of the head")
            }
            Self::BadResponse { reason } => write!(f, "bad response: {reason}"),
            Self::StatusCode(code) => write!(f, "status code {code}"),
            Self::Digest(digest) => {
                f.write_str("digest ")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::ScriptExited(status) => write!(f, "exited with status {status}"),
            Self::ScriptSignaled(signal) => write!(f, "due to signal {signal}"),
            Self::ScriptTimeout => f.write_str("timed out"),
            Self::ScriptNotStarted { reason } => write!(f, "not started: {reason}"),
            Self::Overdue => f.write_str("the check gave no result"),
        }
    }
}
