//! TCP_CHECK: what the end of an attempt to connect says about the server.

use super::{Failure, Outcome, Passed};

/// Why there is no connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConnectError {
    #[error("no connection within connect_timeout")]
    Timeout,
    /// The server, or the way to it, said no.
    #[error("{reason}")]
    Failed { reason: String },
    /// The socket could not be made or bound here; the server was not asked.
    #[error("{attempted}: {reason}")]
    Local { attempted: String, reason: String },
}

impl From<ConnectError> for Outcome {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Timeout => Self::Failed(Failure::ConnectTimeout),
            ConnectError::Failed { reason } => Self::Failed(Failure::ConnectFailed { reason }),
            ConnectError::Local { .. } => Self::NotChecked {
                reason: error.to_string(),
            },
        }
    }
}

/// A server that accepts the connection passes.
pub(super) fn outcome<T>(connected: Result<T, ConnectError>) -> Outcome {
    match connected {
        Ok(_) => Outcome::Passed(Passed::Connected),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_this_host_is_not_held_against_the_server() {
        let error = ConnectError::Local {
            attempted: "binding to 192.0.2.9:0".to_owned(),
            reason: "address not available".to_owned(),
        };
        let expected = "binding to 192.0.2.9:0: address not available".to_owned();
        assert_eq!(
            outcome::<()>(Err(error)),
            Outcome::NotChecked { reason: expected }
        );
    }

    #[test]
    fn refusal_and_silence_are_failures() {
        let refused = ConnectError::Failed {
            reason: "connection refused".to_owned(),
        };
        assert!(matches!(outcome::<()>(Err(refused)), Outcome::Failed(_)));
        assert_eq!(
            outcome::<()>(Err(ConnectError::Timeout)),
            Outcome::Failed(Failure::ConnectTimeout)
        );
        assert_eq!(outcome(Ok(())), Outcome::Passed(Passed::Connected));
    }
}
