//! What the parent does about what is owned: taking it away, and the journal of it.

use tracing::{info, warn};

use super::Parent;
use crate::daemon::fence;
use crate::daemon::message::ChildKind;
use crate::daemon::supervisor::Input;
use crate::netlink;
use crate::types::Owned;

impl Parent {
    /// Children of a predecessor that was killed, except a data plane that goes on, and addresses that it owned.
    pub(super) async fn clear_left_overs(&self) {
        for kind in [ChildKind::Vrrp, ChildKind::Checker] {
            fence::outlast(&self.settings.run_directory, kind).await;
        }
        if !self.wanted().contains(&ChildKind::DataPlane) {
            fence::kill_left_over(&self.settings.run_directory, ChildKind::DataPlane).await;
        }
        match self.journal.read() {
            Ok(record) if record.owned.is_empty() => {}
            // Found below the name of this namespace, so that is where it was put.
            Ok(record) => {
                info!("Taking away what an earlier run left behind");
                let taken = fence::take_away(&self.netlink, &record.owned).await;
                taken.say_failures();
            }
            Err(error) => warn!("unable to read {}: {error}", self.journal.path().display()),
        }
        self.journal.remove();
    }

    /// Takes `owned` away, as far as that can be done, and returns what came of it.
    pub(super) async fn fence(&mut self, owned: Vec<Owned>) -> Input {
        let taken = fence::take_away(&self.netlink, &owned).await;
        if !taken.failed.is_empty()
            && let Ok(handle) = netlink::Handle::connect()
        {
            // The connection may be at fault.
            self.netlink = handle;
        }
        Input::Fenced {
            asked: owned,
            failed: taken.failed,
        }
    }

    /// The program ends.
    pub(super) async fn take_all_away(&self) {
        let taken = fence::take_away(&self.netlink, self.supervisor.owned()).await;
        taken.say_failures();
        self.journal.remove();
    }

    /// Once for all that has been heard: a master may own thousands of addresses.
    pub(super) fn write_journal(&mut self) {
        if !self.is_journal_stale || !self.events.is_empty() {
            return;
        }
        self.is_journal_stale = false;
        let net_namespace = self.config.namespaces.net_namespace.as_deref();
        let owned = self.supervisor.owned();
        if let Err(error) = self.journal.write(net_namespace, owned) {
            warn!("unable to write {}: {error}", self.journal.path().display());
        }
    }
}
