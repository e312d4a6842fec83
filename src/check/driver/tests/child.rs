//! The whole child with a plane that remembers what it was told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{SOON, options, shell};
use crate::check::Ownership;
use crate::check::driver::run::{ownership, plane_line, run_with};
use crate::check::driver::{DriverError, Order, Report};
use crate::config::{Checker, CheckerKind, Config, RealServer, VirtualServer};
use crate::lvs::driver::{ForwardingPlane, Plane, PlaneChoice, PlaneError, PlaneErrorKind};
use crate::lvs::{Command, Table};
use crate::types::{ForwardingMethod, Protocol, Scheduler, ScriptCommand, ServerAddress, Weight};

#[derive(Debug, Default)]
struct State {
    table: Table,
    commands: Vec<Command>,
    connections: usize,
    /// Answers nothing any more.
    hangs: bool,
    /// Cannot be connected to.
    away: bool,
}

/// A plane in this process; all its connections share it.
#[derive(Clone, Debug, Default)]
struct FakePlane {
    state: Arc<Mutex<State>>,
    ends: Arc<Notify>,
}

impl FakePlane {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("nobody panicked"))
    }

    fn connect(&self) -> Result<Self, PlaneError> {
        self.with(|state| {
            if state.away {
                return Err(error(PlaneErrorKind::Unavailable));
            }
            state.connections += 1;
            Ok(self.clone())
        })
    }

    fn real_servers(&self) -> Vec<(SocketAddr, u32)> {
        self.with(|state| {
            let servers = state
                .table
                .services
                .values()
                .flat_map(|(_, rs)| rs.values());
            servers
                .map(|rs| (rs.address.into(), rs.weight.get()))
                .collect()
        })
    }

    /// Of the services.
    fn ports(&self) -> Vec<u16> {
        self.with(|state| {
            state
                .table
                .services
                .keys()
                .map(|key| key.address.port)
                .collect()
        })
    }

    /// Waits for what must become true.
    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            assert!(started.elapsed() < SOON, "{what}: {self:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn error(kind: PlaneErrorKind) -> PlaneError {
    PlaneError {
        kind,
        attempted: "connecting to the plane".to_owned(),
        reason: "not now".to_owned(),
    }
}

impl ForwardingPlane for FakePlane {
    async fn apply(&mut self, commands: &[Command]) -> Vec<PlaneError> {
        if self.with(|state| state.hangs) {
            std::future::pending::<()>().await;
        }
        self.with(|state| {
            for command in commands {
                state.table.apply(command);
                state.commands.push(*command);
            }
        });
        Vec::new()
    }

    async fn dump(&mut self) -> Result<Table, PlaneError> {
        Ok(self.with(|state| state.table.clone()))
    }

    fn cannot_carry(&self, virtual_server: &VirtualServer) -> Option<String> {
        (virtual_server.lvs_sched == Scheduler::Sed).then(|| "no sed here".to_owned())
    }

    async fn lost(&mut self) {
        self.ends.notified().await;
    }
}

struct Child {
    orders: mpsc::Sender<Order>,
    reports: mpsc::UnboundedReceiver<Report>,
    task: JoinHandle<Result<(), DriverError>>,
}

impl Child {
    fn start(config: Config, plane: &FakePlane) -> Self {
        Self::start_on(Ownership::Shared, config, plane)
    }

    fn start_on(ownership: Ownership, config: Config, plane: &FakePlane) -> Self {
        let (orders, received) = mpsc::channel(8);
        let (reporter, reports) = mpsc::unbounded_channel();
        let plane = plane.clone();
        let task = tokio::task::spawn_local(async move {
            run_with(
                Box::new(config),
                ownership,
                async || plane.connect(),
                received,
                reporter,
            )
            .await
        });
        Self {
            orders,
            reports,
            task,
        }
    }

    async fn order(&self, order: Order) {
        self.orders.send(order).await.expect("it listens");
    }

    async fn report(&mut self) -> Report {
        let report = tokio::time::timeout(SOON, self.reports.recv()).await;
        report.expect("in time").expect("a report")
    }

    async fn end(self) -> Result<(), DriverError> {
        let end = tokio::time::timeout(SOON, self.task).await;
        end.expect("in time").expect("no panic")
    }
}

fn checker(kind: CheckerKind) -> Checker {
    Checker {
        kind,
        delay_loop: Duration::from_millis(200),
        retry: 0,
        delay_before_retry: Duration::from_millis(200),
        warmup: Duration::ZERO,
        alpha: false,
        log_all_failures: false,
    }
}

fn real_server(address: SocketAddr) -> RealServer {
    RealServer {
        pending_checkers: Vec::new(),
        options: crate::config::RealServerOptions::default(),
        address: ServerAddress::new(address.ip(), address.port()),
        weight: Weight::ONE,
        lvs_method: ForwardingMethod::Nat,
        inhibit_on_failure: false,
        notify_up: None,
        notify_down: None,
        checkers: vec![checker(CheckerKind::TcpCheck(options(address)))],
    }
}

