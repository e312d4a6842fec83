//! Runs TCP_CHECK.

use super::connect::connect;
use crate::check::{Outcome, tcp};
use crate::config::ConnectOptions;

/// Connects, and closes again.
pub(super) async fn check(options: &ConnectOptions) -> Outcome {
    tcp::outcome(connect(options).await)
}
