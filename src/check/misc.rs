//! MISC_CHECK: what the end of a script says about the server.

use super::{Failure, Outcome, Passed};
use crate::types::Weight;

/// How a run of the script ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ScriptEnd {
    Exited(i32),
    Signaled(i32),
    /// It did not end within misc_timeout and was killed.
    TimedOut,
    NotStarted {
        reason: String,
    },
}

/// Status 0 passes with the configured weight. With `misc_dynamic`, 2 to 255 passes with weight status - 2.
/// Everything else fails.
pub(super) fn outcome(end: ScriptEnd, misc_dynamic: bool) -> Outcome {
    match end {
        ScriptEnd::Exited(0) => Outcome::Passed(Passed::Script { weight: None }),
        ScriptEnd::Exited(status) => match dynamic_weight(status).filter(|_| misc_dynamic) {
            Some(weight) => Outcome::Passed(Passed::Script {
                weight: Some(weight),
            }),
            None => Outcome::Failed(Failure::ScriptExited(status)),
        },
        ScriptEnd::Signaled(signal) => Outcome::Failed(Failure::ScriptSignaled(signal)),
        ScriptEnd::TimedOut => Outcome::Failed(Failure::ScriptTimeout),
        ScriptEnd::NotStarted { reason } => Outcome::Failed(Failure::ScriptNotStarted { reason }),
    }
}

fn dynamic_weight(status: i32) -> Option<Weight> {
    u32::try_from(status)
        .ok()
        .filter(|status| (2..=255).contains(status))
        .and_then(|status| Weight::new(status - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(weight: Option<u32>) -> Outcome {
        Outcome::Passed(Passed::Script {
            weight: weight.and_then(Weight::new),
        })
    }

    fn failed(status: i32) -> Outcome {
        Outcome::Failed(Failure::ScriptExited(status))
    }

    #[test]
    fn only_status_0_passes_without_misc_dynamic() {
        for (status, expected) in [(0, passed(None)), (1, failed(1)), (2, failed(2))] {
            assert_eq!(outcome(ScriptEnd::Exited(status), false), expected);
        }
    }

    #[test]
    fn misc_dynamic_takes_the_weight_from_the_status() {
        let rows = [
            (0, passed(None)),
            (1, failed(1)),
            (2, passed(Some(0))),
            (3, passed(Some(1))),
            (255, passed(Some(253))),
        ];
        for (status, expected) in rows {
            assert_eq!(outcome(ScriptEnd::Exited(status), true), expected);
        }
    }

    #[test]
    fn a_killed_or_missing_script_never_passes() {
        let ends = [
            ScriptEnd::Signaled(9),
            ScriptEnd::TimedOut,
            ScriptEnd::NotStarted {
                reason: "no such file".to_owned(),
            },
        ];
        for end in ends {
            assert!(matches!(outcome(end, true), Outcome::Failed(_)));
        }
    }
}
