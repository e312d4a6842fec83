//! The client against a data plane that answers as it is told to.

use std::future::Future;

use tempfile::TempDir;
use tokio::net::UnixListener;

use super::*;
use crate::config::{RealServer as RealServerConfig, SorryServer};
use crate::lvs::{RealServer, ServiceKey};
use crate::types::{ServerAddress, TunnelType, Weight};

fn address(text: &str) -> ServerAddress {
    let socket: std::net::SocketAddr = text.parse().expect("address and port");
    ServerAddress::new(socket.ip(), socket.port())
}

fn key() -> ServiceKey {
    ServiceKey {
        address: address("192.0.2.1:80"),
        protocol: Protocol::Tcp,
    }
}

fn add_server(text: &str) -> Command {
    let method = ForwardingMethod::Nat;
    let real_server = RealServer {
        address: address(text),
        weight: Weight::ONE,
        method,
    };
    Command::AddRealServer {
        key: key(),
        real_server,
    }
}

/// A data plane that gives one answer per request and then hangs up, whatever it was asked. Both ends run to
/// their end.
async fn against<T>(
    replies: Vec<Reply>,
    client: impl AsyncFnOnce(&mut UserspacePlane) -> T,
) -> (Vec<Request>, T) {
    let directory = TempDir::new().expect("temporary folder");
    let listener = UnixListener::bind(directory.path().join(SOCKET_NAME)).expect("bind");
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a client comes");
        let mut requests = Vec::new();
        for reply in replies {
            requests.push(frame::read_async(&mut stream).await.expect("a request"));
            frame::write_async(&mut stream, &reply)
                .await
                .expect("the client reads");
        }
        requests
    };
    let client = async {
        let mut plane = UserspacePlane::connect(directory.path())
            .await
            .expect("somebody listens");
        client(&mut plane).await
    };
    both(server, client).await
}

async fn both<A, B>(server: impl Future<Output = A>, client: impl Future<Output = B>) -> (A, B) {
    let both = async { tokio::join!(server, client) };
    timeout(Duration::from_secs(20), both)
        .await
        .expect("nobody waits for ever")
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_command_is_named_with_its_reason() {
    let outcome = vec![None, Some("no such service".to_owned())];
    let commands = [add_server("10.0.0.1:80"), add_server("10.0.0.2:80")];
    let (requests, errors) = against(vec![Reply::Applied(outcome)], async |plane| {
        plane.apply(&commands).await
    })
    .await;
    assert_eq!(requests, [Request::Apply(commands.to_vec())]);
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "adding real server [10.0.0.2]:tcp:80 (NAT, weight 1) to [192.0.2.1]:tcp:80: \
          no such service"
        ]
    );
    assert!(!errors[0].is_lost());
}

#[tokio::test(flavor = "current_thread")]
async fn nothing_to_do_asks_nothing() {
    let (requests, errors) = against(Vec::new(), async |plane| plane.apply(&[]).await).await;
    assert_eq!((requests, errors), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "current_thread")]
async fn the_table_is_read_back() {
    let mut table = Table::default();
    let service = crate::lvs::Service {
        scheduler: Scheduler::Rr,
        persistence_timeout: None,
    };
    table.apply(&Command::AddService {
        key: key(),
        service,
    });
    table.apply(&add_server("10.0.0.1:80"));
    let (requests, read) = against(vec![Reply::Dump(table.clone())], async |plane| {
        plane.dump().await
    })
    .await;
    assert_eq!(requests, [Request::Dump]);
    assert_eq!(read, Ok(table));
}

#[tokio::test(flavor = "current_thread")]
async fn a_data_plane_that_hangs_up_is_a_lost_connection_and_stays_one() {
    let (_, (first, second)) = against(Vec::new(), async |plane| {
        let first = plane.dump().await.expect_err("hung up");
        (first, plane.apply(&[add_server("10.0.0.1:80")]).await)
    })
    .await;
    assert!(first.is_lost());
    let [second] = second.as_slice() else {
        panic!("one loss is one error: {second:?}")
    };
    assert!(second.is_lost());
    assert_eq!(second.reason, "the connection to the data plane is closed");
}

#[tokio::test(flavor = "current_thread")]
async fn the_end_of_an_idle_connection_is_noticed_and_not_before() {
    let directory = TempDir::new().expect("temporary folder");
    let listener = UnixListener::bind(directory.path().join(SOCKET_NAME)).expect("bind");
    let mut plane = UserspacePlane::connect(directory.path())
        .await
        .expect("somebody listens");
    let (mut stream, _) = listener.accept().await.expect("a client comes");
    let server = async {
        let _: Request = frame::read_async(&mut stream).await.expect("a request");
        let reply = Reply::Dump(Table::default());
        frame::write_async(&mut stream, &reply)
            .await
            .expect("the client reads");
    };
    let ((), read) = both(server, plane.dump()).await;
    assert_eq!(read, Ok(Table::default()));
    let early = timeout(Duration::from_millis(20), plane.lost()).await;
    assert!(early.is_err(), "the answer that was read is no end");
    drop(stream);
    let lost = timeout(Duration::from_secs(20), plane.lost()).await;
    assert!(lost.is_ok(), "the end is noticed");
    assert!(plane.dump().await.expect_err("closed").is_lost());
}

