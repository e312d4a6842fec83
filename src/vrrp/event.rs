//! Every line that the virtual routers log, in keepalived's wording.

use std::fmt;

/// One variant per line. `Display` gives the words, `is_detail` tells whether it needs `-D`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    EnteredMaster { instance: String },
}

impl Event {
    /// Logged with `--log-detail` only.
    pub fn is_detail(&self) -> bool {
        match self {
            Self::EnteredMaster { .. } => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnteredMaster { instance } => write!(f, "({instance}) Entering MASTER STATE"),
        }
    }
}
