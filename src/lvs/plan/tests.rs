use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::types::{ForwardingMethod, Protocol, Scheduler, TunnelType, Weight};

fn address(text: &str) -> ServerAddress {
    let socket: std::net::SocketAddr = text.parse().expect("address and port");
    ServerAddress::new(socket.ip(), socket.port())
}

fn key(text: &str) -> ServiceKey {
    ServiceKey {
        address: address(text),
        protocol: Protocol::Tcp,
    }
}

fn server(text: &str, weight: u32) -> RealServer {
    RealServer {
        address: address(text),
        weight: Weight::new(weight).expect("in range"),
        method: ForwardingMethod::Nat,
    }
}

const RR: Service = Service {
    scheduler: Scheduler::Rr,
    persistence_timeout: None,
};
const WLC: Service = Service {
    scheduler: Scheduler::Wlc,
    persistence_timeout: None,
};

fn table(services: &[(&str, Service, &[RealServer])]) -> Table {
    let services = services
        .iter()
        .map(|(name, service, real_servers)| {
            let held = real_servers.iter().map(|rs| (rs.address, *rs)).collect();
            (key(name), (*service, held))
        })
        .collect();
    Table { services }
}

fn all_of(table: &Table) -> BTreeSet<ServiceKey> {
    table.services.keys().copied().collect()
}

#[test]
fn what_is_as_wanted_needs_no_command() {
    let wanted = table(&[("192.0.2.1:80", RR, &[server("10.0.0.1:80", 1)])]);
    assert_eq!(plan(&wanted, &wanted, &all_of(&wanted)), []);
}

#[test]
fn a_new_service_comes_before_its_real_servers() {
    let wanted = table(&[("192.0.2.1:80", RR, &[server("10.0.0.1:80", 1)])]);
    let (key, real_server) = (key("192.0.2.1:80"), server("10.0.0.1:80", 1));
    assert_eq!(
        plan(&Table::default(), &wanted, &BTreeSet::new()),
        [
            Command::AddService { key, service: RR },
            Command::AddRealServer { key, real_server }
        ]
    );
}

#[test]
fn the_new_real_server_is_in_before_the_old_one_is_out() {
    let actual = table(&[("192.0.2.1:80", RR, &[server("10.0.0.1:80", 1)])]);
    let wanted = table(&[("192.0.2.1:80", RR, &[server("10.0.0.2:80", 1)])]);
    let key = key("192.0.2.1:80");
    assert_eq!(
        plan(&actual, &wanted, &all_of(&actual)),
        [
            Command::AddRealServer {
                key,
                real_server: server("10.0.0.2:80", 1)
            },
            Command::DeleteRealServer {
                key,
                address: address("10.0.0.1:80")
            },
        ]
    );
}

#[test]
fn weights_are_raised_before_others_are_lowered() {
    let actual = table(&[(
        "192.0.2.1:80",
        RR,
        &[server("10.0.0.1:80", 1), server("10.0.0.2:80", 0)],
    )]);
    let wanted = table(&[(
        "192.0.2.1:80",
        RR,
        &[server("10.0.0.1:80", 0), server("10.0.0.2:80", 1)],
    )]);
    let key = key("192.0.2.1:80");
    assert_eq!(
        plan(&actual, &wanted, &all_of(&actual)),
        [
            Command::EditRealServer {
                key,
                real_server: server("10.0.0.2:80", 1)
            },
            Command::EditRealServer {
                key,
                real_server: server("10.0.0.1:80", 0)
            },
        ]
    );
}

#[test]
fn a_new_scheduler_edits_the_service_in_place() {
    let actual = table(&[("192.0.2.1:80", RR, &[server("10.0.0.1:80", 1)])]);
    let wanted = table(&[("192.0.2.1:80", WLC, &[server("10.0.0.1:80", 1)])]);
    let key = key("192.0.2.1:80");
    assert_eq!(
        plan(&actual, &wanted, &all_of(&actual)),
        [Command::EditService { key, service: WLC }]
    );
}

#[test]
fn services_of_somebody_else_stay() {
    let actual = table(&[("192.0.2.1:80", RR, &[]), ("192.0.2.9:25", WLC, &[])]);
    let ours = BTreeSet::from([key("192.0.2.1:80")]);
    assert_eq!(
        plan(&actual, &Table::default(), &ours),
        [Command::DeleteService {
            key: key("192.0.2.1:80")
        }]
    );
}

#[test]
fn a_service_of_ours_that_is_gone_already_is_not_removed_again() {
    let ours = BTreeSet::from([key("192.0.2.1:80")]);
    assert_eq!(plan(&Table::default(), &Table::default(), &ours), []);
}

fn any_service() -> impl Strategy<Value = Service> {
    (0..Scheduler::ALL.len(), proptest::option::of(1..9_u64)).prop_map(|(scheduler, timeout)| {
        Service {
            scheduler: Scheduler::ALL[scheduler],
            persistence_timeout: timeout.map(Duration::from_secs),
        }
    })
}

fn any_real_server() -> impl Strategy<Value = RealServer> {
    let method = prop_oneof![
        Just(ForwardingMethod::Nat),
        Just(ForwardingMethod::DirectRoute),
        Just(ForwardingMethod::Tunnel(TunnelType::Ipip)),
    ];
    (1..6_u8, 0..4_u32, method).prop_map(|(host, weight, method)| RealServer {
        address: ServerAddress::new([10, 0, 0, host].into(), 80),
        weight: Weight::new(weight).expect("in range"),
        method,
    })
}

fn any_key() -> impl Strategy<Value = ServiceKey> {
    (1..6_u8, any::<bool>()).prop_map(|(host, udp)| ServiceKey {
        address: ServerAddress::new([192, 0, 2, host].into(), 80),
        protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
    })
}

fn any_table() -> impl Strategy<Value = Table> {
    let real_servers = proptest::collection::vec(any_real_server(), 0..5)
        .prop_map(|list| list.into_iter().map(|rs| (rs.address, rs)).collect());
    proptest::collection::btree_map(any_key(), (any_service(), real_servers), 0..6)
        .prop_map(|services| Table { services })
}

proptest! {
    #[test]
    fn carrying_out_the_plan_gives_what_is_wanted_and_leaves_the_rest(
        actual in any_table(),
        wanted in any_table(),
        ours in proptest::collection::btree_set(any_key(), 0..8),
    ) {
        let mut reached = actual.clone();
        for command in plan(&actual, &wanted, &ours) {
            reached.apply(&command);
        }
        let mut expected = actual.clone();
        expected.services.retain(|key, _| !ours.contains(key));
        expected.services.extend(wanted.services.clone());
        prop_assert_eq!(&reached, &expected);
        prop_assert_eq!(plan(&reached, &wanted, &ours), []);
    }

    #[test]
    fn a_service_that_keeps_weight_is_never_without(actual in any_table(), wanted in any_table()) {
        let carries = |table: &Table, key: &ServiceKey| {
            let held = table.services.get(key);
            held.is_some_and(|(_, held)| held.values().any(|rs| rs.weight > Weight::ZERO))
        };
        let steady: Vec<_> = actual
            .services
            .keys()
            .filter(|key| carries(&actual, key) && carries(&wanted, key))
            .collect();
        let mut table = actual.clone();
        for command in plan(&actual, &wanted, &all_of(&actual)) {
            table.apply(&command);
            for key in &steady {
                prop_assert!(carries(&table, key), "{} is empty after {:?}", key, command);
            }
        }
    }
}
