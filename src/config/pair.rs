//! What will not work between two nodes, although each one's file is fine by itself: `holdfast check --pair`.
//!
//! Virtual routers are told apart by VRID and address family, as on the wire; names and interfaces may differ. Each
//! complaint has a place in the first file and, where that says something too, one in the second.

mod addresses;
mod services;
mod weights;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::VrrpInstance;
use super::diagnostic::{Code, Complaint, Place};
use super::load::Loaded;
use super::origins::{self, Record};
use super::vrrp_instance::InitialState;
use crate::types::{AddressFamily, VrrpVersion};

const BOTH_MASTER: &str = "both drop the other's adverts, and both are MASTER";

/// Compares two configurations that were loaded with their origins. In the order of the first file; what only the
/// second has comes last. Where one of them could not be read, only that is said: everything would be on one node only.
pub fn compare(first: &Loaded, second: &Loaded) -> Vec<Complaint> {
    let mut comparison = Comparison {
        nodes: [first, second],
        complaints: Vec::new(),
    };
    if [first, second].iter().any(|node| node.is_unreadable()) {
        let message = "not compared, because a file cannot be read".to_owned();
        comparison.push(Code::PairUnknown, message, None, None);
        return comparison.complaints;
    }
    comparison.instances();
    comparison.sync_groups();
    comparison.virtual_servers();
    comparison.complaints
}

struct Comparison<'l> {
    nodes: [&'l Loaded; 2],
    complaints: Vec<Complaint>,
}

/// The same virtual router on both nodes.
#[derive(Clone, Copy)]
struct Pair<'i> {
    instances: [&'i VrrpInstance; 2],
}

impl Comparison<'_> {
    fn instances(&mut self) {
        let [first, second] = self.nodes.map(|node| &node.config.vrrp_instances);
        let partners = partners(first, second);
        let mut twins = Vec::new();
        for (one, partner) in first.iter().zip(&partners) {
            match partner {
                Some(index) => self.instance(Pair {
                    instances: [one, &second[*index]],
                }),
                None => match sharing(one, second, &partners) {
                    Some(index) => {
                        twins.push(index);
                        self.two_routers(Pair {
                            instances: [one, &second[index]],
                        });
                    }
                    None => self.only_here(0, one),
                },
            }
        }
        for (index, other) in second.iter().enumerate() {
            if !partners.contains(&Some(index)) && !twins.contains(&index) {
                self.only_here(1, other);
            }
        }
    }

    /// They have an address in common, but are two virtual routers on the wire.
    fn two_routers(&mut self, pair: Pair<'_>) {
        let [one, other] = pair.instances;
        let message = format!(
            "({}) VRID {} and {} for the same address: neither hears the other, and both are MASTER",
            one.name, one.virtual_router_id, other.virtual_router_id
        );
        self.both(Code::PairMismatch, pair, "virtual_router_id", message);
    }

    fn only_here(&mut self, node: usize, instance: &VrrpInstance) {
        let message = format!(
            "({}) VRID {} is on this node only: nobody takes over",
            instance.name, instance.virtual_router_id
        );
        let place = self.place(node, instance, "virtual_router_id");
        self.push(Code::OnlyOnOneNode, message, place, None);
    }

    fn instance(&mut self, pair: Pair<'_>) {
        self.protocol(pair);
        self.addresses(pair);
        self.peers(pair);
        self.election(pair);
        self.weights(pair);
    }

    /// What both must say alike, or they do not hear each other.
    fn protocol(&mut self, pair: Pair<'_>) {
        let [one, other] = pair.instances;
        if one.version != other.version {
            let what = format!(
                "version {} and {}",
                one.version.number(),
                other.version.number()
            );
            self.differs(pair, "version", &what, BOTH_MASTER);
            return;
        }
        if one.advert_int != other.advert_int {
            let what = format!("advert_int {} and {}", one.advert_int, other.advert_int);
            match one.version {
                VrrpVersion::V2 => {
                    self.differs(pair, "advert_int", &what, BOTH_MASTER);
                }
                // RFC 5798 §6.1: a backup follows the interval that it hears.
                VrrpVersion::V3 => self.both(
                    Code::PairDiffers,
                    pair,
                    "advert_int",
                    format!(
                        "({}) {what}: how long a takeover takes depends on who is MASTER",
                        one.name
                    ),
                ),
            }
        }
        if one.authentication != other.authentication {
            let what = "authentication that differs";
            self.differs(pair, "authentication", what, BOTH_MASTER);
        }
        if one.unicast_peer.is_empty() != other.unicast_peer.is_empty() {
            let what = "unicast and multicast";
            self.differs(
                pair,
                "unicast_peer",
                what,
                "one does not hear the other, and both are MASTER",
            );
        }
    }

    fn differs(&mut self, pair: Pair<'_>, keyword: &str, what: &str, so: &str) {
        let message = format!("({}) {what}: {so}", pair.instances[0].name);
        self.both(Code::PairMismatch, pair, keyword, message);
    }

    /// Unicast peers must name each other.
    fn peers(&mut self, pair: Pair<'_>) {
        let instances = pair.instances;
        if instances
            .iter()
            .any(|instance| instance.unicast_peer.is_empty())
        {
            return;
        }
        for (node, other) in [(0, 1), (1, 0)] {
            let name = &instances[node].name;
            let peers = self.place(node, instances[node], "unicast_peer");
            let names = |source| {
                instances[node]
                    .unicast_peer
                    .iter()
                    .any(|peer| peer.address == source)
            };
            match instances[other].unicast_src_ip {
                Some(source) if !names(source) => {
                    let message = format!(
                        "({name}) the other node sends from {source}, which is no unicast_peer here"
                    );
                    let source = self.place(other, instances[other], "unicast_src_ip");
                    self.push(Code::PairMismatch, message, peers, source);
                }
                Some(_) => {}
                None => {
                    let message = format!(
                        "({name}) whether the other node is a unicast_peer cannot be known: it has no unicast_src_ip"
                    );
                    let block = self.place(other, instances[other], "unicast_peer");
                    self.push(Code::PairUnknown, message, peers, block);
                }
            }
        }
    }

    fn election(&mut self, pair: Pair<'_>) {
        let [one, other] = pair.instances;
        let name = &one.name;
        if one.priority == other.priority {
            if one.priority.is_owner() {
                let message = format!(
                    "({name}) both nodes own the addresses (priority 255), and both are MASTER"
                );
                self.both(Code::PairMismatch, pair, "priority", message);
            } else {
                let message = format!(
                    "({name}) both have priority {}: the higher IP address decides, and neither preempts the other",
                    one.priority
                );
                self.both(Code::PairDiffers, pair, "priority", message);
            }
        }
        let masters = pair
            .instances
            .map(|instance| instance.state == InitialState::Master);
        if masters == [true, true] && !one.priority.is_owner() {
            let message =
                format!("({name}) 'state MASTER' on both nodes: one of them is the BACKUP");
            self.both(Code::PairDiffers, pair, "state", message);
        }
        if one.preempt != other.preempt {
            let message = format!(
                "({name}) 'nopreempt' on one node only: the other one still takes over when it comes back"
            );
            self.both(Code::PairDiffers, pair, "nopreempt", message);
        }
    }

    fn sync_groups(&mut self) {
        let members = self
            .nodes
            .map(|node| -> Vec<(String, BTreeSet<(u8, AddressFamily)>)> {
                let config = &node.config;
                let identity = |name: &String| {
                    let instance = config.vrrp_instances.iter().find(|i| i.name == *name)?;
                    Some((instance.virtual_router_id.get(), instance.family()))
                };
                let groups = config.vrrp_sync_groups.iter();
                groups
                    .map(|group| {
                        (
                            group.name.clone(),
                            group.group.iter().filter_map(identity).collect(),
                        )
                    })
                    .collect()
            });
        for (node, other) in [(0, 1), (1, 0)] {
            for (name, group) in &members[node] {
                if members[other].iter().any(|(_, theirs)| theirs == group) {
                    continue;
                }
                let message = format!(
                    "sync group {name} has no group of the same virtual routers on the other node"
                );
                let place = self.block(node, "vrrp_sync_group", name);
                self.push(Code::PairDiffers, message, place, None);
            }
        }
    }

    /// A complaint about a keyword of both.
    fn both(&mut self, code: Code, pair: Pair<'_>, keyword: &str, message: String) {
        let [one, other] = [0, 1].map(|node| self.place(node, pair.instances[node], keyword));
        self.push(code, message, one, other);
    }

    fn push(&mut self, code: Code, message: String, place: Option<Place>, also: Option<Place>) {
        self.complaints.push(Complaint {
            code,
            severity: code.severity(),
            place,
            also,
            message,
            expected: None,
            help: None,
        });
    }

    /// Of a keyword in an instance, or of the instance where it has none.
    fn place(&self, node: usize, instance: &VrrpInstance, keyword: &str) -> Option<Place> {
        let records = self.records(node);
        let block = origins::named(records, "vrrp_instance", &instance.name)?;
        let keyword = origins::last(&block.children, keyword);
        Some(keyword.unwrap_or(block).place.clone())
    }

    fn block(&self, node: usize, keyword: &str, name: &str) -> Option<Place> {
        let block = origins::named(self.records(node), keyword, name)?;
        Some(block.place.clone())
    }

    fn records(&self, node: usize) -> &[Record] {
        self.nodes[node]
            .origins
            .as_ref()
            .map_or(&[], |origins| &origins.records)
    }
}

