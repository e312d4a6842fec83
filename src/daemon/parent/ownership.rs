//! What the parent does about what is owned: taking it away, and the journal of it.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use tracing::{info, warn};

use super::Parent;
use crate::daemon::fence;
use crate::daemon::message::ChildKind;
use crate::daemon::supervisor::Input;
use crate::netlink;
use crate::types::Owned;

impl Parent {
    /// Children of a predecessor that was killed, except a data plane that goes on, and addresses that it owned.
    pub(super) async fn clear_left_overs(&mut self) {
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
                let outcome = self.fence(record.owned.into_iter().collect()).await;
                // What is still there is ours now, and goes into the new journal.
                let _ = self.feed(outcome).await;
            }
            Err(error) => return self.set_aside(&error),
        }
        if self.supervisor.owned().is_empty() {
            self.journal.remove();
        }
    }

    /// Nobody knows what it named, so somebody has to look.
    fn set_aside(&self, error: &io::Error) {
        let path = self.journal.path().display();
        match self.journal.set_aside() {
            Ok(kept) => warn!(
                "unable to read {path}: {error}. It is kept as {kept}: look for addresses, routes and rules that an \
                 earlier run has left (ip address, ip route, ip rule), delete them, and then this file",
                kept = kept.display()
            ),
            Err(cause) => warn!("unable to read {path}: {error}, or to keep it: {cause}"),
        }
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

    /// The program ends: the journal goes, or names what is still there.
    pub(super) async fn take_all_away(&self) {
        let taken = fence::take_away(&self.netlink, self.supervisor.owned()).await;
        if taken.failed.is_empty() {
            self.journal.remove();
            return;
        }
        taken.say_failures();
        warn!(
            "{} owned objects could not be removed: they stay in {}, and `holdfast fence` tries again",
            taken.failed.len(),
            self.journal.path().display()
        );
        let left = taken.failed.into_iter().map(|(owned, _)| owned).collect();
        // Otherwise the one that is there names them too.
        if let Err(error) = self.write(&left) {
            warn!("unable to write {}: {error}", self.journal.path().display());
        }
    }

    /// Once for all that has been heard: a master may own thousands of addresses.
    pub(super) fn write_journal(&mut self) {
        let has_more = !self.events.is_empty();
        if !self.journal_due.is_due(has_more, Instant::now()) {
            return;
        }
        let path = self.journal.path().display();
        match self.write(self.supervisor.owned()) {
            Ok(()) => {
                if self.journal_due.written() {
                    info!("{path} is written again");
                }
            }
            Err(error) => {
                if self.journal_due.failed(Instant::now()) {
                    warn!("unable to write {path}: {error}: tried again every second");
                }
            }
        }
    }

    fn write(&self, owned: &BTreeSet<Owned>) -> io::Result<()> {
        let net_namespace = self.config.namespaces.net_namespace.as_deref();
        self.journal.write(net_namespace, owned)
    }
}
