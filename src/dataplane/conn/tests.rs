use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const VIRTUAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 1), 80);
const REAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 2, 1, 2), 8080);

fn table(connections: u32, embryonic: u32) -> ConnectionTable {
    let limits = Limits {
        connections,
        embryonic,
        udp: 6,
    };
    ConnectionTable::new(limits, RandomState::with_seeds(1, 2, 3, 4))
}

fn client(number: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), number)
}

fn connection(number: u16, state: State) -> Connection {
    Connection {
        protocol: Protocol::Tcp,
        state,
        client: client(number),
        virtual_address: VIRTUAL,
        real_address: REAL,
        server: ServerId::default(),
        client_mac: MacAddress::default(),
        client_interface: 1,
    }
}

fn expired(table: &mut ConnectionTable, now: u32) -> Vec<u16> {
    let mut ports = Vec::new();
    while table.expire(Tick(now), 3, |c| ports.push(c.client.port())) {}
    ports.sort_unstable();
    ports
}

const NONE: [u16; 0] = [];
const SYN_RECV: State = State::Tcp(TcpState::SynRecv);
const ESTABLISHED: State = State::Tcp(TcpState::Established);
const CLOSE: State = State::Tcp(TcpState::Close);

#[test]
fn an_entry_is_small() {
    assert!(size_of::<Entry>() <= 80, "{}", size_of::<Entry>());
}

#[test]
fn one_entry_is_found_from_both_sides() {
    let mut table = table(10, 10);
    let id = table
        .insert(connection(1, SYN_RECV), Tick(0))
        .expect("room")
        .id;
    let tcp = Protocol::Tcp;
    assert_eq!(table.find_inbound(tcp, client(1), VIRTUAL), Some(id));
    assert_eq!(table.find_outbound(tcp, client(1), REAL), Some(id));
    assert_eq!(table.find_outbound(tcp, client(1), VIRTUAL), None);
    assert_eq!(table.find_inbound(Protocol::Udp, client(1), VIRTUAL), None);
    assert_eq!(table.find_inbound(tcp, client(2), VIRTUAL), None);
}

#[test]
fn the_oldest_handshake_makes_room_for_a_new_one() {
    let mut table = table(10, 2);
    for number in 1..=2 {
        assert_eq!(
            table
                .insert(connection(number, SYN_RECV), Tick(0))
                .expect("room")
                .evicted,
            None
        );
    }
    let third = table
        .insert(connection(3, SYN_RECV), Tick(0))
        .expect("room");
    assert_eq!(third.evicted.map(|c| c.client), Some(client(1)));
    assert_eq!(table.len(), 2);
}

#[test]
fn a_full_table_takes_no_more_once_no_handshake_can_make_room() {
    let mut table = table(2, 2);
    let id = table
        .insert(connection(1, SYN_RECV), Tick(0))
        .expect("room")
        .id;
    table.touch(id, ESTABLISHED, Tick(0));
    table
        .insert(connection(2, SYN_RECV), Tick(0))
        .expect("room");
    let third = table
        .insert(connection(3, SYN_RECV), Tick(0))
        .expect("the second makes room");
    table.touch(third.id, ESTABLISHED, Tick(0));
    assert_eq!(
        table.insert(connection(4, SYN_RECV), Tick(0)),
        Err(TableFull)
    );
    assert_eq!(table.len(), 2);
}

#[test]
fn udp_associations_have_a_limit_and_the_longest_silent_makes_room() {
    let mut table = table(10, 10);
    let udp = |number| connection(number, State::Udp);
    let first = table.insert(udp(1), Tick(0)).expect("room").id;
    for number in 2..=6 {
        table.insert(udp(number), Tick(1)).expect("room");
    }
    table.touch(first, State::Udp, Tick(2));
    for number in 7..=100 {
        let inserted = table.insert(udp(number), Tick(2)).expect("room");
        assert!(inserted.evicted.is_some());
    }
    assert_eq!(table.len(), 6);
    for number in 101..=104 {
        let inserted = table
            .insert(connection(number, SYN_RECV), Tick(2))
            .expect("room");
        assert_eq!(inserted.evicted, None);
        table.touch(inserted.id, ESTABLISHED, Tick(2));
    }
    // Full: a UDP association takes the place of another one, a handshake too.
    let inserted = table.insert(udp(200), Tick(3)).expect("room");
    assert_eq!(inserted.evicted.map(|c| c.state), Some(State::Udp));
    let inserted = table.insert(connection(201, SYN_RECV), Tick(3));
    let evicted = inserted.expect("room").evicted;
    assert_eq!(evicted.map(|c| c.state), Some(State::Udp));
}

#[test]
fn a_udp_association_takes_no_place_of_a_handshake() {
    let mut table = table(2, 2);
    for number in 1..=2 {
        table
            .insert(connection(number, SYN_RECV), Tick(0))
            .expect("room");
    }
    let udp = connection(3, State::Udp);
    assert_eq!(table.insert(udp, Tick(0)), Err(TableFull));
    assert_eq!(table.len(), 2);
}

#[test]
fn a_handshake_that_is_repeated_for_ever_keeps_no_other_from_expiring() {
    let mut table = table(10, 10);
    let stubborn = table
        .insert(connection(1, SYN_RECV), Tick(0))
        .expect("room")
        .id;
    table
        .insert(connection(2, SYN_RECV), Tick(0))
        .expect("room");
    table.touch(stubborn, SYN_RECV, Tick(50));
    assert_eq!(expired(&mut table, 61), [2]);
    assert_eq!(expired(&mut table, 111), [1]);
}

