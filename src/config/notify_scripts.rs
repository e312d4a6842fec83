//! The notification scripts that instances and sync groups share.

use serde::{Deserialize, Serialize};

use super::diagnostic::Findings;
use super::keyword::{Keyword, ScriptText, Shape};
use super::scripts::Scripts;
use crate::types::ScriptCommand;

/// A script for each kind of event, and the generic `notify`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NotifyScripts {
    pub notify_master: Option<ScriptCommand>,
    pub notify_backup: Option<ScriptCommand>,
    pub notify_fault: Option<ScriptCommand>,
    pub notify_stop: Option<ScriptCommand>,
    /// The instance is no longer configured; without it that is a FAULT. Never of a sync group.
    pub notify_deleted: Option<ScriptCommand>,
    /// A MASTER heard an advert of lower priority. Never of a sync group.
    pub notify_master_rx_lower_pri: Option<ScriptCommand>,
    pub notify: Option<ScriptCommand>,
}

/// The same as it is written.
#[derive(Debug, Default)]
pub(crate) struct NotifyDraft {
    pub(crate) notify_master: Option<ScriptText>,
    pub(crate) notify_backup: Option<ScriptText>,
    pub(crate) notify_fault: Option<ScriptText>,
    pub(crate) notify_stop: Option<ScriptText>,
    pub(crate) notify_deleted: Option<ScriptText>,
    pub(crate) notify_master_rx_lower_pri: Option<ScriptText>,
    pub(crate) notify: Option<ScriptText>,
    pub(crate) notify_priority_changes: Option<bool>,
    pub(crate) smtp_alert: Option<bool>,
}

impl NotifyDraft {
    pub(crate) fn resolve(
        &self,
        scripts: &mut Scripts<'_>,
        findings: &mut Findings,
    ) -> NotifyScripts {
        let mut resolve = |text: &Option<ScriptText>| {
            text.as_ref()
                .and_then(|text| scripts.resolve(text, None, findings))
        };
        NotifyScripts {
            notify_master: resolve(&self.notify_master),
            notify_backup: resolve(&self.notify_backup),
            notify_fault: resolve(&self.notify_fault),
            notify_stop: resolve(&self.notify_stop),
            notify_deleted: resolve(&self.notify_deleted),
            notify_master_rx_lower_pri: resolve(&self.notify_master_rx_lower_pri),
            notify: resolve(&self.notify),
        }
    }
}

/// A block with notification scripts.
pub(crate) trait HasNotify {
    fn notify(&mut self) -> &mut NotifyDraft;
}

/// `notify` and its like.
pub(crate) const fn notify_rows<B: HasNotify>() -> [Keyword<B>; 7] {
    [
        Keyword::new("notify_master", Shape::Script, "", |draft, arguments| {
            arguments.fill_once(&mut draft.notify().notify_master)
        }),
        Keyword::new("notify_backup", Shape::Script, "", |draft, arguments| {
            arguments.fill_once(&mut draft.notify().notify_backup)
        }),
        Keyword::new("notify_fault", Shape::Script, "", |draft, arguments| {
            arguments.fill_once(&mut draft.notify().notify_fault)
        }),
        Keyword::new("notify_stop", Shape::Script, "", |draft, arguments| {
            arguments.fill_once(&mut draft.notify().notify_stop)
        }),
        Keyword::new("notify", Shape::Script, "", |draft, arguments| {
            arguments.fill_once(&mut draft.notify().notify)
        }),
        Keyword::new(
            "notify_priority_changes",
            Shape::Bool,
            "vrrp_notify_priority_changes",
            |draft, arguments| {
                draft.notify().notify_priority_changes = Some(arguments.boolean()?);
                Ok(())
            },
        ),
        Keyword::new(
            "smtp_alert",
            Shape::Bool,
            "smtp_alert_vrrp",
            |draft, arguments| {
                draft.notify().smtp_alert = Some(arguments.boolean()?);
                Ok(())
            },
        ),
    ]
}
