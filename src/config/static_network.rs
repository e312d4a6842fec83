//! `static_ipaddress`, `static_routes`, `static_rules` and `track_group`: what this node has as long as the program
//! runs, whatever its instances do.

use serde::{Deserialize, Serialize};

use super::addresses;
use super::consistency::Context;
use super::diagnostic::{Code, Finding, nearest};
use super::entry::EntryList;
use super::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use super::routes::{self, RouteDraft};
use super::rules::{self, RuleDraft};
use super::{TrackInterface, VrrpInstance};
use crate::types::{InterfaceName, Route, Rule, TrackWeight, VirtualAddress};

/// `track_group NAME { group { INSTANCE … } }`: the instances that go to FAULT with an interface that a static address,
/// route or rule needs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TrackGroup {
    pub name: String,
    /// Names of instances, each of which exists.
    pub group: Vec<String>,
}

/// What this node has as long as the program runs.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct StaticNetwork {
    /// Each with its `dev`.
    pub static_ipaddress: Vec<VirtualAddress>,
    pub static_routes: Vec<Route>,
    pub static_rules: Vec<Rule>,
}

impl StaticNetwork {
    /// Interfaces that the entries of `group` need.
    fn interfaces_of<'s>(&'s self, group: &'s str) -> impl Iterator<Item = &'s InterfaceName> {
        let is_of = move |name: &Option<String>| name.as_deref() == Some(group);
        let addresses = self.static_ipaddress.iter();
        let routes = self.static_routes.iter();
        let rules = self.static_rules.iter();
        addresses
            .filter(move |it| is_of(&it.track_group))
            .filter_map(|it| it.dev.as_ref())
            .chain(
                routes
                    .filter(move |it| is_of(&it.track_group))
                    .filter_map(|it| it.dev.as_ref()),
            )
            .chain(
                rules
                    .filter(move |it| is_of(&it.track_group))
                    .filter_map(|it| it.iif.as_ref()),
            )
    }