#[test]
fn each_state_lasts_as_long_as_its_timeout() {
    let mut table = table(10, 10);
    for (number, state) in [(1, SYN_RECV), (2, ESTABLISHED), (3, CLOSE), (4, State::Udp)] {
        table
            .insert(connection(number, state), Tick(0))
            .expect("room");
    }
    assert_eq!(expired(&mut table, 10), NONE);
    assert_eq!(expired(&mut table, 11), [3]);
    assert_eq!(expired(&mut table, 60), NONE);
    assert_eq!(expired(&mut table, 61), [1]);
    assert_eq!(expired(&mut table, 300), NONE);
    assert_eq!(expired(&mut table, 301), [4]);
    assert_eq!(expired(&mut table, 900), NONE);
    assert_eq!(expired(&mut table, 901), [2]);
    assert_eq!(table.next_sweep(), None);
}

#[test]
fn a_packet_lengthens_and_a_reset_shortens_the_time() {
    let mut table = table(10, 10);
    let first = table
        .insert(connection(1, ESTABLISHED), Tick(0))
        .expect("room")
        .id;
    let second = table
        .insert(connection(2, ESTABLISHED), Tick(0))
        .expect("room")
        .id;
    table.touch(first, ESTABLISHED, Tick(500));
    table.touch(second, CLOSE, Tick(500));
    assert_eq!(expired(&mut table, 510), NONE);
    assert_eq!(expired(&mut table, 511), [2]);
    assert_eq!(expired(&mut table, 1400), NONE);
    assert_eq!(expired(&mut table, 1401), [1]);
}

#[test]
fn expiry_after_a_long_pause_is_complete_and_in_slices() {
    let mut table = table(1000, 1000);
    for number in 0..500 {
        table
            .insert(connection(number, ESTABLISHED), Tick(0))
            .expect("room");
    }
    let mut count = 0;
    assert!(table.expire(Tick(1_000_000), 100, |_| count += 1));
    assert_eq!(count, 100);
    assert_eq!(expired(&mut table, 1_000_000).len(), 400);
    // A quiet day later the wheel is where the time is.
    table
        .insert(connection(1, CLOSE), Tick(2_000_000))
        .expect("room");
    assert_eq!(expired(&mut table, 2_000_010), NONE);
    assert_eq!(expired(&mut table, 2_000_011), [1]);
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(u16, u8),
    Touch(u16, u8),
    Remove(u16),
    Wait(u32),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0u16..40, 0u8..4).prop_map(|(number, state)| Operation::Insert(number, state)),
        4 => (0u16..40, 0u8..4).prop_map(|(number, state)| Operation::Touch(number, state)),
        1 => (0u16..40).prop_map(Operation::Remove),
        2 => prop_oneof![0u32..5, 0u32..400, 0u32..10_000].prop_map(Operation::Wait),
    ]
}

fn state(number: u8) -> State {
    [SYN_RECV, ESTABLISHED, CLOSE, State::Udp][usize::from(number)]
}

proptest! {
    /// The model is a map from client to deadline.
    #[test]
    fn the_table_agrees_with_a_map(operations in proptest::collection::vec(operation(), 1..200)) {
        let mut table = table(20, 8);
        let mut model: BTreeMap<u16, Tick> = BTreeMap::new();
        let mut now = Tick(0);
        for operation in operations {
            match operation {
                Operation::Insert(number, kind) => {
                    if model.contains_key(&number) {
                        continue;
                    }
                    let connection = connection(number, state(kind));
                    if let Ok(inserted) = table.insert(connection, now) {
                        if let Some(evicted) = inserted.evicted {
                            prop_assert!(evicted.state.queue().is_some());
                            model.remove(&evicted.client.port());
                        }
                        model.insert(number, now.after(state(kind).timeout()));
                    } else {
                        prop_assert_eq!(model.len(), 20);
                    }
                }
                Operation::Touch(number, kind) => {
                    let found = table.find_inbound(Protocol::Tcp, client(number), VIRTUAL);
                    prop_assert_eq!(found.is_some(), model.contains_key(&number));
                    if let Some(id) = found {
                        // Nothing goes back to the handshake, or to another protocol.
                        let kind = match table.get(id).state {
                            SYN_RECV => kind.min(2),
                            State::Udp => 3,
                            State::Tcp(_) => kind.clamp(1, 2),
                        };
                        table.touch(id, state(kind), now);
                        model.insert(number, now.after(state(kind).timeout()));
                    }
                }
                Operation::Remove(number) => {
                    if let Some(id) = table.find_outbound(Protocol::Tcp, client(number), REAL) {
                        table.remove(id);
                        prop_assert!(model.remove(&number).is_some());
                    }
                }
                Operation::Wait(seconds) => {
                    now = Tick(now.0 + seconds);
                    let ports = expired(&mut table, now.0);
                    let due: Vec<u16> = model.iter().filter(|(_, d)| **d <= now).map(|(n, _)| *n).collect();
                    prop_assert_eq!(&ports, &due);
                    model.retain(|_, deadline| *deadline > now);
                }
            }
            prop_assert_eq!(table.len() as usize, model.len());
            let queued = Queue::ALL.map(|queue| table.lists[usize::from(queue.list())].length);
            prop_assert!(queued[0] <= 8 && queued[1] <= 6, "{:?}", queued);
        }
    }
}
