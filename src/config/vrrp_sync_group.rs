//! `vrrp_sync_group NAME { }`: instances that change state together.

use serde::{Deserialize, Serialize};

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
