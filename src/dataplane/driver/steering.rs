//! Which packets leave the kernel's path for the TAP: a table of nftables at the ingress of each interface.
//!
//! ```text
//! table netdev holdfast_lvs {
//!   chain ingress_5 {
//!     type filter hook ingress device "eth0" priority -150
//!     meta pkttype != host accept
//!     ether type != ip accept                               VLANs are interfaces of their own
//!     ip daddr . meta l4proto . th dport @services fib daddr type local goto divert_5
//!     …                                                             real servers, ICMP errors, fragments
//!   }
//!   chain divert_5 { ether daddr set 02:68:00:00:00:05  fwd to "hflvs0" }
//! }
//! ```
//!
//! The kernel itself decides per packet whether this node has the virtual address: from the moment at which it would accept
//! the packet, the packet is steered, and no segment ever meets a host without a socket, which would answer with a reset.
//! The destination address of a frame that is for this host says nothing any more, so it carries the index of the
//! interface. Packets of real servers are taken only where they go on to somebody else: what they
//! say to this host, such as the answers to health checks, is the host's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::dataplane::flow::icmp;
use crate::dataplane::packet::STEERED;
use crate::dataplane::{Endpoint, Steering};
use crate::netlink::nft::{Field, KeyType, NftError, Rule, Transaction};

const TABLE: &str = "holdfast_lvs";
/// Before the usual filter chains at the ingress, and after those that mark or drop on purpose (-300 and less).
const PRIORITY: i32 = -150;

const SERVICES: &str = "services";
const ANY_PORT_SERVICES: &str = "services_any_port";
const SERVICE_ADDRESSES: &str = "service_addresses";
const REAL_SERVERS: &str = "real_servers";
const ANY_PORT_REAL_SERVERS: &str = "real_servers_any_port";
const REAL_SERVER_ADDRESSES: &str = "real_server_addresses";
const ICMP_ERRORS: &str = "icmp_errors";

/// What is steered from where.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Program {
    /// Names by index.
    pub(super) interfaces: BTreeMap<u32, String>,
    services: BTreeSet<Endpoint>,
    real_servers: BTreeSet<Endpoint>,
}

impl Program {
    /// What the director wants, without the services whose address is `left_alone`.
    pub(super) fn new(
        interfaces: BTreeMap<u32, String>,
        steering: &Steering,
        left_alone: impl Fn(Ipv4Addr) -> bool,
    ) -> Self {
        let steered = |endpoint: &&Endpoint| !left_alone(endpoint.address);
        let real_servers = steering
            .real_servers
            .iter()
            .filter(|(service, _)| steered(service))
            .flat_map(|(_, real_servers)| real_servers.iter().copied());
        Self {
            interfaces,
            services: steering.services.iter().filter(steered).copied().collect(),
            real_servers: real_servers.collect(),
        }
    }

    /// Replaces the whole table, in one step: no packet sees half of it.
    pub(super) fn install(&self, tap: u32) -> Result<(), NftError> {
        let mut transaction = Transaction::new();
        transaction.add_table(TABLE);
        transaction.delete_table(TABLE);
        transaction.add_table(TABLE);
        self.add_sets(&mut transaction);
        for (index, name) in &self.interfaces {
            add_interface(&mut transaction, *index, name, tap);
        }
        transaction.commit()
    }

    /// Changes the table that `installed` made into this one, in one step; where the interfaces are the same only
    /// the elements that differ are sent.
    pub(super) fn replace(&self, installed: &Self, tap: u32) -> Result<(), NftError> {
        if self.interfaces != installed.interfaces {
            return self.install(tap);
        }
        let mut transaction = Transaction::new();
        for (wanted, present) in self.sets().iter().zip(installed.sets()) {
            let gone = present.keys.difference(&wanted.keys).map(Vec::as_slice);
            transaction.delete_elements(TABLE, wanted.name, gone);
            let new = wanted.keys.difference(&present.keys).map(Vec::as_slice);
            transaction.add_elements(TABLE, wanted.name, new);
        }
        transaction.commit()
    }

    fn add_sets(&self, transaction: &mut Transaction) {
        for set in self.sets() {
            transaction.add_set(TABLE, set.name, set.key_type);
            transaction.add_elements(TABLE, set.name, set.keys.iter().map(Vec::as_slice));
        }
        transaction.add_set(TABLE, ICMP_ERRORS, KeyType::IcmpType);
        let errors: Vec<[u8; 1]> = icmp::ERRORS.iter().map(|kind| [*kind]).collect();
        transaction.add_elements(TABLE, ICMP_ERRORS, errors.iter().map(<[u8; 1]>::as_slice));
    }

    /// The sets that follow the services, always in the same order.
    fn sets(&self) -> [Set; 6] {
        let exact = |name, endpoints: &BTreeSet<Endpoint>| Set {
            name,
            key_type: KeyType::AddressProtocolPort,
            keys: endpoints
                .iter()
                .filter(|e| e.port != 0)
                .map(exact_key)
                .collect(),
        };
        let any_port = |name, endpoints: &BTreeSet<Endpoint>| Set {
            name,
            key_type: KeyType::AddressProtocol,
            keys: endpoints
                .iter()
                .filter(|e| e.port == 0)
                .map(any_port_key)
                .collect(),
        };
        let addresses = |name, endpoints: &BTreeSet<Endpoint>| Set {
            name,
            key_type: KeyType::Ipv4Address,
            keys: endpoints
                .iter()
                .map(|e| e.address.octets().to_vec())
                .collect(),
        };
        [
            exact(SERVICES, &self.services),
            any_port(ANY_PORT_SERVICES, &self.services),
            addresses(SERVICE_ADDRESSES, &self.services),
            exact(REAL_SERVERS, &self.real_servers),
            any_port(ANY_PORT_REAL_SERVERS, &self.real_servers),
            addresses(REAL_SERVER_ADDRESSES, &self.real_servers),
        ]
    }
}