    /// The instances of a track group go to FAULT with the interfaces of its entries.
    pub(crate) fn track(&self, groups: &[TrackGroup], instances: &mut [VrrpInstance]) {
        for group in groups {
            for interface in self.interfaces_of(&group.name) {
                let members = instances
                    .iter_mut()
                    .filter(|instance| group.group.contains(&instance.name));
                for instance in members {
                    let is_own = instance.interface == *interface && !instance.dont_track_primary;
                    let tracked = &mut instance.track_interface;
                    if !is_own && !tracked.iter().any(|it| it.interface == *interface) {
                        tracked.push(TrackInterface {
                            interface: interface.clone(),
                            weight: TrackWeight::default(),
                            reverse: false,
                        });
                    }
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.static_ipaddress.is_empty()
            && self.static_routes.is_empty()
            && self.static_rules.is_empty()
    }
}

/// The blocks as they are written.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) static_ipaddress: Vec<Spanned<VirtualAddress>>,
    pub(crate) static_routes: Vec<RouteDraft>,
    pub(crate) static_rules: Vec<RuleDraft>,
}

/// One `track_group` as it is written.
#[derive(Debug)]
pub(crate) struct TrackGroupDraft {
    pub(crate) name: Spanned<String>,
    pub(crate) group: Vec<Spanned<String>>,
}

/// Name of the table.
pub(crate) const TRACK_GROUP_BLOCK: &str = "track_group";

pub(crate) const TRACK_GROUP: Table<TrackGroupDraft> = &[&[Keyword::new(
    "group",
    Shape::List("names of instances"),
    "",
    |draft, arguments| {
        let words = arguments.block().iter().flat_map(|entry| entry.words());
        draft.group.extend(words.map(|word| Spanned {
            value: word.text.to_owned(),
            span: word.span,
        }));
        Ok(())
    },
)]];

impl Draft {
    pub(crate) fn read_addresses(&mut self, arguments: &mut Arguments<'_>) {
        let list = EntryList::Static;
        let entries = addresses::entries(arguments.block(), list, arguments.reader());
        self.static_ipaddress.extend(entries);
    }

    pub(crate) fn read_routes(&mut self, arguments: &mut Arguments<'_>) {
        let entries = routes::entries(arguments.block(), EntryList::Static, arguments.reader());
        self.static_routes.extend(entries);
    }

    pub(crate) fn read_rules(&mut self, arguments: &mut Arguments<'_>) {
        let entries = rules::entries(arguments.block(), EntryList::Static, arguments.reader());
        self.static_rules.extend(entries);
    }

    /// What is there and can be there. `groups` are the names of all track groups.
    pub(crate) fn resolve(
        &self,
        groups: &[TrackGroup],
        context: &mut Context<'_>,
    ) -> StaticNetwork {
        StaticNetwork {
            static_ipaddress: self.addresses(groups, context),
            static_routes: self
                .static_routes
                .iter()
                .map(|draft| {
                    let mut route = resolve_route(draft, context);
                    let span = draft.span;
                    known_group(&mut route.track_group, span, groups, context);
                    route
                })
                .collect(),
            static_rules: self
                .static_rules
                .iter()
                .map(|draft| {
                    let mut rule = resolve_rule(draft, context);
                    known_group(&mut rule.track_group, draft.span, groups, context);
                    rule
                })
                .collect(),
        }
    }

    fn addresses(&self, groups: &[TrackGroup], context: &mut Context<'_>) -> Vec<VirtualAddress> {
        let mut all: Vec<VirtualAddress> = Vec::with_capacity(self.static_ipaddress.len());
        for entry in &self.static_ipaddress {
            let mut address = entry.value.clone();
            let Some(dev) = address.dev.take().or_else(|| context.default_interface()) else {
                continue;
            };
            context.require_interface(&Spanned {
                value: dev.clone(),
                span: entry.span,
            });
            address.dev = Some(dev);
            known_group(&mut address.track_group, entry.span, groups, context);
            let is_there = |known: &VirtualAddress| {
                known.address == address.address
                    && known.prefix_len == address.prefix_len
                    && known.dev == address.dev
            };
            if all.iter().any(is_there) {
                let message = format!("static address {address} is there already");
                context.complain(Finding::new(Code::DuplicateEntry, entry.span, message));
                continue;
            }
            all.push(address);
        }
        all
    }
}

impl TrackGroupDraft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            group: Vec::new(),
        }
    }

    /// The members that are among `instances`.
    pub(crate) fn resolve(&self, instances: &[&str], context: &mut Context<'_>) -> TrackGroup {
        let mut group: Vec<String> = Vec::with_capacity(self.group.len());
        for member in &self.group {
            let name = &member.value;
            if !instances.contains(&name.as_str()) {
                let message = format!(
                    "vrrp instance {name} specified in track_group {} doesn't exist - ignoring",
                    self.name.value
                );
                let help = nearest(name, instances.iter().copied())
                    .map(|meant| format!("did you mean '{meant}'?"));
                let finding = Finding::new(Code::UnknownReference, member.span, message);
                context.complain(
                    finding
                        .maybe_help(help)
                        .unless_unread(&["vrrp_instance"], name),
                );
            } else if !group.contains(name) {
                group.push(name.clone());
            }
        }
        TrackGroup {
            name: self.name.value.clone(),
            group,
        }
    }
}

/// The route; its interfaces must exist.
pub(crate) fn resolve_route(draft: &RouteDraft, context: &mut Context<'_>) -> Route {
    require_all(&draft.interfaces, context);
    draft.route.clone()
}

/// The rule; its interfaces must exist.
pub(crate) fn resolve_rule(draft: &RuleDraft, context: &mut Context<'_>) -> Rule {
    require_all(&draft.interfaces, context);
    draft.rule.clone()
}

fn require_all(interfaces: &[Spanned<InterfaceName>], context: &mut Context<'_>) {
    for interface in interfaces {
        context.require_interface(interface);
    }
}

