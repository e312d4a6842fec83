//! Rules across blocks: names that must exist once, names that must exist at all, identities that must
//! not be shared. Rules within one block are in its own `resolve`.

use std::collections::HashSet;

use super::diagnostic::{Code, Finding, Findings, nearest};
use super::host::Host;
use super::keyword::{ScriptText, Spanned, join};
use super::lines::Span;
use super::origins::Recorder;
use super::root::Drafts;
use super::scripts::{Scripts, UserText};
use super::track::TrackEntry;
use super::{Config, TrackGroup, TrackInterface, VirtualServerGroup, VrrpInstance, VrrpScript};
use super::{garp_group, global_defs, linkbeat, vrrp_instance};
use crate::types::{InterfaceName, ScriptCommand};

mod scripts;
mod services;
mod sync_groups;
mod trackers;

pub(crate) use trackers::TrackKind;
use trackers::Trackers;

/// Octets.
const ETHERNET_MTU: u32 = 1500;
/// keepalived: DFLT_INT.
const DEFAULT_INTERFACE: &str = "eth0";

/// What blocks need to become part of a [`Config`].
pub(crate) struct Context<'c> {
    pub(crate) globals: &'c global_defs::Draft,
    pub(crate) scripts: Scripts<'c>,
    pub(crate) findings: &'c mut Findings,
    /// Is told which blocks become part of the configuration.
    pub(crate) recorder: &'c mut Recorder,
    pub(crate) host: &'c dyn Host,
    /// Interfaces of this host; `None`: whichever are named exist.
    interfaces: Option<Vec<String>>,
    /// Scripts that can run.
    vrrp_scripts: Vec<VrrpScript>,
    net_namespace: Option<String>,
    /// Scripts that are in the file, but cannot run, which has been said.
    disabled_scripts: HashSet<String>,
    trackers: Trackers,
    virtual_server_groups: Vec<VirtualServerGroup>,
}

/// Makes a configuration of everything that was read.
pub(crate) fn resolve(
    mut drafts: Drafts,
    host: &dyn Host,
    findings: &mut Findings,
    recorder: &mut Recorder,
) -> Config {
    let mut defs = drafts.global_defs.defs.clone();
    if defs.router_id.is_empty() {
        defs.router_id = host.host_name();
    }
    let globals = std::mem::take(&mut drafts.global_defs);
    let scripts = Scripts::new(
        host,
        globals.script_user.as_ref(),
        defs.enable_script_security,
        globals.ways,
        findings,
    );
    let interfaces = interfaces(&drafts, host, findings);
    let mut context = Context {
        globals: &globals,
        scripts,
        findings,
        recorder,
        host,
        interfaces: interfaces.filter(|_| !defs.dynamic_interfaces),
        vrrp_scripts: Vec::new(),
        net_namespace: drafts.namespaces.net_namespace.clone(),
        disabled_scripts: HashSet::new(),
        trackers: Trackers::default(),
        virtual_server_groups: Vec::new(),
    };
    context.resolve_scripts(&drafts);
    context.resolve_trackers(&drafts);
    let mut vrrp_instances = context.resolve_instances(&drafts);
    vrrp_instance::name_vmacs(&mut vrrp_instances, &defs.vrrp);
    let vrrp_sync_groups = context.resolve_sync_groups(&drafts, &mut vrrp_instances);
    context.resolve_virtual_server_groups(std::mem::take(&mut drafts.virtual_server_groups));
    let virtual_servers = std::mem::take(&mut drafts.virtual_servers);
    let (virtual_servers, pending_virtual_servers) =
        context.resolve_virtual_servers(virtual_servers);
    globals.parent_scripts.resolve(
        &mut defs.parent_scripts,
        &mut context.scripts,
        context.findings,
    );
    if let Some(daemon) = &globals.lvs_sync_daemon {
        defs.lvs.lvs_sync_daemon = daemon.resolve(&vrrp_instances, &mut context);
    }
    let track_groups = context.resolve_track_groups(&drafts, &vrrp_instances);
    let static_network = drafts.static_network.resolve(&track_groups, &mut context);
    static_network.track(&track_groups, &mut vrrp_instances);
    let garp_groups = garp_group::resolve(&drafts.garp_groups, &mut context);
    let linkbeat_interfaces = linkbeat::resolve(&drafts.linkbeat_interfaces, &mut context);
    context.complain_of_unused_scripts(&drafts);
    let interface_up_down_delays = context.resolve_interface_delays(&drafts, &vrrp_instances);
    context.resolve_notifications(&mut defs, host);
    let vrrp_scripts = std::mem::take(&mut context.vrrp_scripts);
    let trackers = std::mem::take(&mut context.trackers);
    context.scripts.finish(context.findings);
    Config {
        global_defs: Box::new(defs),
        vrrp_scripts,
        track_files: trackers.files,
        vrrp_track_processes: trackers.processes,
        bfd_instances: trackers.bfds,
        interface_up_down_delays,
        vrrp_instances,
        vrrp_sync_groups,
        ssl: drafts.ssl,
        virtual_server_groups: std::mem::take(&mut context.virtual_server_groups),
        virtual_servers,
        static_network,
        track_groups,
        garp_groups,
        linkbeat_interfaces,
        linkbeat_use_polling: drafts.linkbeat_use_polling,
        namespaces: std::mem::take(&mut drafts.namespaces),
        pending_virtual_servers,
    }
}