/// A set of the table and what is in it.
struct Set {
    name: &'static str,
    key_type: KeyType,
    keys: BTreeSet<Vec<u8>>,
}

/// Removes the table; that there is none is no error.
pub(super) fn remove() -> Result<(), NftError> {
    let mut transaction = Transaction::new();
    transaction.add_table(TABLE);
    transaction.delete_table(TABLE);
    transaction.commit()
}

fn add_interface(transaction: &mut Transaction, index: u32, name: &str, tap: u32) {
    let ingress = format!("ingress_{index}");
    let divert = format!("divert_{index}");
    let [first, second] = STEERED;
    let [a, b, c, d] = index.to_be_bytes();
    transaction.add_chain(TABLE, &divert);
    let diversion = Rule::new()
        .set_destination_mac([first, second, a, b, c, d])
        .forward_to(tap);
    transaction.add_rule(TABLE, &divert, &diversion);
    transaction.add_ingress_chain(TABLE, &ingress, name, PRIORITY);
    for rule in rules(&divert) {
        transaction.add_rule(TABLE, &ingress, &rule);
    }
}

fn rules(divert: &str) -> Vec<Rule> {
    use Field::{
        DestinationAddress, DestinationPort, IcmpType, Protocol, QuotedDestinationAddress,
        SourceAddress, SourcePort,
    };
    let icmp_error = || {
        Rule::new()
            .protocol(icmp::PROTOCOL)
            .in_set(&[IcmpType], ICMP_ERRORS)
    };
    let to_divert = |rule: Rule| rule.to_local_address(true).goto(divert);
    let to_others = |rule: Rule| rule.to_local_address(false).goto(divert);
    vec![
        Rule::new().not_for_this_host().accept(),
        Rule::new().ipv4(false).accept(),
        to_divert(Rule::new().in_set(&[DestinationAddress, Protocol, DestinationPort], SERVICES)),
        to_divert(Rule::new().in_set(&[DestinationAddress, Protocol], ANY_PORT_SERVICES)),
        to_divert(icmp_error().in_set(&[DestinationAddress], SERVICE_ADDRESSES)),
        to_divert(
            Rule::new()
                .later_fragment()
                .in_set(&[DestinationAddress], SERVICE_ADDRESSES),
        ),
        to_others(Rule::new().in_set(&[SourceAddress, Protocol, SourcePort], REAL_SERVERS)),
        to_others(Rule::new().in_set(&[SourceAddress, Protocol], ANY_PORT_REAL_SERVERS)),
        to_others(icmp_error().in_set(&[QuotedDestinationAddress], REAL_SERVER_ADDRESSES)),
        to_others(
            Rule::new()
                .later_fragment()
                .in_set(&[SourceAddress], REAL_SERVER_ADDRESSES),
        ),
    ]
}

fn exact_key(endpoint: &Endpoint) -> Vec<u8> {
    let mut key = any_port_key(endpoint);
    key.extend_from_slice(&endpoint.port.to_be_bytes());
    key.extend_from_slice(&[0; 2]);
    key
}

fn any_port_key(endpoint: &Endpoint) -> Vec<u8> {
    let mut key = endpoint.address.octets().to_vec();
    key.extend_from_slice(&[endpoint.protocol.number(), 0, 0, 0]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Protocol;

    fn endpoint(last: u8) -> Endpoint {
        Endpoint {
            address: Ipv4Addr::new(10, 0, 0, last),
            protocol: Protocol::Tcp,
            port: 80,
        }
    }

    #[test]
    fn a_service_that_is_left_alone_is_not_steered_nor_are_its_real_servers() {
        let mut steering = Steering::default();
        for (service, real_server) in [(1, 11), (2, 12)] {
            steering.services.insert(endpoint(service));
            steering
                .real_servers
                .insert(endpoint(service), BTreeSet::from([endpoint(real_server)]));
        }
        let program = |others: &[u8]| {
            let left_alone = |address: Ipv4Addr| others.contains(&address.octets()[3]);
            let program = Program::new(BTreeMap::new(), &steering, left_alone);
            (program.services, program.real_servers)
        };
        let of = |service, real_server| {
            (
                BTreeSet::from([endpoint(service)]),
                BTreeSet::from([endpoint(real_server)]),
            )
        };
        assert_eq!(program(&[2]), of(1, 11));
        assert_eq!(program(&[1, 12]), of(2, 12));
        assert_eq!(program(&[1, 2]), (BTreeSet::new(), BTreeSet::new()));
    }

    #[test]
    fn keys_fill_whole_registers_in_network_byte_order() {
        assert_eq!(
            exact_key(&endpoint(1)),
            [10, 0, 0, 1, 6, 0, 0, 0, 0, 80, 0, 0]
        );
        assert_eq!(any_port_key(&endpoint(1)), [10, 0, 0, 1, 6, 0, 0, 0]);
    }
}
