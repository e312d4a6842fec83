//! Virtual addresses of the two nodes: which there are, and how each is put on an interface.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Comparison, Pair};
use crate::config::VrrpInstance;
use crate::config::diagnostic::Code;
use crate::types::{InterfaceName, VirtualAddress};

impl Comparison<'_> {
    pub(super) fn addresses(&mut self, pair: Pair<'_>) {
        let instances = pair.instances;
        self.address_list(
            pair,
            "virtual_ipaddress",
            instances.map(|instance| instance.virtual_ipaddress.as_slice()),
        );
        self.address_list(
            pair,
            "virtual_ipaddress_excluded",
            instances.map(|instance| instance.virtual_ipaddress_excluded.as_slice()),
        );
    }

    fn address_list(&mut self, pair: Pair<'_>, keyword: &str, lists: [&[VirtualAddress]; 2]) {
        let name = &pair.instances[0].name;
        let [one, other] = lists
            .map(|list| -> BTreeSet<IpAddr> { list.iter().map(|entry| entry.address).collect() });
        let only: Vec<String> = one
            .symmetric_difference(&other)
            .map(ToString::to_string)
            .collect();
        if !only.is_empty() {
            let only = only.join(", ");
            let message = format!("({name}) {keyword} differs: {only} on one node only");
            self.both(Code::PairDiffers, pair, keyword, message);
        }
        for one in lists[0] {
            let same = |other: &&VirtualAddress| other.address == one.address;
            let Some(other) = lists[1].iter().find(same) else {
                continue;
            };
            let address = one.address;
            if one.prefix_len != other.prefix_len {
                let (one, other) = (one.prefix_len, other.prefix_len);
                let message = format!("({name}) {address} has prefix length {one} and {other}");
                self.both(Code::PairDiffers, pair, keyword, message);
            }
            if let Some([one, other]) = different_devices(pair.instances, [one, other]) {
                let message = format!("({name}) {address} is on {one} and on {other}");
                self.both(Code::PairDiffers, pair, keyword, message);
            }
        }
    }
}

/// Interfaces of different nodes may have different names: where those of the instances have, only whether the
/// address is on its instance's own counts.
fn different_devices<'i>(
    instances: [&'i VrrpInstance; 2],
    addresses: [&'i VirtualAddress; 2],
) -> Option<[&'i InterfaceName; 2]> {
    let own = [0, 1].map(|node| &instances[node].interface);
    let devices = [0, 1].map(|node| addresses[node].dev.as_ref().unwrap_or(own[node]));
    let is_own = [0, 1].map(|node| devices[node] == own[node]);
    let is_same = if own[0] == own[1] {
        devices[0] == devices[1]
    } else {
        is_own[0] == is_own[1]
    };
    (!is_same).then_some(devices)
}
