//! One virtual server: what becomes of it when its real servers come and go.
//!
//! State is changed first, step by step in keepalived's order; after each step the plane is made what
//! [`VirtualServer::wanted`] says, so that no path can program something else than the state. What a reload and the
//! end of the program do is in `change`.

mod change;

use std::collections::BTreeMap;
use std::time::Instant;

use super::checker::Verdict;
use super::forwarding::{Forwarding, Wanted};
use super::quorum::{Quorum, QuorumChange};
use super::real_server::{RealServer, Registrar};
use super::{
    Action, Actions, Announcement, Event, Mail, MailAbout, Notification, Outcome, Passed, Subject,
    VirtualServerSnapshot,
};
use crate::config;
use crate::lvs::{self, Service, ServiceKey};
use crate::types::{ScriptCommand, ServerAddress, Weight};

/// Where a step writes to.
pub(super) struct Step<'a> {
    pub(super) forwarding: &'a mut Forwarding,
    pub(super) actions: &'a mut Actions,
}

impl Step<'_> {
    fn log(&mut self, event: Event) {
        self.actions.push(Action::Log(event));
    }

    fn announce(&mut self, announcement: Announcement) {
        self.actions.push(Action::Announce(announcement));
    }

    fn mail(&mut self, mail: Mail) {
        self.actions.push(Action::Mail(mail));
    }

    fn notify(&mut self, subject: String, command: Option<&ScriptCommand>) {
        if let Some(command) = command {
            self.actions.push(Action::Notify(Notification {
                subject,
                command: command.clone(),
            }));
        }
    }
}

#[derive(Debug)]
pub(super) struct VirtualServer {
    pub(super) key: ServiceKey,
    config: config::VirtualServer,
    /// Why the plane cannot carry it: then it has no real servers here and programs nothing.
    degraded: Option<String>,
    quorum_up: bool,
    sorry_server_active: bool,
    pub(super) real_servers: Vec<RealServer>,
}

pub(super) fn key_of(config: &config::VirtualServer) -> ServiceKey {
    ServiceKey {
        address: config.address,
        protocol: config.protocol,
    }
}

impl VirtualServer {
    /// One that the plane does not carry.
    pub(super) fn degraded(
        config: config::VirtualServer,
        reason: String,
        step: &mut Step<'_>,
    ) -> Self {
        let key = key_of(&config);
        step.log(Event::Degraded {
            virtual_server: key,
            reason: reason.clone(),
        });
        step.forwarding.program(key, None, step.actions);
        Self {
            key,
            config,
            degraded: Some(reason),
            quorum_up: false,
            sorry_server_active: false,
            real_servers: Vec::new(),
        }
    }

    /// One that the plane carries: programs it, or goes on with what an earlier process has left, and starts its
    /// checkers.
    pub(super) fn new(
        config: config::VirtualServer,
        registrar: &mut Registrar<'_>,
        step: &mut Step<'_>,
    ) -> Self {
        let key = key_of(&config);
        let mut virtual_server = Self {
            key,
            degraded: None,
            quorum_up: false,
            sorry_server_active: false,
            real_servers: (config.real_servers.iter().cloned())
                .map(RealServer::new)
                .collect(),
            config,
        };
        let resumed = virtual_server.resume(step);
        virtual_server.program(step);
        virtual_server.update_quorum(step);
        for real_server in &mut virtual_server.real_servers {
            let of = subject(key, real_server.config.address);
            real_server.register(resumed, of, registrar, step.actions);
        }
        virtual_server
    }

    /// Takes over what an earlier process has left. False if there is nothing.
    fn resume(&mut self, step: &mut Step<'_>) -> bool {
        let Some((_, programmed)) = step.forwarding.inherit(self.key) else {
            return false;
        };
        for real_server in &mut self.real_servers {
            real_server.resume(programmed.get(&real_server.config.address));
        }
        let sorry_server = self.config.sorry_server.and_then(|sorry_server| {
            let own_entry = !self.duplicates_sorry_server(sorry_server.address);
            programmed.get(&sorry_server.address).filter(|_| own_entry)
        });
        self.sorry_server_active = sorry_server.is_some_and(|entry| entry.weight > Weight::ZERO);
        self.quorum_up = !self.sorry_server_active && self.quorum().holds(self.live_weight());
        let alive = self.real_servers.iter().filter(|rs| rs.alive).count();
        step.log(Event::Resumed {
            virtual_server: self.key,
            alive,
            real_servers: self.real_servers.len(),
        });
        true
    }

    fn duplicates_sorry_server(&self, address: ServerAddress) -> bool {
        (self.real_servers.iter()).any(|rs| rs.config.address == address)
    }

    pub(super) fn degraded_reason(&self) -> Option<&str> {
        self.degraded.as_deref()
    }

