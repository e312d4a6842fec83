//! Sync groups and their members, who change state together.

use std::collections::HashSet;

use super::{Context, TrackKind};
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::keyword::Spanned;
use crate::config::root::Drafts;
use crate::config::{TrackInterface, VrrpInstance, VrrpSyncGroup, vrrp_instance, vrrp_sync_group};

impl Context<'_> {
    pub(super) fn resolve_sync_groups(
        &mut self,
        drafts: &Drafts,
        instances: &mut [VrrpInstance],
    ) -> Vec<VrrpSyncGroup> {
        let mut names = HashSet::new();
        let mut taken = HashSet::new();
        let mut groups = Vec::new();
        for draft in &drafts.vrrp_sync_groups {
            if self.is_duplicate("vrrp sync group", &draft.name, &mut names) {
                continue;
            }
            let name = &draft.name.value;
            let group = self.members(draft.group.as_slice(), name, drafts, instances, &mut taken);
            // Members that are left out have been complained about where they stand.
            let has_left_out = draft.group.iter().any(|member| {
                let is_left_out = |it: &vrrp_instance::Draft| it.name.value == member.value;
                drafts.vrrp_instances.iter().any(is_left_out)
            });
            let size = match (group.len(), draft.group.len()) {
                (0, _) if has_left_out => None,
                (0, _) => Some((Code::NothingToDo, "has no members - removing")),
                (1, 1) => Some((
                    Code::Conflict,
                    "has only 1 virtual router(s) - this probably isn't what you want",
                )),
                _ => None,
            };
            if let Some((code, what)) = size {
                let message = format!("Sync group {name} {what}");
                let finding = Finding::new(code, draft.name.span, message);
                self.complain(finding.unless_misread(draft.name.span, "group"));
            }
            if group.is_empty() {
                continue;
            }
            let mut resolved = VrrpSyncGroup {
                name: name.clone(),
                track_interface: self.tracked_interfaces_of_group(draft),
                track_script: self.track_scripts(name, &draft.track.track_script),
                track_file: self.track_objects(name, TrackKind::File, &draft.track.track_file),
                track_process: self.track_objects(
                    name,
                    TrackKind::Process,
                    &draft.track.track_process,
                ),
                track_bfd: self.track_objects(name, TrackKind::Bfd, &draft.track.track_bfd),
                sync_group_tracking_weight: draft.sync_group_tracking_weight,
                notify: draft.notify.resolve(&mut self.scripts, self.findings),
                smtp_alert: draft
                    .notify
                    .smtp_alert
                    .unwrap_or_else(|| self.globals.smtp.vrrp_default()),
                group,
            };
            self.priority_changes_of_group(draft, &resolved.group, drafts, instances);
            self.complain_of_mixed_owners(&draft.name, &resolved.group, instances);
            self.complain_of_interfaces_tracked_twice(draft, &resolved.group, instances);
            if !draft.sync_group_tracking_weight {
                self.drop_weights(&draft.name, &mut resolved, instances);
            }
            groups.push(resolved);
        }
        groups
    }

    fn tracked_interfaces_of_group(
        &mut self,
        draft: &vrrp_sync_group::Draft,
    ) -> Vec<TrackInterface> {
        self.track_interfaces(&draft.name.value, &draft.track.track_interface)
            .into_iter()
            .map(|(entry, _)| entry)
            .collect()
    }

    /// Members of a group change state together, so a priority of one alone must not move
    /// (keepalived: weighted trackers are ignored without `sync_group_tracking_weight`).
    fn drop_weights(
        &mut self,
        name: &Spanned<String>,
        group: &mut VrrpSyncGroup,
        instances: &mut [VrrpInstance],
    ) {
        let mut dropped = Vec::new();
        let members = instances
            .iter_mut()
            .filter(|instance| group.group.contains(&instance.name))
            .map(|instance| {
                let objects = [
                    &mut instance.track_file,
                    &mut instance.track_process,
                    &mut instance.track_bfd,
                ];
                (
                    &mut instance.track_interface,
                    &mut instance.track_script,
                    objects,
                )
            });
        let objects = [
            &mut group.track_file,
            &mut group.track_process,
            &mut group.track_bfd,
        ];
        let own = (&mut group.track_interface, &mut group.track_script, objects);
        for (interfaces, scripts, objects) in members.chain([own]) {
            for entries in objects {
                entries.retain(|entry| {
                    let keep = entry.weight.get() == 0;
                    if !keep {
                        dropped.push(entry.name.clone());
                    }
                    keep
                });
            }
            interfaces.retain(|entry| {
                let keep = entry.weight.get() == 0;
                if !keep {
                    dropped.push(entry.interface.to_string());
                }
                keep
            });
            scripts.retain(|entry| {
                let keep = entry.weight.get() == 0;
                if !keep {
                    dropped.push(entry.script.clone());
                }
                keep
            });
        }
        if !dropped.is_empty() {
            dropped.dedup();
            let message = format!(
                "Sync group {}: tracking of {} is ignored because it has a weight",
                name.value,
                dropped.join(", ")
            );
            let finding = Finding::new(Code::Conflict, name.span, message);
            self.complain(
                finding.help("'sync_group_tracking_weight' lets weights count for all members"),
            );
        }
    }

    /// An owner is always MASTER, which the others cannot follow.
    fn complain_of_mixed_owners(
        &mut self,
        name: &Spanned<String>,
        members: &[String],
        instances: &[VrrpInstance],
    ) {
        let owners = instances
            .iter()
            .filter(|instance| members.contains(&instance.name) && instance.priority.is_owner())
            .count();
        if owners != 0 && owners != members.len() {
            let message = format!(
                "Sync group {} mixes address owners (priority 255) with others, which will not work",
                name.value
            );
            self.complain(Finding::new(Code::Conflict, name.span, message));
        }
    }

    /// The members that exist and are in no other group.
    fn members(
        &mut self,
        members: &[Spanned<String>],
        group: &str,
        drafts: &Drafts,
        instances: &[VrrpInstance],
        taken: &mut HashSet<String>,
    ) -> Vec<String> {
        let mut used = Vec::with_capacity(members.len());
        for member in members {
            let name = &member.value;
            if !instances.iter().any(|instance| instance.name == *name) {
                // An instance that is left out has been complained about where it stands.
                let is_left_out = drafts
                    .vrrp_instances
                    .iter()
                    .any(|draft| draft.name.value == *name);
                if !is_left_out {
                    let message = format!(
                        "Virtual router {name} specified in sync group {group} doesn't exist - ignoring"
                    );
                    let known = instances.iter().map(|instance| instance.name.as_str());
                    let help = nearest(name, known).map(|meant| format!("did you mean '{meant}'?"));
                    let finding = Finding::new(Code::UnknownReference, member.span, message);
                    self.complain(
                        finding
                            .maybe_help(help)
                            .unless_unread(&["vrrp_instance"], name),
                    );
                }
            } else if taken.insert(name.clone()) {
                used.push(name.clone());
            } else {
                let message =
                    format!("Virtual router {name} is in a sync group already - ignoring");
                self.complain(Finding::new(Code::DuplicateEntry, member.span, message));
            }
        }
        used
    }
}
