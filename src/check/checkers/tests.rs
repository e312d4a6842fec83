//! Any sequence of results, reloads, restarts and troubles with the plane keeps the invariants. Single rules are in the
//! recorded steps.

use proptest::prelude::*;

use super::*;
use crate::check::{CheckId, Failure, Passed};
use crate::config::{
    Checker, CheckerKind, MiscCheck, RealServer, RealServerOptions, ServiceOptions, ServiceTarget,
    SorryServer,
};
use crate::lvs::Service;
use crate::types::{ForwardingMethod, Protocol, Scheduler, ScriptCommand, ServerAddress, Weight};

#[derive(Clone, Debug)]
enum Op {
    /// The n-th of the running checks ends.
    Pass(usize, Option<u32>),
    Fail(usize),
    Wait(u64),
    Reload(Box<Config>),
    /// The identical configuration.
    ReloadSame,
    Restart,
    /// The plane restarts with nothing in it.
    PlaneRestarts,
    /// The plane refuses commands from now on, or no longer.
    PlaneRefuses(bool),
}

fn server(host: u8) -> ServerAddress {
    ServerAddress::new([10, 0, 0, host].into(), 80)
}

fn checker() -> impl Strategy<Value = Checker> {
    (1_u64..5, 0_u32..3, any::<bool>(), any::<bool>()).prop_map(|(delay, retry, alpha, dynamic)| {
        Checker {
            kind: CheckerKind::MiscCheck(MiscCheck {
                misc_path: ScriptCommand {
                    argv: vec![format!("/check-{retry}")],
                    user: None,
                    ..ScriptCommand::default()
                },
                misc_timeout: Duration::from_secs(delay),
                misc_dynamic: dynamic,
            }),
            delay_loop: Duration::from_secs(delay),
            retry,
            delay_before_retry: Duration::from_secs(1),
            warmup: Duration::ZERO,
            alpha,
            log_all_failures: false,
        }
    })
}

fn real_server() -> impl Strategy<Value = (u32, bool, Vec<Checker>)> {
    (
        1_u32..4,
        any::<bool>(),
        prop::collection::vec(checker(), 0..3),
    )
}

fn virtual_server(port: u16) -> impl Strategy<Value = config::VirtualServer> {
    let servers = prop::collection::vec(prop::option::of(real_server()), 1..4);
    let sorry = prop::option::of((any::<bool>(), 200_u8..202));
    (servers, 1_u32..6, 0_u32..3, sorry, any::<bool>()).prop_map(
        move |(servers, quorum, hysteresis, sorry, rr)| config::VirtualServer {
            target: ServiceTarget::Address,
            options: ServiceOptions::default(),
            address: ServerAddress::new([192, 0, 2, 1].into(), port),
            protocol: Protocol::Tcp,
            lvs_sched: if rr { Scheduler::Rr } else { Scheduler::Wlc },
            lvs_method: ForwardingMethod::Nat,
            persistence_timeout: None,
            quorum,
            hysteresis: hysteresis.min(quorum - 1),
            quorum_up: None,
            quorum_down: None,
            omega: false,
            sorry_server: sorry.map(|(inhibit, host)| SorryServer {
                address: server(host),
                lvs_method: ForwardingMethod::Nat,
                inhibit,
            }),
            real_servers: (1..)
                .zip(servers)
                .filter_map(|(host, real_server)| {
                    let (weight, inhibit_on_failure, checkers) = real_server?;
                    Some(RealServer {
                        pending_checkers: Vec::new(),
                        options: RealServerOptions::default(),
                        address: server(host),
                        weight: Weight::new(weight)?,
                        lvs_method: ForwardingMethod::Nat,
                        inhibit_on_failure,
                        notify_up: None,
                        notify_down: None,
                        checkers,
                    })
                })
                .collect(),
        },
    )
}