fn is_same_router(one: &VrrpInstance, other: &VrrpInstance) -> bool {
    one.virtual_router_id == other.virtual_router_id && one.family() == other.family()
}

/// Which instance without a partner has an address of this one.
fn sharing(
    one: &VrrpInstance,
    second: &[VrrpInstance],
    partners: &[Option<usize>],
) -> Option<usize> {
    let addresses = |instance: &VrrpInstance| -> BTreeSet<IpAddr> {
        let entries = instance.virtual_ipaddress.iter();
        entries.map(|entry| entry.address).collect()
    };
    let own = addresses(one);
    (0..second.len()).find(|index| {
        !partners.contains(&Some(*index)) && !own.is_disjoint(&addresses(&second[*index]))
    })
}

/// For each instance of the first node the one of the second, if any. A VRID may be used once on each interface, so
/// those on interfaces of one name belong together, then those of one name, then what is left, in their order.
fn partners(first: &[VrrpInstance], second: &[VrrpInstance]) -> Vec<Option<usize>> {
    let mut partners = vec![None; first.len()];
    let alike: [fn(&VrrpInstance, &VrrpInstance) -> bool; 3] = [
        |one, other| one.interface == other.interface,
        |one, other| one.name == other.name,
        |_, _| true,
    ];
    for is_alike in alike {
        for (index, one) in first.iter().enumerate() {
            if partners[index].is_none() {
                partners[index] = (0..second.len()).find(|candidate| {
                    let other = &second[*candidate];
                    !partners.contains(&Some(*candidate))
                        && is_same_router(one, other)
                        && is_alike(one, other)
                });
            }
        }
    }
    partners
}

#[cfg(test)]
mod tests;