/// Those of the network namespace that the file names.
fn interfaces(drafts: &Drafts, host: &dyn Host, findings: &mut Findings) -> Option<Vec<String>> {
    let name = drafts.namespaces.net_namespace.as_deref();
    match (host.interfaces(name), drafts.net_namespace_span) {
        (Ok(interfaces), _) => interfaces,
        (Err(fault), Some(span)) => {
            findings.push(Finding::new(Code::MissingNamespace, span, fault));
            None
        }
        // From the command line, where it has been said.
        (Err(_), None) => None,
    }
}

impl Context<'_> {
    pub(crate) fn complain(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(crate) fn script(&mut self, text: Option<&ScriptText>) -> Option<ScriptCommand> {
        self.scripts.resolve(text?, None, self.findings)
    }

    pub(crate) fn script_as(
        &mut self,
        text: &ScriptText,
        user: Option<&Spanned<UserText>>,
    ) -> Option<ScriptCommand> {
        self.scripts.resolve(text, user, self.findings)
    }

    /// An interface that must exist, unless `dynamic_interfaces` says that it may come later.
    pub(crate) fn require_interface(&mut self, interface: &Spanned<InterfaceName>) {
        let Some(known) = &self.interfaces else {
            return;
        };
        let name = interface.value.as_str();
        if known.iter().any(|known| known == name) {
            return;
        }
        let message = format!("there is no interface '{name}' on this host");
        let there_are = join(known.iter().cloned(), "and");
        let help = match nearest(name, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean '{meant}'? There are {there_are}"),
            None => {
                format!("there are {there_are}; 'dynamic_interfaces' lets an interface come later")
            }
        };
        self.complain(Finding::new(Code::UnknownInterface, interface.span, message).help(help));
    }

    /// The longest packet that an interface sends; that of Ethernet where it is not known.
    pub(crate) fn mtu(&self, interface: &InterfaceName) -> u32 {
        let namespace = self.net_namespace.as_deref();
        let mtu = self.host.mtu(interface.as_str(), namespace);
        mtu.unwrap_or(ETHERNET_MTU)
    }

    /// Whether there is such an interface, as far as is known.
    pub(crate) fn has_interface(&self, name: &InterfaceName) -> bool {
        let is_it = |known: &String| known == name.as_str();
        self.interfaces
            .as_ref()
            .is_none_or(|known| known.iter().any(is_it))
    }

    /// Where static addresses go that do not say so (keepalived: eth0).
    pub(crate) fn default_interface(&self) -> Option<InterfaceName> {
        match &self.globals.default_interface {
            Some(interface) => Some(interface.clone()),
            None => InterfaceName::new(DEFAULT_INTERFACE).ok(),
        }
    }

    /// Entries of `track_interface` and where they stand.
    pub(crate) fn track_interfaces(
        &mut self,
        owner: &str,
        entries: &[TrackEntry],
    ) -> Vec<(TrackInterface, Span)> {
        let mut tracked: Vec<(TrackInterface, Span)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let span = entry.name.span;
            let interface = match InterfaceName::new(&entry.name.value) {
                Ok(interface) => interface,
                Err(error) => {
                    self.complain(Finding::new(Code::InvalidValue, span, error.to_string()));
                    continue;
                }
            };
            self.require_interface(&Spanned {
                value: interface.clone(),
                span,
            });
            if tracked
                .iter()
                .any(|(known, _)| known.interface == interface)
            {
                self.duplicate_entry(owner, &entry.name);
                continue;
            }
            let track = TrackInterface {
                interface,
                weight: entry.weight.unwrap_or_default(),
                reverse: entry.reverse.unwrap_or(false),
            };
            tracked.push((track, span));
        }
        tracked
    }

    fn duplicate_entry(&mut self, owner: &str, name: &Spanned<String>) {
        let message = format!("({owner}) '{}' is tracked already - ignoring", name.value);
        self.complain(Finding::new(Code::DuplicateEntry, name.span, message));
    }

    fn is_duplicate(
        &mut self,
        kind: &str,
        name: &Spanned<String>,
        names: &mut HashSet<String>,
    ) -> bool {
        if names.insert(name.value.clone()) {
            return false;
        }
        let message = format!(
            "{kind} {} already defined; this one is not used",
            name.value
        );
        self.complain(Finding::new(Code::DuplicateName, name.span, message));
        true
    }

    fn resolve_instances(&mut self, drafts: &Drafts) -> Vec<VrrpInstance> {
        let mut names = HashSet::new();
        let mut instances: Vec<VrrpInstance> = Vec::new();
        for draft in &drafts.vrrp_instances {
            if self.is_duplicate("vrrp instance", &draft.name, &mut names) {
                continue;
            }
            let Some(instance) = draft.resolve(self) else {
                continue;
            };
            let same_router = |known: &&VrrpInstance| is_same_router(known, &instance);
            if let Some(known) = instances.iter().find(same_router) {
                let span = draft
                    .virtual_router_id
                    .map_or(draft.name.span, |vrid| vrid.span);
                let message = format!(
                    "{} and {} both use VRID {} with {} on interface {}",
                    known.name,
                    instance.name,
                    instance.virtual_router_id,
                    instance.family().name(),
                    instance.interface
                );
                self.complain(Finding::new(Code::DuplicateVrid, span, message));
            }
            instances.push(instance);
        }
        instances
    }

    fn resolve_track_groups(
        &mut self,
        drafts: &Drafts,
        instances: &[VrrpInstance],
    ) -> Vec<TrackGroup> {
        let known: Vec<&str> = instances.iter().map(|it| it.name.as_str()).collect();
        let mut names = HashSet::new();
        let mut groups = Vec::new();
        for draft in &drafts.track_groups {
            if !self.is_duplicate("track_group", &draft.name, &mut names) {
                groups.push(draft.resolve(&known, self));
            }
        }
        groups
    }
}

/// Both would answer to the same adverts. Unicast instances are told apart by their own address.
fn is_same_router(one: &VrrpInstance, other: &VrrpInstance) -> bool {
    one.virtual_router_id == other.virtual_router_id
        && one.family() == other.family()
        && one.interface == other.interface
        && one.unicast_peer.is_empty() == other.unicast_peer.is_empty()
        && (one.unicast_peer.is_empty() || one.unicast_src_ip == other.unicast_src_ip)
}