    /// A check of `real_server` has ended.
    pub(super) fn check_finished(
        &mut self,
        place: (usize, usize),
        outcome: Outcome,
        now: Instant,
        step: &mut Step<'_>,
    ) {
        let (real_server, checker) = place;
        if let Outcome::Passed(Passed::Script { weight }) = outcome {
            self.script_weight(place, weight, step);
        }
        let Some((of, checker)) = self.checker(real_server, checker) else {
            return;
        };
        let verdict = checker.finish(outcome, of, now, step.actions);
        self.concluded(place, verdict, step);
    }

    /// The time of a checker has come.
    pub(super) fn poll(&mut self, place: (usize, usize), now: Instant, step: &mut Step<'_>) {
        let Some((of, checker)) = self.checker(place.0, place.1) else {
            return;
        };
        if let Some(verdict) = checker.poll(of, now, step.actions) {
            self.concluded(place, verdict, step);
        }
    }

    fn checker(
        &mut self,
        real_server: usize,
        checker: usize,
    ) -> Option<(Subject, &mut super::checker::Checker)> {
        let key = self.key;
        let real_server = self.real_servers.get_mut(real_server)?;
        let of = subject(key, real_server.config.address);
        Some((of, real_server.checkers.get_mut(checker)?))
    }

    /// `misc_dynamic`: the script says the weight; status 0 says the configured one.
    fn script_weight(
        &mut self,
        (real_server, checker): (usize, usize),
        weight: Option<Weight>,
        step: &mut Step<'_>,
    ) {
        let key = self.key;
        let Some(real_server) = self.real_servers.get_mut(real_server) else {
            return;
        };
        let dynamic = real_server.checkers.get(checker).is_some_and(|checker| {
            matches!(&checker.config().kind, config::CheckerKind::MiscCheck(misc) if misc.misc_dynamic)
        });
        let weight = weight.unwrap_or(real_server.config.weight);
        if !dynamic || weight == real_server.weight {
            return;
        }
        let of = subject(key, real_server.config.address);
        real_server.set_weight(weight, of, step.actions);
        self.program(step);
        self.update_quorum(step);
    }

    fn concluded(
        &mut self,
        (index, checker): (usize, usize),
        verdict: Verdict,
        step: &mut Step<'_>,
    ) {
        match verdict {
            Verdict::Unchanged => {}
            Verdict::Confirmed => {
                let Some(real_server) = self.real_servers.get(index) else {
                    return;
                };
                // keepalived: a first result is told even if it only confirms what was assumed, unless nobody
                // doubted it.
                let told = (real_server.checkers.get(checker))
                    .is_some_and(|checker| checker.config().alpha || !checker.is_up());
                if told {
                    self.tell(real_server, step);
                    self.mail_about_checker((index, checker), true, step);
                }
            }
            Verdict::WentUp | Verdict::WentDown => {
                let decides = self.update_alive(index, step);
                self.mail_about_checker((index, checker), decides, step);
                self.update_quorum(step);
            }
        }
    }

    fn mail_about_checker(
        &self,
        (index, checker): (usize, usize),
        decides: bool,
        step: &mut Step<'_>,
    ) {
        let Some(real_server) = self.real_servers.get(index) else {
            return;
        };
        let checker = real_server.checkers.get(checker);
        let Some(checker) = checker.filter(|_| real_server.config.options.smtp_alert) else {
            return;
        };
        let result = if checker.is_up() {
            Ok(())
        } else {
            Err(checker.last_failure())
        };
        let of = subject(self.key, real_server.config.address);
        step.mail(Mail::of_checker(of, decides, checker.method(), result));
    }

    /// Makes the real server what its checkers say; tells whether that is something else than before.
    fn update_alive(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        let key = self.key;
        let Some(real_server) = self.real_servers.get_mut(index) else {
            return false;
        };
        let alive = real_server.passes();
        if alive == real_server.alive {
            return false;
        }
        real_server.alive = alive;
        let of = subject(key, real_server.config.address);
        let inhibit_on_failure = real_server.config.inhibit_on_failure;
        step.log(if alive {
            Event::ServiceAdded {
                of,
                inhibit_on_failure,
            }
        } else {
            Event::ServiceRemoved {
                of,
                inhibit_on_failure,
            }
        });
        self.program(step);
        if let Some(real_server) = self.real_servers.get(index) {
            self.tell(real_server, step);
        }
        true
    }

    /// Runs notify_up or notify_down.
    fn tell(&self, real_server: &RealServer, step: &mut Step<'_>) {
        let script = if real_server.alive {
            &real_server.config.notify_up
        } else {
            &real_server.config.notify_down
        };
        let of = subject(self.key, real_server.config.address);
        step.notify(of.to_string(), script.as_ref());
        let is_up = real_server.alive;
        step.announce(Announcement::RealServer { of, is_up });
    }

    /// `why` is for mail.
    fn notify_quorum(&self, why: String, step: &mut Step<'_>) {
        let script = if self.quorum_up {
            &self.config.quorum_up
        } else {
            &self.config.quorum_down
        };
        step.notify(self.key.to_string(), script.as_ref());
        step.announce(Announcement::VirtualServer {
            virtual_server: self.key,
            is_up: self.quorum_up,
        });
        if self.config.options.smtp_alert {
            step.mail(Mail {
                about: MailAbout::VirtualServer(self.key),
                is_up: self.quorum_up,
                text: why,
            });
        }
    }

