//! The notification scripts that instances and sync groups share.

use serde::{Deserialize, Serialize};

use crate::types::ScriptCommand;

/// `notify_master`, `notify_backup`, `notify_fault`, `notify_stop` and the generic `notify`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NotifyScripts {
    pub notify_master: Option<ScriptCommand>,
    pub notify_backup: Option<ScriptCommand>,
    pub notify_fault: Option<ScriptCommand>,
    pub notify_stop: Option<ScriptCommand>,
    pub notify: Option<ScriptCommand>,
}
