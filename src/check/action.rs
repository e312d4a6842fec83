//! What the checkers want done, in order.

use std::sync::Arc;

use super::{Announcement, CheckId, Event, Mail};
use crate::config::CheckerKind;
use crate::lvs::Command;
use crate::types::ScriptCommand;

/// To be carried out from first to last.
pub type Actions = Vec<Action>;

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start a check; `Input::CheckFinished` tells how it ended. Whoever carries it out bounds it in time: the
    /// checker waits a little longer and then cancels it.
    StartCheck {
        check: CheckId,
        kind: Arc<CheckerKind>,
        /// Which url of HTTP_GET and SSL_GET.
        url: usize,
    },
    /// End it, its script with all descendants too; no result is wanted.
    CancelCheck {
        check: CheckId,
    },
    /// Carry out in order; `Input::Applied` tells what failed.
    Program(Vec<Command>),
    /// Say what the plane holds, connecting again if need be: `Input::ReadBack`.
    ReadBack,
    Notify(Notification),
    /// For the FIFOs.
    Announce(Announcement),
    Mail(Mail),
    Log(Event),
}

/// A notification script to be run, without arguments of ours. Those of one `subject` run one after the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// Name of the virtual server, or of the real server and its virtual server.
    pub subject: String,
    pub command: ScriptCommand,
}
