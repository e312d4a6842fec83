//! Virtual servers and their groups.

use std::collections::HashSet;
use std::net::IpAddr;

use super::Context;
use crate::config::VirtualServer;
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::keyword::Spanned;
use crate::config::virtual_server::{self, Resolved, ServiceTarget};
use crate::config::virtual_server_group::{GroupEntry, IpFamily, VirtualServerGroup};

impl Context<'_> {
    pub(super) fn resolve_virtual_server_groups(
        &mut self,
        groups: Vec<Spanned<VirtualServerGroup>>,
    ) {
        for group in groups {
            let is_known = |known: &VirtualServerGroup| known.name == group.value.name;
            if self.virtual_server_groups.iter().any(is_known) {
                let name = &group.value.name;
                let message =
                    format!("virtual_server_group {name} already defined; this one is not used");
                self.complain(Finding::new(Code::DuplicateName, group.span, message));
                continue;
            }
            self.virtual_server_groups.push(group.value);
        }
    }

    /// The family of the addresses of a group; `None` where they do not say.
    pub(crate) fn group_family(&mut self, name: &Spanned<String>) -> Option<IpFamily> {
        let groups = &self.virtual_server_groups;
        let Some(group) = groups.iter().find(|group| group.name == name.value) else {
            let message = format!("there is no virtual_server_group '{}'", name.value);
            let known = groups.iter().map(|group| group.name.as_str());
            let help = nearest(&name.value, known).map(|meant| format!("did you mean '{meant}'?"));
            let finding = Finding::new(Code::UnknownReference, name.span, message);
            self.complain(
                finding
                    .maybe_help(help)
                    .unless_unread(&["virtual_server_group"], &name.value),
            );
            return None;
        };
        let families: Vec<_> = group.entries.iter().filter_map(family).collect();
        let first = *families.first()?;
        if families.iter().any(|family| *family != first) {
            let message = format!(
                "virtual_server_group {} has addresses of both families",
                name.value
            );
            self.complain(Finding::new(Code::Conflict, name.span, message));
        }
        Some(first)
    }

    /// Those that are carried out, and those that are not yet.
    pub(super) fn resolve_virtual_servers(
        &mut self,
        drafts: Vec<virtual_server::Draft>,
    ) -> (Vec<VirtualServer>, Vec<VirtualServer>) {
        let mut seen = HashSet::new();
        let mut servers = Vec::with_capacity(drafts.len());
        let mut pending = Vec::new();
        for draft in drafts {
            let Some(resolved) = draft.resolve(self) else {
                continue;
            };
            let (server, list) = match resolved {
                Resolved::CarriedOut(server) => (server, &mut servers),
                Resolved::LeftOut(server) => (server, &mut pending),
            };
            let is_first = match &server.target {
                ServiceTarget::Address => {
                    seen.insert((server.address, Some(server.protocol), None))
                }
                ServiceTarget::Fwmark(mark) => {
                    seen.insert((server.address, None, Some(mark.to_string())))
                }
                ServiceTarget::Group(name) => {
                    seen.insert((server.address, Some(server.protocol), Some(name.clone())))
                }
            };
            if is_first {
                self.recorder.keep(draft.span);
                list.push(server);
            } else {
                let message = format!(
                    "Virtual server {} is there already; this one is not used",
                    server.log_name()
                );
                self.complain(Finding::new(Code::DuplicateName, draft.span, message));
            }
        }
        (servers, pending)
    }
}

fn family(entry: &GroupEntry) -> Option<IpFamily> {
    match *entry {
        GroupEntry::Addresses {
            first: IpAddr::V4(_),
            ..
        } => Some(IpFamily::Inet),
        GroupEntry::Addresses {
            first: IpAddr::V6(_),
            ..
        } => Some(IpFamily::Inet6),
        GroupEntry::Fwmark { family, .. } => family,
    }
}
