//! `vrrp_sync_group NAME { }`: instances that change state together.

use serde::{Deserialize, Serialize};

use super::keyword::{Arguments, Keyword, Shape, Spanned};
use super::notify_scripts::NotifyDraft;
use super::track::{self, TrackEntry};
use super::{NotifyScripts, TrackInterface, TrackScript};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VrrpSyncGroup {
    pub name: String,
    /// Names of the member instances; each exists and is in one group only.
    pub group: Vec<String>,
    /// Tracked for all members.
    pub track_interface: Vec<TrackInterface>,
    pub track_script: Vec<TrackScript>,
    pub notify: NotifyScripts,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "vrrp_sync_group";

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    pub(crate) group: Vec<Spanned<String>>,
    pub(crate) track_interface: Vec<TrackEntry>,
    pub(crate) track_script: Vec<TrackEntry>,
    /// Trackers with a weight count; without it they are left out (keepalived).
    pub(crate) sync_group_tracking_weight: bool,
    pub(crate) notify: NotifyDraft,
}

impl Draft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            group: Vec::new(),
            track_interface: Vec::new(),
            track_script: Vec::new(),
            sync_group_tracking_weight: false,
            notify: NotifyDraft::default(),
        }
    }
}

pub(crate) const KEYWORDS: &[Keyword<Draft>] = &[
    Keyword::new(
        "group",
        Shape::List("names of instances"),
        "",
        |draft, arguments| {
            draft.group.extend(names(arguments));
            Ok(())
        },
    ),
    Keyword::new(
        "track_interface",
        Shape::List("INTERFACE [weight N [reverse]]"),
        "",
        |draft, arguments| {
            let entries = track::entries(arguments.block(), arguments.reader());
            draft.track_interface.extend(entries);
            Ok(())
        },
    ),
    Keyword::new(
        "track_script",
        Shape::List("SCRIPT [weight N [reverse]]"),
        "",
        |draft, arguments| {
            let entries = track::entries(arguments.block(), arguments.reader());
            draft.track_script.extend(entries);
            Ok(())
        },
    ),
    Keyword::pending("track_file", Shape::List("FILE [weight N [reverse]]"), ""),
    Keyword::pending(
        "track_process",
        Shape::List("PROCESS [weight N [reverse]]"),
        "",
    ),
    Keyword::pending("track_bfd", Shape::List("BFD [weight N [reverse]]"), ""),
    Keyword::new("notify_master", Shape::Script, "", |draft, arguments| {
        draft.notify.notify_master = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new("notify_backup", Shape::Script, "", |draft, arguments| {
        draft.notify.notify_backup = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new("notify_fault", Shape::Script, "", |draft, arguments| {
        draft.notify.notify_fault = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new("notify_stop", Shape::Script, "", |draft, arguments| {
        draft.notify.notify_stop = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new("notify", Shape::Script, "", |draft, arguments| {
        draft.notify.notify = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::pending("smtp_alert", Shape::Bool, "global"),
    Keyword::pending("global_tracking", Shape::Flag, "off")
        .deprecated("the trackers in the block of the group"),
    Keyword::new(
        "sync_group_tracking_weight",
        Shape::Flag,
        "off",
        |draft, _| {
            draft.sync_group_tracking_weight = true;
            Ok(())
        },
    ),
    Keyword::pending("notify_priority_changes", Shape::Bool, "global"),
];

/// Several names may stand on a line.
fn names(arguments: &Arguments<'_>) -> Vec<Spanned<String>> {
    arguments
        .block()
        .iter()
        .flat_map(|statement| statement.words())
        .map(|word| Spanned {
            value: word.text.to_owned(),
            span: word.span,
        })
        .collect()
}