fn config() -> impl Strategy<Value = Config> {
    let servers = (prop::option::of(virtual_server(80)), virtual_server(81));
    servers.prop_map(|(first, second)| Config {
        virtual_servers: first.into_iter().chain([second]).collect(),
        ..Config::default()
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (any::<usize>(), prop::option::of(0_u32..4)).prop_map(|(n, weight)| Op::Pass(n, weight)),
        6 => any::<usize>().prop_map(Op::Fail),
        8 => (0_u64..4000).prop_map(Op::Wait),
        1 => config().prop_map(|config| Op::Reload(Box::new(config))),
        1 => Just(Op::ReloadSame),
        1 => Just(Op::Restart),
        1 => Just(Op::PlaneRestarts),
        1 => any::<bool>().prop_map(Op::PlaneRefuses),
    ]
}

struct Lab {
    now: Instant,
    config: Config,
    checkers: Checkers,
    plane: Table,
    ownership: Ownership,
    /// In a shared plane, what must stay as it is: services of others, and those of ours that were still there at
    /// a restart although a reload had dropped them. Nothing tells these from those. Empty for an exclusive plane.
    foreign: Table,
    refuses: bool,
    running: Vec<CheckId>,
    /// Commands since the last look.
    programmed: usize,
}

impl Lab {
    fn new(config: Config, ownership: Ownership) -> Self {
        let now = Instant::now();
        let plane = plane_with_somebodys_service();
        let nothing = BTreeMap::new();
        let (checkers, actions) = Checkers::new(
            &config,
            &plane,
            ownership,
            &nothing,
            &mut |warmup| warmup,
            now,
        );
        let mut lab = Self {
            now,
            config,
            checkers,
            plane,
            ownership,
            foreign: Table::default(),
            refuses: false,
            running: Vec::new(),
            programmed: 0,
        };
        lab.find_foreign();
        lab.act(actions);
        lab
    }

    /// At a start, before anything is done.
    fn find_foreign(&mut self) {
        self.foreign = match self.ownership {
            Ownership::Exclusive => Table::default(),
            Ownership::Shared => self.plane.clone(),
        };
        self.claim_configured();
    }

    /// What is configured is ours from now on, whoever made it.
    fn claim_configured(&mut self) {
        for virtual_server in &self.config.virtual_servers {
            self.foreign.services.remove(&key_of(virtual_server));
        }
    }

    fn act(&mut self, actions: Actions) {
        let mut answers = Vec::new();
        for action in actions {
            match action {
                Action::StartCheck { check, .. } => {
                    let same = |running: &&CheckId| running.checker == check.checker;
                    assert!(!self.running.iter().any(|r| same(&r)), "one run at a time");
                    self.running.push(check);
                }
                Action::CancelCheck { check } => {
                    let position = self.running.iter().position(|running| *running == check);
                    self.running
                        .remove(position.expect("only what runs is cancelled"));
                }
                Action::Program(commands) => {
                    assert!(!commands.is_empty());
                    self.programmed += commands.len();
                    let failures = if self.refuses {
                        commands.iter().map(ToString::to_string).collect()
                    } else {
                        commands
                            .iter()
                            .for_each(|command| self.plane.apply(command));
                        Vec::new()
                    };
                    answers.push(Input::Applied { failures });
                }
                Action::ReadBack => answers.push(Input::ReadBack(self.plane.clone())),
                Action::Notify(_) | Action::Announce(_) | Action::Mail(_) | Action::Log(_) => {}
            }
        }
        for answer in answers {
            self.input(answer);
        }
    }

    fn input(&mut self, input: Input) {
        let actions = self.checkers.handle(input, self.now);
        self.act(actions);
    }

    fn finish(&mut self, n: usize, outcome: Outcome) {
        if !self.running.is_empty() {
            let check = self.running.remove(n % self.running.len());
            self.input(Input::CheckFinished { check, outcome });
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.checkers.next_timeout().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.input(Input::Timeout);
            let next = self.checkers.next_timeout();
            assert!(next.is_none_or(|next| next > self.now), "no busy loop");
        }
        self.now = end;
    }

    fn reload(&mut self) {
        self.claim_configured();
        let nothing = BTreeMap::new();
        let actions =
            (self.checkers).reload(&self.config, &nothing, &mut |warmup| warmup, self.now);
        self.act(actions);
    }

    fn restart(&mut self) {
        self.running.clear();
        self.find_foreign();
        let nothing = BTreeMap::new();
        let (checkers, actions) = Checkers::new(
            &self.config,
            &self.plane,
            self.ownership,
            &nothing,
            &mut |warmup| warmup,
            self.now,
        );
        self.checkers = checkers;
        self.act(actions);
    }

    fn carry_out(&mut self, op: Op) {
        self.programmed = 0;
        match op {
            Op::Pass(n, weight) => {
                let weight = weight.and_then(Weight::new);
                self.finish(n, Outcome::Passed(Passed::Script { weight }));
            }
            Op::Fail(n) => self.finish(n, Outcome::Failed(Failure::ScriptExited(1))),
            Op::Wait(millis) => self.wait(Duration::from_millis(millis)),
            Op::Reload(config) => {
                self.config = *config;
                self.reload();
            }
            Op::ReloadSame => {
                let (before, running) = (self.checkers.next_timeout(), self.running.clone());
                self.reload();
                assert_eq!(self.programmed, 0, "an identical file programs nothing");
                assert_eq!(self.running, running, "and restarts no check");
                assert_eq!(self.checkers.next_timeout(), before);
            }
            Op::Restart => {
                let converged = !self.refuses && self.checkers.trouble.retry_at.is_none();
                self.restart();
                assert!(
                    !converged || self.programmed == 0,
                    "a restart changes nothing"
                );
            }
            Op::PlaneRestarts => {
                self.plane = Table::default();
                self.foreign = Table::default();
                let reason = "gone".to_owned();
                self.input(Input::PlaneLost { reason });
            }
            Op::PlaneRefuses(refuses) => self.refuses = refuses,
        }
    }

    fn carry_out_all(&mut self, ops: impl IntoIterator<Item = Op>) {
        self.check_invariants();
        for op in ops {
            self.carry_out(op);
            self.check_invariants();
        }
    }

    /// Of the services that the plane holds.
    fn ports(&self) -> Vec<u16> {
        (self.plane.services.keys())
            .map(|key| key.address.port)
            .collect()
    }

    fn check_invariants(&self) {
        for virtual_server in &self.checkers.virtual_servers {
            for real_server in &virtual_server.real_servers {
                assert_eq!(real_server.alive, real_server.passes());
            }
        }
        let snapshot = self.checkers.snapshot(self.now);
        for virtual_server in &snapshot.virtual_servers {
            assert!(!(virtual_server.quorum_up && virtual_server.sorry_server_active));
        }
        for (key, foreign) in &self.foreign.services {
            assert_eq!(self.plane.services.get(key), Some(foreign), "hands off");
        }
        if self.refuses || self.checkers.trouble.retry_at.is_some() {
            return;
        }
        let mut wanted = self.foreign.clone();
        wanted.services.extend(
            (self.checkers.virtual_servers.iter()).filter_map(|vs| Some((vs.key, vs.wanted()?))),
        );
        assert_eq!(self.plane, wanted, "the plane holds what is wanted");
    }
}

/// Never configured here: in a shared plane it is somebody else's, in an exclusive one it is a leftover.
fn plane_with_somebodys_service() -> Table {
    let key = ServiceKey {
        address: ServerAddress::new([192, 0, 2, 1].into(), 99),
        protocol: Protocol::Tcp,
    };
    let service = Service {
        scheduler: Scheduler::Rr,
        persistence_timeout: None,
    };
    Table {
        services: BTreeMap::from([(key, (service, BTreeMap::new()))]),
    }
}

fn ownership() -> impl Strategy<Value = Ownership> {
    prop_oneof![Just(Ownership::Exclusive), Just(Ownership::Shared)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_plane_always_holds_what_the_checks_say(
        ownership in ownership(),
        first in config(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut lab = Lab::new(first, ownership);
        lab.carry_out_all(ops);
        // Once the plane obeys it converges, and in the end nothing of ours is left: of an exclusive plane nothing
        // at all.
        lab.carry_out(Op::PlaneRefuses(false));
        lab.wait(Duration::from_secs(200));
        lab.check_invariants();
        let actions = lab.checkers.stop();
        lab.act(actions);
        prop_assert_eq!(&lab.plane, &lab.foreign);
        prop_assert!(ownership == Ownership::Shared || lab.plane.services.is_empty());
        prop_assert_eq!(lab.checkers.next_timeout(), None);
    }
}

#[test]
fn what_a_reload_could_not_take_away_goes_after_a_restart_on_an_exclusive_plane() {
    let lab = restart_after_a_reload_that_could_not_take_away(Ownership::Exclusive);
    assert_eq!(lab.ports(), [81]);
}

/// IPVS keeps no mark of who made a service: the new process takes it for somebody else's.
#[test]
fn what_a_reload_could_not_take_away_stays_after_a_restart_on_a_shared_plane() {
    let mut lab = restart_after_a_reload_that_could_not_take_away(Ownership::Shared);
    assert_eq!(lab.ports(), [80, 81, 99]);
    // Configured again, it is ours again, and goes when it is dropped.
    for ports in [&[80, 81][..], &[81]] {
        lab.carry_out(Op::Reload(Box::new(bare_config(ports))));
        lab.check_invariants();
    }
    assert_eq!(lab.ports(), [81, 99]);
}

/// As long as the process that has programmed it lives, it knows what is its own.
#[test]
fn what_a_reload_could_not_take_away_goes_without_a_restart_on_any_plane() {
    for (ownership, ports) in [
        (Ownership::Exclusive, &[81][..]),
        (Ownership::Shared, &[81, 99]),
    ] {
        let mut lab = Lab::new(bare_config(&[80, 81]), ownership);
        lab.carry_out_all([
            Op::PlaneRefuses(true),
            Op::Reload(Box::new(bare_config(&[81]))),
            Op::PlaneRefuses(false),
            Op::Wait(200_000),
        ]);
        assert_eq!(lab.ports(), ports);
    }
}

fn restart_after_a_reload_that_could_not_take_away(ownership: Ownership) -> Lab {
    let mut lab = Lab::new(bare_config(&[80, 81]), ownership);
    lab.carry_out_all([
        Op::PlaneRefuses(true),
        Op::Reload(Box::new(bare_config(&[81]))),
        Op::Restart,
        Op::PlaneRefuses(false),
        Op::Wait(200_000),
    ]);
    lab
}

/// Virtual servers with nothing behind them.
fn bare_config(ports: &[u16]) -> Config {
    let virtual_server = |&port: &u16| config::VirtualServer {
        target: ServiceTarget::Address,
        options: ServiceOptions::default(),
        address: ServerAddress::new([192, 0, 2, 1].into(), port),
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
        real_servers: Vec::new(),
    };
    Config {
        virtual_servers: ports.iter().map(virtual_server).collect(),
        ..Config::default()
    }
}

#[test]
fn twenty_thousand_checkers_cost_little() {
    let checker = Checker {
        kind: CheckerKind::MiscCheck(MiscCheck {
            misc_path: ScriptCommand {
                argv: vec!["/check".to_owned()],
                user: None,
                ..ScriptCommand::default()
            },
            misc_timeout: Duration::from_secs(5),
            misc_dynamic: false,
        }),
        delay_loop: Duration::from_secs(5),
        retry: 1,
        delay_before_retry: Duration::from_secs(1),
        warmup: Duration::from_secs(5),
        alpha: false,
        log_all_failures: false,
    };
    let real_servers = |port: u16| {
        (0..20).map(move |host| RealServer {
            pending_checkers: Vec::new(),
            options: RealServerOptions::default(),
            address: ServerAddress::new([10, 0, 0, host].into(), port),
            weight: Weight::ONE,
            lvs_method: ForwardingMethod::Nat,
            inhibit_on_failure: false,
            notify_up: None,
            notify_down: None,
            checkers: Vec::new(),
        })
    };
    let config = Config {
        virtual_servers: (1..=1000)
            .map(|port| config::VirtualServer {
                target: ServiceTarget::Address,
                options: ServiceOptions::default(),
                address: ServerAddress::new([192, 0, 2, 1].into(), port),
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
                real_servers: real_servers(port)
                    .map(|real_server| RealServer {
                        checkers: vec![checker.clone()],
                        ..real_server
                    })
                    .collect(),
            })
            .collect(),
        ..Config::default()
    };
    let started = Instant::now();
    let mut lab = Lab::new(config, Ownership::Exclusive);
    for _ in 0..10 {
        lab.wait(Duration::from_secs(1));
        for check in std::mem::take(&mut lab.running) {
            let outcome = Outcome::Passed(Passed::Script { weight: None });
            lab.input(Input::CheckFinished { check, outcome });
        }
    }
    lab.carry_out(Op::ReloadSame);
    // A debug build on a busy machine; anything quadratic would take minutes.
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
}