    /// Gains or loses the quorum; brings in or takes out the sorry server. One that should be in and is not, at a
    /// start or after a reload, is brought in without a loss.
    fn update_quorum(&mut self, step: &mut Step<'_>) {
        let weight = self.live_weight();
        let sorry_server_missing =
            !self.quorum_up && self.config.sorry_server.is_some() && !self.sorry_server_active;
        match self.quorum().change(self.quorum_up, weight) {
            QuorumChange::Gained => self.gain_quorum(weight, step),
            QuorumChange::Lost => self.lose_quorum(weight, step),
            QuorumChange::Unchanged if sorry_server_missing => self.lose_quorum(weight, step),
            QuorumChange::Unchanged => {}
        }
    }

    fn gain_quorum(&mut self, weight: u64, step: &mut Step<'_>) {
        let virtual_server = self.key;
        self.quorum_up = true;
        step.log(Event::QuorumGained {
            virtual_server,
            quorum: self.config.quorum,
            hysteresis: self.config.hysteresis,
            weight,
        });
        if std::mem::take(&mut self.sorry_server_active) {
            if let Some(sorry_server) = self.config.sorry_server {
                step.log(Event::SorryServerRemoved {
                    of: subject(virtual_server, sorry_server.address),
                    inhibit: sorry_server.inhibit,
                });
            }
            step.log(Event::AliveServersAdded { virtual_server });
            self.program(step);
        }
        let Quorum { quorum, hysteresis } = self.quorum();
        let threshold = self.quorum().gain_threshold();
        let why = format!("Gained quorum {quorum}+{hysteresis}={threshold} <= {weight}");
        self.notify_quorum(why, step);
    }

    fn lose_quorum(&mut self, weight: u64, step: &mut Step<'_>) {
        let virtual_server = self.key;
        let at_start = !std::mem::take(&mut self.quorum_up);
        step.log(Event::QuorumLost {
            virtual_server,
            quorum: self.config.quorum,
            hysteresis: self.config.hysteresis,
            weight,
            at_start,
        });
        if let Some(sorry_server) = self
            .config
            .sorry_server
            .filter(|_| !self.sorry_server_active)
        {
            step.log(Event::SorryServerAdded {
                of: subject(virtual_server, sorry_server.address),
                inhibit: sorry_server.inhibit,
            });
            step.log(Event::AliveServersRemoved { virtual_server });
            self.sorry_server_active = true;
            self.program(step);
        }
        let Quorum { quorum, hysteresis } = self.quorum();
        let threshold = self.quorum().loss_threshold();
        let why = format!("Lost quorum {quorum}-{hysteresis}={threshold} > {weight}");
        self.notify_quorum(why, step);
    }

    fn quorum(&self) -> Quorum {
        Quorum {
            quorum: self.config.quorum,
            hysteresis: self.config.hysteresis,
        }
    }

    fn live_weight(&self) -> u64 {
        self.real_servers.iter().map(RealServer::live_weight).sum()
    }

    /// What the plane should hold, by the state alone.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        if self.degraded.is_some() {
            return None;
        }
        let service = Service {
            scheduler: self.config.lvs_sched,
            persistence_timeout: self.config.persistence_timeout,
        };
        let mut entries: BTreeMap<ServerAddress, lvs::RealServer> = (self.real_servers.iter())
            .filter_map(|real_server| real_server.wanted(self.sorry_server_active))
            .map(|entry| (entry.address, entry))
            .collect();
        if let Some(sorry_server) = self.config.sorry_server {
            let entry = |weight| lvs::RealServer {
                address: sorry_server.address,
                weight,
                method: sorry_server.lvs_method,
            };
            if self.sorry_server_active {
                entries.insert(sorry_server.address, entry(Weight::ONE));
            } else if sorry_server.inhibit {
                // A real server of the same address has the say.
                entries
                    .entry(sorry_server.address)
                    .or_insert_with(|| entry(Weight::ZERO));
            }
        }
        Some((service, entries))
    }

    fn program(&self, step: &mut Step<'_>) {
        step.forwarding
            .program(self.key, self.wanted(), step.actions);
    }

    pub(super) fn snapshot(&self, now: Instant) -> VirtualServerSnapshot {
        VirtualServerSnapshot {
            key: self.key,
            quorum_up: self.quorum_up,
            sorry_server_active: self.sorry_server_active,
            degraded: self.degraded.clone(),
            real_servers: (self.real_servers.iter())
                .map(|real_server| real_server.snapshot(now))
                .collect(),
        }
    }
}

fn subject(virtual_server: ServiceKey, real_server: ServerAddress) -> Subject {
    Subject {
        virtual_server,
        real_server,
    }
}