#[tokio::test(flavor = "current_thread")]
async fn an_answer_to_another_question_ends_the_connection() {
    for reply in [
        Reply::Dump(Table::default()),
        Reply::Applied(vec![None, None]),
    ] {
        let command = [add_server("10.0.0.1:80")];
        let (_, errors) = against(vec![reply], async |plane| plane.apply(&command).await).await;
        assert!(errors.len() == 1 && errors[0].is_lost(), "{errors:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_data_plane_that_does_not_answer_is_a_lost_connection() {
    let directory = TempDir::new().expect("temporary folder");
    let listener = UnixListener::bind(directory.path().join(SOCKET_NAME)).expect("bind");
    let mut plane = UserspacePlane::connect(directory.path())
        .await
        .expect("somebody listens");
    plane.answer_within = Duration::from_millis(20);
    let error = plane.dump().await.expect_err("no answer");
    assert!(error.is_lost());
    assert_eq!(error.reason, "no answer within 20ms");
    drop(listener);
}

#[tokio::test(flavor = "current_thread")]
async fn a_data_plane_that_is_not_there_is_unavailable() {
    let directory = TempDir::new().expect("temporary folder");
    let error = UserspacePlane::connect(directory.path())
        .await
        .expect_err("nobody listens");
    assert_eq!(error.kind, PlaneErrorKind::Unavailable);
}

fn carried() -> VirtualServer {
    let real_server = |text: &str| RealServerConfig {
        pending_checkers: Vec::new(),
        options: crate::config::RealServerOptions::default(),
        address: address(text),
        weight: Weight::ONE,
        lvs_method: ForwardingMethod::Nat,
        inhibit_on_failure: false,
        notify_up: None,
        notify_down: None,
        checkers: Vec::new(),
    };
    VirtualServer {
        target: crate::config::ServiceTarget::Address,
        options: crate::config::ServiceOptions::default(),
        address: address("192.0.2.1:80"),
        protocol: Protocol::Tcp,
        lvs_sched: Scheduler::Wlc,
        lvs_method: ForwardingMethod::Nat,
        persistence_timeout: None,
        quorum: 1,
        hysteresis: 0,
        quorum_up: None,
        quorum_down: None,
        omega: false,
        sorry_server: None,
        real_servers: vec![real_server("10.0.0.1:80"), real_server("10.0.0.2:8080")],
    }
}

#[test]
fn what_the_first_form_carries_is_nat_over_ipv4_with_five_schedulers() {
    for lvs_sched in SCHEDULERS {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            assert_eq!(
                cannot_carry(&VirtualServer {
                    protocol,
                    lvs_sched,
                    ..carried()
                }),
                None
            );
        }
    }
}

#[test]
fn what_it_cannot_carry_has_a_reason() {
    let reason = |change: &dyn Fn(&mut VirtualServer)| {
        let mut virtual_server = carried();
        change(&mut virtual_server);
        cannot_carry(&virtual_server).expect("cannot be carried")
    };
    assert!(reason(&|vs| vs.address = address("[2001:db8::1]:80")).contains("IPv4 only"));
    assert!(reason(&|vs| vs.address.port = 0).contains("all ports"));
    assert!(reason(&|vs| vs.protocol = Protocol::Sctp).contains("SCTP"));
    assert!(reason(&|vs| vs.lvs_sched = Scheduler::Mh).contains("no scheduler mh"));
    let persistent = |vs: &mut VirtualServer| vs.persistence_timeout = Some(Duration::from_secs(1));
    assert!(reason(&persistent).contains("no persistence"));
    let tunnel = ForwardingMethod::Tunnel(TunnelType::Ipip);
    let second = |vs: &mut VirtualServer| vs.real_servers[1].lvs_method = tunnel;
    assert_eq!(
        reason(&second),
        "the userspace plane forwards by NAT only, 10.0.0.2:8080 wants TUN"
    );
    let sorry = |vs: &mut VirtualServer| {
        let (address, lvs_method) = (address("127.0.0.1:80"), ForwardingMethod::DirectRoute);
        vs.sorry_server = Some(SorryServer {
            address,
            lvs_method,
            inhibit: false,
        });
    };
    assert!(reason(&sorry).contains("127.0.0.1:80 wants DR"));
}
