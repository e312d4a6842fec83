//! Files, processes and BFD sessions that instances and sync groups track, and whom notifications go to.

use std::collections::HashSet;
use std::time::Duration;

use super::Context;
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::host::Host;
use crate::config::keyword::Spanned;
use crate::config::root::Drafts;
use crate::config::track::TrackEntry;
use crate::config::{
    BfdInstance, GlobalDefs, InterfaceDelays, TrackObject, TrackedFile, TrackedProcess,
    VrrpInstance, vrrp_sync_group,
};
use crate::types::{InterfaceName, TrackWeight};

/// Objects that can be tracked.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    pub(super) files: Vec<TrackedFile>,
    pub(super) processes: Vec<TrackedProcess>,
    pub(super) bfds: Vec<BfdInstance>,
    /// In the file, but not usable, which has been said.
    unusable: HashSet<(TrackKind, String)>,
}

/// The kinds of objects that entries name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum TrackKind {
    File,
    Process,
    Bfd,
}

impl TrackKind {
    fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Process => "process",
            Self::Bfd => "bfd",
        }
    }

    /// The keywords that define one.
    fn openers(self) -> &'static [&'static str] {
        match self {
            Self::File => &["track_file", "vrrp_track_file"],
            Self::Process => &["vrrp_track_process"],
            Self::Bfd => &["bfd_instance"],
        }
    }
}

impl Trackers {
    fn all(&self, kind: TrackKind) -> Vec<(&str, TrackWeight, bool)> {
        match kind {
            TrackKind::File => self.files.iter().map(of_file).collect(),
            TrackKind::Process => self.processes.iter().map(of_process).collect(),
            TrackKind::Bfd => self.bfds.iter().map(of_bfd).collect(),
        }
    }
}

fn of_file(file: &TrackedFile) -> (&str, TrackWeight, bool) {
    (&file.name, file.weight, file.reverse)
}

fn of_process(process: &TrackedProcess) -> (&str, TrackWeight, bool) {
    (&process.name, process.weight, process.reverse)
}

fn of_bfd(bfd: &BfdInstance) -> (&str, TrackWeight, bool) {
    (&bfd.name, bfd.weight, bfd.reverse)
}

/// keepalived: a delay must end before the peers take over.
fn debounce_limit(interface: &InterfaceName, instances: &[VrrpInstance]) -> Option<Duration> {
    instances
        .iter()
        .filter(|instance| instance.interface == *interface)
        .map(|instance| {
            let adverts = u32::from(instance.down_timer_adverts).saturating_sub(1);
            instance.advert_int.as_duration() * adverts
        })
        .min()
}

