//! Any sequence of results, reloads, restarts and troubles with the plane keeps the invariants. Single rules are in the
//! recorded steps.

use proptest::prelude::*;

use super::*;
use crate::check::{CheckId, Failure, Passed};
use crate::config::{Checker, CheckerKind, MiscCheck, RealServer, SorryServer};
use crate::types::{ForwardingMethod, Protocol, Scheduler, ScriptCommand, ServerAddress, Weight};

#[derive(Clone, Debug)]
enum Op {
    /// The n-th of the running checks ends.
    Pass(usize, Option<u32>),
    Fail(usize),
    Wait(u64),
    Reload(Config),
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
        1 => config().prop_map(Op::Reload),
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
    refuses: bool,
    running: Vec<CheckId>,
    /// Commands since the last look.
    programmed: usize,
}

impl Lab {
    /// The plane is nobody else's, as the userspace plane is. In IPVS a service that could not be taken away before a
    /// restart is taken for somebody else's: nothing there says whose it is.
    fn new(mut config: Config) -> Self {
        config.global_defs.lvs_flush = true;
        let now = Instant::now();
        let plane = Table::default();
        let nothing = BTreeMap::new();
        let (checkers, actions) =
            Checkers::new(&config, &plane, &nothing, &mut |warmup| warmup, now);
        let mut lab = Self {
            now,
            config,
            checkers,
            plane,
            refuses: false,
            running: Vec::new(),
            programmed: 0,
        };
        lab.act(actions);
        lab
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
                Action::Notify(_) | Action::Log(_) => {}
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
        let nothing = BTreeMap::new();
        let actions =
            (self.checkers).reload(&self.config, &nothing, &mut |warmup| warmup, self.now);
        self.act(actions);
    }

    fn restart(&mut self) {
        self.running.clear();
        let nothing = BTreeMap::new();
        let (checkers, actions) = Checkers::new(
            &self.config,
            &self.plane,
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
            Op::Reload(mut config) => {
                config.global_defs.lvs_flush = true;
                self.config = config;
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
                let reason = "gone".to_owned();
                self.input(Input::PlaneLost { reason });
            }
            Op::PlaneRefuses(refuses) => self.refuses = refuses,
        }
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
        if self.refuses || self.checkers.trouble.retry_at.is_some() {
            return;
        }
        let wanted = Table {
            services: (self.checkers.virtual_servers.iter())
                .filter_map(|vs| Some((vs.key, vs.wanted()?)))
                .collect(),
        };
        assert_eq!(self.plane, wanted, "the plane holds what is wanted");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_plane_always_holds_what_the_checks_say(
        first in config(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut lab = Lab::new(first);
        lab.check_invariants();
        for op in ops {
            lab.carry_out(op);
            lab.check_invariants();
        }
        // Once the plane obeys it converges, and in the end nothing of ours is left.
        lab.carry_out(Op::PlaneRefuses(false));
        lab.wait(Duration::from_secs(200));
        lab.check_invariants();
        let actions = lab.checkers.stop();
        lab.act(actions);
        prop_assert!(lab.plane.services.is_empty());
        prop_assert_eq!(lab.checkers.next_timeout(), None);
    }
}

#[test]
fn twenty_thousand_checkers_cost_little() {
    let checker = Checker {
        kind: CheckerKind::MiscCheck(MiscCheck {
            misc_path: ScriptCommand {
                argv: vec!["/check".to_owned()],
                user: None,
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
    let mut lab = Lab::new(config);
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
