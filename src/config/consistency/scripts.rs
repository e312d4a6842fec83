//! Scripts that are tracked: which can run, who tracks them, and those that nobody does.

use std::collections::HashSet;

use super::Context;
use crate::config::TrackScript;
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::root::Drafts;
use crate::config::track::TrackEntry;

impl Context<'_> {
    /// Entries of `track_script` whose script can run.
    pub(crate) fn track_scripts(
        &mut self,
        owner: &str,
        entries: &[TrackEntry],
    ) -> Vec<TrackScript> {
        let mut tracked: Vec<TrackScript> = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = &entry.name.value;
            let Some(script) = self.vrrp_scripts.iter().find(|script| script.name == *name) else {
                if !self.disabled_scripts.contains(name) {
                    let message = format!("({owner}) track script {name} not found, ignoring...");
                    let known = self.vrrp_scripts.iter().map(|script| script.name.as_str());
                    let help = nearest(name, known).map(|meant| format!("did you mean '{meant}'?"));
                    let finding = Finding::new(Code::UnknownReference, entry.name.span, message);
                    self.complain(
                        finding
                            .maybe_help(help)
                            .unless_unread(&["vrrp_script"], name),
                    );
                }
                continue;
            };
            let track = TrackScript {
                script: name.clone(),
                weight: entry.weight.unwrap_or(script.weight),
                reverse: entry.reverse.unwrap_or(script.reverse),
            };
            if tracked.iter().any(|known| known.script == *name) {
                self.duplicate_entry(owner, &entry.name);
                continue;
            }
            tracked.push(track);
        }
        tracked
    }

    pub(super) fn resolve_scripts(&mut self, drafts: &Drafts) {
        let mut names = HashSet::new();
        for draft in &drafts.vrrp_scripts {
            let is_duplicate = self.is_duplicate("vrrp script", &draft.name, &mut names);
            // Looked over all the same, so that all its mistakes are said at once.
            match draft.resolve(&mut self.scripts, self.findings) {
                _ if is_duplicate => {}
                Some(script) => self.vrrp_scripts.push(script),
                None => {
                    self.disabled_scripts.insert(draft.name.value.clone());
                }
            }
        }
    }

    pub(super) fn complain_of_unused_scripts(&mut self, drafts: &Drafts) {
        let in_instances = drafts
            .vrrp_instances
            .iter()
            .flat_map(|draft| &draft.track.track_script);
        let in_groups = drafts
            .vrrp_sync_groups
            .iter()
            .flat_map(|draft| &draft.track.track_script);
        let mut used: HashSet<&str> = in_instances
            .chain(in_groups)
            .map(|entry| entry.name.value.as_str())
            .collect();
        used.extend(self.disabled_scripts.iter().map(String::as_str));
        // One that cannot run has had its complaint.
        let refused = self.vrrp_scripts.iter().filter(|it| it.refused.is_some());
        used.extend(refused.map(|script| script.name.as_str()));
        let unused: Vec<_> = drafts
            .vrrp_scripts
            .iter()
            .map(|draft| &draft.name)
            .filter(|name| !used.contains(name.value.as_str()))
            .collect();
        for name in unused {
            let message = format!("script {} is not used", name.value);
            let finding = Finding::new(Code::UnusedScript, name.span, message);
            self.complain(finding.unless_used_unread(&name.value));
        }
    }
}
