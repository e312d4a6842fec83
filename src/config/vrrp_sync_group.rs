//! `vrrp_sync_group NAME { }`: instances that change state together.

use serde::{Deserialize, Serialize};

use super::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use super::notify_scripts::{HasNotify, NotifyDraft, notify_rows};
use super::track::{HasTrack, TrackDraft, track_rows};
use super::{NotifyScripts, TrackInterface, TrackObject, TrackScript};

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct VrrpSyncGroup {
    pub name: String,
    /// Names of the member instances; each exists and is in one group only.
    pub group: Vec<String>,
    /// Tracked for all members.
    pub track_interface: Vec<TrackInterface>,
    pub track_script: Vec<TrackScript>,
    pub track_file: Vec<TrackObject>,
    pub track_process: Vec<TrackObject>,
    pub track_bfd: Vec<TrackObject>,
    /// Entries with a weight count; without it they have been left out.
    pub sync_group_tracking_weight: bool,
    pub notify: NotifyScripts,
    /// Mail is sent about its states.
    pub smtp_alert: bool,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "vrrp_sync_group";

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    pub(crate) group: Vec<Spanned<String>>,
    pub(crate) track: TrackDraft,
    /// Trackers with a weight count; without it they are left out (keepalived).
    pub(crate) sync_group_tracking_weight: bool,
    pub(crate) notify: NotifyDraft,
}

impl Draft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            group: Vec::new(),
            track: TrackDraft::default(),
            sync_group_tracking_weight: false,
            notify: NotifyDraft::default(),
        }
    }
}

impl HasNotify for Draft {
    fn notify(&mut self) -> &mut NotifyDraft {
        &mut self.notify
    }
}

impl HasTrack for Draft {
    fn track(&mut self) -> &mut TrackDraft {
        &mut self.track
    }
}

pub(crate) const KEYWORDS: Table<Draft> = &[OWN, &track_rows(), &notify_rows()];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new(
        "group",
        Shape::List("names of instances"),
        "",
        |draft, arguments| {
            draft.group.extend(names(arguments));
            Ok(())
        },
    ),
    // A member's FAULT is the group's, and weights do not count in a group: nothing is left to be shared.
    Keyword::without_effect("global_tracking", Shape::Flag)
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
];

/// Several names may stand on a line.
fn names(arguments: &mut Arguments<'_>) -> Vec<Spanned<String>> {
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