impl Context<'_> {
    pub(super) fn resolve_trackers(&mut self, drafts: &Drafts) {
        let mut names = HashSet::new();
        for draft in &drafts.track_files {
            if self.is_duplicate("track file", &draft.name, &mut names) {
                continue;
            }
            match draft.resolve(self.findings) {
                Some(file) => self.trackers.files.push(file),
                None => self.is_unusable(TrackKind::File, &draft.name),
            }
        }
        let mut names = HashSet::new();
        for draft in &drafts.vrrp_track_processes {
            if self.is_duplicate("track process", &draft.name, &mut names) {
                continue;
            }
            match draft.resolve(self.findings) {
                Some(process) => self.trackers.processes.push(process),
                None => self.is_unusable(TrackKind::Process, &draft.name),
            }
        }
        let mut names = HashSet::new();
        let mut neighbors = HashSet::new();
        for draft in &drafts.bfd_instances {
            if self.is_duplicate("bfd instance", &draft.name, &mut names) {
                continue;
            }
            match draft.resolve(self.findings) {
                Some(bfd) if neighbors.insert(bfd.neighbor_ip) => self.trackers.bfds.push(bfd),
                Some(bfd) => {
                    let message = format!(
                        "bfd_instance {} has the neighbor {} of another one; it is not used",
                        bfd.name, bfd.neighbor_ip
                    );
                    self.complain(Finding::new(Code::DuplicateName, draft.name.span, message));
                    self.is_unusable(TrackKind::Bfd, &draft.name);
                }
                None => self.is_unusable(TrackKind::Bfd, &draft.name),
            }
        }
    }

    fn is_unusable(&mut self, kind: TrackKind, name: &Spanned<String>) {
        self.trackers.unusable.insert((kind, name.value.clone()));
    }

    /// Entries of `track_file`, `track_process` or `track_bfd` whose object is usable.
    pub(crate) fn track_objects(
        &mut self,
        owner: &str,
        kind: TrackKind,
        entries: &[TrackEntry],
    ) -> Vec<TrackObject> {
        let mut tracked: Vec<TrackObject> = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = &entry.name.value;
            let known = self.trackers.all(kind);
            let Some(&(_, weight, reverse)) = known.iter().find(|(known, ..)| known == name) else {
                if !self.trackers.unusable.contains(&(kind, name.clone())) {
                    let message = format!(
                        "({owner}) track {} {name} not found, ignoring...",
                        kind.word()
                    );
                    let help = nearest(name, known.iter().map(|(known, ..)| *known))
                        .map(|meant| format!("did you mean '{meant}'?"));
                    let finding = Finding::new(Code::UnknownReference, entry.name.span, message);
                    self.complain(finding.maybe_help(help).unless_unread(kind.openers(), name));
                }
                continue;
            };
            if tracked.iter().any(|known| known.name == *name) {
                self.duplicate_entry(owner, &entry.name);
                continue;
            }
            tracked.push(TrackObject {
                name: name.clone(),
                weight: entry.weight.unwrap_or(weight),
                reverse: entry.reverse.unwrap_or(reverse),
            });
        }
        tracked
    }

    /// The last entry of an interface counts (keepalived).
    pub(super) fn resolve_interface_delays(
        &mut self,
        drafts: &Drafts,
        instances: &[VrrpInstance],
    ) -> Vec<InterfaceDelays> {
        let mut delays: Vec<InterfaceDelays> = Vec::new();
        for entry in &drafts.interface_up_down_delays {
            let mut value = entry.value.clone();
            let interface = Spanned {
                value: value.interface.clone(),
                span: entry.span,
            };
            self.require_interface(&interface);
            let limit = debounce_limit(&interface.value, instances);
            for (what, delay) in [("down", &mut value.down_delay), ("up", &mut value.up_delay)] {
                if limit.is_some_and(|limit| *delay >= limit) {
                    let message = format!(
                        "the {what} delay of {} is not less than what its peers wait for an advert; there is none",
                        interface.value
                    );
                    let finding = Finding::new(Code::Conflict, entry.span, message);
                    self.complain(finding.help(
                        "it must be less than (down_timer_adverts - 1) * advert_int of each instance on it",
                    ));
                    *delay = Duration::ZERO;
                }
            }
            delays.retain(|known| known.interface != value.interface);
            delays.push(value);
        }
        delays
    }

    /// An interface that a group and one of its members track, which may be the member's own.
    pub(super) fn complain_of_interfaces_tracked_twice(
        &mut self,
        draft: &vrrp_sync_group::Draft,
        members: &[String],
        instances: &[VrrpInstance],
    ) {
        let is_member = |it: &&VrrpInstance| members.contains(&it.name);
        for entry in &draft.track.track_interface {
            let name = &entry.name.value;
            for instance in instances.iter().filter(is_member) {
                let is_own = !instance.dont_track_primary && instance.interface.as_str() == name;
                let mut tracked = instance.track_interface.iter();
                if is_own || tracked.any(|it| it.interface.as_str() == name) {
                    let message = format!(
                        "Sync group {}: {name} is tracked by its member {} already",
                        draft.name.value, instance.name
                    );
                    let finding = Finding::new(Code::Redundant, entry.name.span, message);
                    self.complain(finding.help(if is_own {
                        "an instance tracks its own 'interface' unless it says 'dont_track_primary'"
                    } else {
                        "name it in one of the two"
                    }));
                }
            }
        }
    }

    /// A group's `notify_priority_changes` is the default of its members that say nothing.
    pub(super) fn priority_changes_of_group(
        &self,
        group: &vrrp_sync_group::Draft,
        members: &[String],
        drafts: &Drafts,
        instances: &mut [VrrpInstance],
    ) {
        let Some(notify_priority_changes) = group.notify.notify_priority_changes else {
            return;
        };
        let says_nothing = |name: &str| {
            let draft = drafts
                .vrrp_instances
                .iter()
                .find(|draft| draft.name.value == name);
            draft.is_some_and(|draft| draft.notify.notify_priority_changes.is_none())
        };
        for instance in instances {
            if members.contains(&instance.name) && says_nothing(&instance.name) {
                instance.notify_priority_changes = notify_priority_changes;
            }
        }
    }

    /// FIFOs and mail.
    pub(super) fn resolve_notifications(&mut self, defs: &mut GlobalDefs, host: &dyn Host) {
        let globals = self.globals;
        let (scripts, findings) = (&mut self.scripts, &mut *self.findings);
        let mut fifo = |draft: &crate::config::notify_fifo::FifoDraft, name: &str| {
            draft.resolve(name, scripts, findings)
        };
        defs.vrrp_notify_fifo = fifo(&globals.vrrp_notify_fifo, "vrrp_notify_fifo");
        defs.lvs_notify_fifo = fifo(&globals.lvs_notify_fifo, "lvs_notify_fifo");
        defs.notify_fifo = fifo(&globals.notify_fifo, "notify_fifo");
        defs.smtp = globals
            .smtp
            .resolve(&host.own_user_name(), &host.host_name());
    }
}
