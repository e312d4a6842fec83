//! What can happen to the checkers.

use std::fmt;

use super::Outcome;
use crate::lvs::Table;

/// A checker for as long as it is configured; survives reloads that keep it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CheckerId(pub(super) u64);

/// One run of a checker, so that the result of a cancelled run is not taken for that of the next.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CheckId {
    pub checker: CheckerId,
    pub run: u64,
}

/// `3.14`: fourteenth run of the third checker.
impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.checker.0, self.run)
    }
}

/// One thing that happened. Time itself comes beside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A check that `Action::StartCheck` asked for has ended. Results of cancelled runs are ignored.
    CheckFinished { check: CheckId, outcome: Outcome },
    /// The commands of one `Action::Program` have been carried out except for these, each with what was
    /// attempted and why it failed.
    Applied { failures: Vec<String> },
    /// The answer to `Action::ReadBack`: everything the plane holds.
    ReadBack(Table),
    /// `Action::ReadBack` was not answered.
    ReadBackFailed { reason: String },
    /// The connection to the plane is gone, and with it perhaps what was programmed.
    PlaneLost { reason: String },
    /// `next_timeout` has passed, or may have: an early or late call is harmless.
    Timeout,
}