fn config(real_servers: Vec<RealServer>) -> Config {
    Config {
        virtual_servers: vec![VirtualServer {
            target: crate::config::ServiceTarget::Address,
            options: crate::config::ServiceOptions::default(),
            address: ServerAddress::new("192.0.2.1".parse().expect("address"), 80),
            protocol: Protocol::Tcp,
            lvs_sched: Scheduler::Rr,
            lvs_method: ForwardingMethod::Nat,
            persistence_timeout: None,
            quorum: 1,
            hysteresis: 0,
            quorum_up: None,
            quorum_down: None,
            omega: false,
            sorry_server: None,
            real_servers,
        }],
        ..Config::default()
    }
}

/// One that listens, and one that does not.
async fn two_servers() -> (TcpListener, SocketAddr, SocketAddr) {
    let up = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let down = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let addresses = [&up, &down].map(|listener| listener.local_addr().expect("address"));
    (up, addresses[0], addresses[1])
}

async fn local<T>(test: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().run_until(test).await
}

#[test]
fn the_choice_of_the_plane_is_said_in_one_line() {
    let rows = [
        (
            Plane::Ipvs,
            "lvs_plane auto: the kernel has IPVS",
            "Virtual servers are carried by IPVS (lvs_plane auto: the kernel has IPVS)",
        ),
        (
            Plane::Userspace,
            "lvs_plane auto: the kernel has no IPVS",
            "Virtual servers are carried by the userspace plane (lvs_plane auto: the kernel has no IPVS)",
        ),
    ];
    for (plane, reason, line) in rows {
        let reason = reason.to_owned();
        assert_eq!(
            plane_line(&PlaneChoice {
                plane,
                reason,
                net_namespace: None
            }),
            line
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_dead_server_leaves_a_living_one_stays_and_the_stop_takes_all() {
    local(async {
        let (_up, good, bad) = two_servers().await;
        let plane = FakePlane::default();
        let servers = vec![real_server(good), real_server(bad)];
        let mut child = Child::start(config(servers.clone()), &plane);
        assert_eq!(child.report().await, Report::Ready);
        plane
            .until("both in", |plane| plane.real_servers().len() == 2)
            .await;
        plane
            .until("one out", |plane| plane.real_servers() == [(good, 1)])
            .await;

        let before = plane.with(|state| state.commands.len());
        child
            .order(Order::Reload(Box::new(config(servers.clone()))))
            .await;
        assert_eq!(child.report().await, Report::Reloaded);
        assert_eq!(
            plane.with(|state| state.commands.len()),
            before,
            "nothing differs"
        );

        let mut drained = servers;
        drained[0].weight = Weight::ZERO;
        child.order(Order::Reload(Box::new(config(drained)))).await;
        assert_eq!(child.report().await, Report::Reloaded);
        plane
            .until("drained", |plane| plane.real_servers() == [(good, 0)])
            .await;
        let last = plane.with(|state| state.commands.split_off(before));
        assert!(
            matches!(last[..], [Command::EditRealServer { .. }]),
            "{last:?}"
        );

        child.order(Order::Stop).await;
        child.end().await.expect("a regular end");
        assert!(plane.with(|state| state.table.services.is_empty()));
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_successor_goes_on_where_the_child_left() {
    local(async {
        let (_up, good, bad) = two_servers().await;
        let plane = FakePlane::default();
        let config = config(vec![real_server(good), real_server(bad)]);
        let mut child = Child::start(config.clone(), &plane);
        assert_eq!(child.report().await, Report::Ready);
        plane
            .until("one out", |plane| plane.real_servers() == [(good, 1)])
            .await;
        child.order(Order::Leave).await;
        child.end().await.expect("a regular end");
        assert_eq!(plane.real_servers(), [(good, 1)], "forwarding goes on");

        let before = plane.with(|state| state.commands.len());
        let mut successor = Child::start(config, &plane);
        assert_eq!(successor.report().await, Report::Ready);
        let back = TcpListener::bind(bad).await.expect("bind");
        plane
            .until("back in", |plane| plane.real_servers().len() == 2)
            .await;
        let commands = plane.with(|state| state.commands.split_off(before));
        assert!(
            matches!(commands[..], [Command::AddRealServer { .. }]),
            "{commands:?}"
        );
        drop(back);
        // The end of the orders is the end of the parent.
        drop(successor.orders);
        assert!(successor.task.await.expect("no panic").is_ok());
        assert_eq!(plane.real_servers().len(), 2);
    })
    .await;
}

#[test]
fn only_our_own_data_plane_is_ours_alone() {
    assert_eq!(ownership(Plane::Userspace), Ownership::Exclusive);
    assert_eq!(ownership(Plane::Ipvs), Ownership::Shared);
}

#[tokio::test(flavor = "current_thread")]
async fn a_successor_clears_an_exclusive_plane_of_what_is_not_configured() {
    local(async {
        let plane = FakePlane::default();
        let first = config(Vec::new());
        let mut other = first.clone();
        other.virtual_servers[0].address.port = 81;
        let start = async |ownership, config: &Config| {
            let mut child = Child::start_on(ownership, config.clone(), &plane);
            assert_eq!(child.report().await, Report::Ready);
            let wanted = config.virtual_servers[0].address.port;
            let holds = |plane: &FakePlane| plane.ports().contains(&wanted);
            plane.until("programmed", holds).await;
            child
        };
        let child = start(Ownership::Shared, &first).await;
        child.order(Order::Leave).await;
        child.end().await.expect("a regular end");

        let child = start(Ownership::Shared, &other).await;
        assert_eq!(plane.ports(), [80, 81], "it may be anybody's");
        child.order(Order::Leave).await;
        child.end().await.expect("a regular end");

        let child = start(Ownership::Exclusive, &other).await;
        plane.until("cleared", |plane| plane.ports() == [81]).await;
        child.order(Order::Leave).await;
        child.end().await.expect("a regular end");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_plane_that_restarts_is_programmed_again_at_once() {
    local(async {
        let (_up, good, _) = two_servers().await;
        let plane = FakePlane::default();
        let mut child = Child::start(config(vec![real_server(good)]), &plane);
        assert_eq!(child.report().await, Report::Ready);
        plane
            .until("in", |plane| plane.real_servers() == [(good, 1)])
            .await;

        plane.with(|state| {
            state.table = Table::default();
            state.away = true;
        });
        plane.ends.notify_one();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let back = Instant::now();
        plane.with(|state| state.away = false);
        plane
            .until("in again", |plane| plane.real_servers() == [(good, 1)])
            .await;
        assert!(
            back.elapsed() < Duration::from_secs(1),
            "{:?}",
            back.elapsed()
        );
        assert_eq!(plane.with(|state| state.connections), 2);
        child.order(Order::Leave).await;
        child.end().await.expect("a regular end");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_plane_that_hangs_keeps_nobody_from_answering_the_parent() {
    local(async {
        let (_up, good, _) = two_servers().await;
        let plane = FakePlane::default();
        plane.with(|state| state.hangs = true);
        let mut child = Child::start(config(vec![real_server(good)]), &plane);
        assert_eq!(child.report().await, Report::Ready);
        let (answer, answered) = oneshot::channel();
        child.order(Order::Hello(answer)).await;
        tokio::time::timeout(SOON, answered)
            .await
            .expect("in time")
            .expect("an answer");
        let (answer, answered) = oneshot::channel();
        child.order(Order::Snapshot(answer)).await;
        let snapshot = answered.await.expect("an answer");
        assert!(snapshot.virtual_servers[0].real_servers[0].alive);
        child.order(Order::Stop).await;
        child.end().await.expect("a regular end, after a while");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn scripts_of_the_stop_run_with_omega() {
    local(async {
        let (_up, good, _) = two_servers().await;
        let directory = tempfile::tempdir().expect("directory");
        let log = directory.path().join("log");
        let script = |word: &str| -> Option<ScriptCommand> {
            let line = format!("echo {word} >>{}", log.display());
            Some(shell(&line, SOON).misc_path)
        };
        let mut config = config(vec![RealServer {
            notify_down: script("notify_down"),
            checkers: Vec::new(),
            ..real_server(good)
        }]);
        config.virtual_servers[0].quorum_down = script("quorum_down");
        config.virtual_servers[0].omega = true;
        let plane = FakePlane::default();
        let mut child = Child::start(config, &plane);
        assert_eq!(child.report().await, Report::Ready);
        child.order(Order::Stop).await;
        child.end().await.expect("a regular end");
        let log = std::fs::read_to_string(&log).expect("log");
        let mut words: Vec<&str> = log.lines().collect();
        words.sort_unstable();
        assert_eq!(words, ["notify_down", "quorum_down"]);
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_plane_cannot_carry_is_degraded_and_nothing_else() {
    local(async {
        let (_up, good, _) = two_servers().await;
        let mut config = config(vec![real_server(good)]);
        let mut degraded = config.virtual_servers[0].clone();
        degraded.address.port = 81;
        degraded.lvs_sched = Scheduler::Sed;
        config.virtual_servers.insert(0, degraded);
        let plane = FakePlane::default();
        let mut child = Child::start(config, &plane);
        assert_eq!(child.report().await, Report::Ready);
        plane
            .until("one in", |plane| plane.real_servers() == [(good, 1)])
            .await;
        let (answer, answered) = oneshot::channel();
        child.order(Order::Snapshot(answer)).await;
        let snapshot = answered.await.expect("an answer");
        let degraded = snapshot.virtual_servers[0].degraded.as_deref();
        assert_eq!(degraded, Some("no sed here"));
        child.order(Order::Leave).await;
        child.end().await.expect("a regular end");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn without_permission_the_child_ends_with_status_4() {
    let (_orders, received) = mpsc::channel(1);
    let (reporter, _reports) = mpsc::unbounded_channel();
    let refuse = async || Err::<FakePlane, _>(error(PlaneErrorKind::NotPermitted));
    let end = run_with(
        Box::default(),
        Ownership::Shared,
        refuse,
        received,
        reporter,
    )
    .await;
    let error = end.expect_err("no plane");
    assert!(matches!(error, DriverError::Permission(_)), "{error}");
}