/// keepalived: the entry stays without it.
fn known_group(
    name: &mut Option<String>,
    span: super::lines::Span,
    groups: &[TrackGroup],
    context: &mut Context<'_>,
) {
    let Some(wanted) = name else {
        return;
    };
    if groups.iter().any(|group| group.name == *wanted) {
        return;
    }
    let message = format!("track_group {wanted} not found");
    let known = groups.iter().map(|group| group.name.as_str());
    let help = nearest(wanted, known).map(|meant| format!("did you mean '{meant}'?"));
    let finding = Finding::new(Code::UnknownReference, span, message).maybe_help(help);
    context.complain(finding.unless_unread(&["track_group"], wanted));
    *name = None;
}

#[cfg(test)]
mod tests {
    use crate::config::load::tests::{self, loaded};

    /// Complaints other than that something is not carried out.
    fn codes(text: &str) -> Vec<String> {
        let mut codes = tests::codes(text);
        codes.retain(|code| !code.ends_with("not-carried-out") && !code.ends_with("left-out"));
        codes
    }

    const INSTANCE: &str = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n";

    #[test]
    fn a_static_address_without_dev_is_on_the_default_interface() {
        let text = "global_defs {\ndefault_interface eth1\n}\nstatic_ipaddress {\n10.5.0.1/24\n10.5.0.2/24 dev eth0\n}\n";
        let config = loaded(text).config;
        let devs: Vec<_> = config
            .static_network
            .static_ipaddress
            .iter()
            .map(|it| it.dev.as_ref().map(ToString::to_string).unwrap_or_default())
            .collect();
        assert_eq!(devs, ["eth1", "eth0"]);
        let without = loaded("static_ipaddress {\n10.5.0.1/24\n}\n").config;
        let dev = &without.static_network.static_ipaddress[0].dev;
        assert_eq!(dev.as_ref().map(|dev| dev.as_str()), Some("eth0"));
    }

    #[test]
    fn a_static_address_on_an_interface_that_does_not_exist_is_an_error() {
        let text = "static_ipaddress {\n10.5.0.1/24 dev eth9\n}\n";
        assert_eq!(codes(text), ["2:1 unknown-interface"]);
    }

    #[test]
    fn a_track_group_that_nobody_defined_is_left_out_and_the_address_stays() {
        let text = "static_ipaddress {\n10.5.0.1/24 dev eth0 track_group NO\n}\n";
        assert_eq!(codes(text), ["2:1 unknown-reference"]);
        let addresses = loaded(text).config.static_network.static_ipaddress;
        assert_eq!(addresses[0].track_group, None);
        assert_eq!(addresses.len(), 1);
    }

    #[test]
    fn a_track_group_has_the_instances_that_exist() {
        let text = format!("{INSTANCE}track_group TG {{\ngroup {{\nV W\n}}\n}}\n");
        assert!(
            codes(&text).contains(&"10:3 unknown-reference".to_owned()),
            "{:?}",
            codes(&text)
        );
        assert_eq!(loaded(&text).config.track_groups[0].group, ["V"]);
        let twice = format!("{text}track_group TG {{\ngroup {{\nV\n}}\n}}\n");
        assert!(
            codes(&twice)
                .iter()
                .any(|code| code.ends_with("duplicate-name"))
        );
    }

    #[test]
    fn the_instances_of_a_track_group_track_the_interface_of_a_static_address() {
        let text = format!(
            "{INSTANCE}track_group TG {{\ngroup {{\nV\n}}\n}}\nstatic_ipaddress {{\n10.5.0.1/24 dev eth1 track_group TG\n}}\n"
        );
        let instance = &loaded(&text).config.vrrp_instances[0];
        assert_eq!(instance.track_interface[0].interface.as_str(), "eth1");
        assert_eq!(instance.track_interface.len(), 1);
    }

    #[test]
    fn what_is_for_instances_only_is_said() {
        assert_eq!(
            codes("static_ipaddress {\n10.5.0.1/24 dev eth0 use_vmac\n}\n"),
            ["2:22 misplaced-keyword"]
        );
    }
}
