//! What a reload, and the end, do to a virtual server.

use std::collections::{BTreeMap, BTreeSet};

use super::{Step, VirtualServer, subject};
use crate::check::Event;
use crate::check::real_server::{RealServer, Registrar};
use crate::config;
use crate::types::ServerAddress;

/// keepalived's word in a mail.
const SHUTTING_DOWN: &str = "Shutting down";

impl VirtualServer {
    /// Takes the new configuration of the same virtual server, which the plane carried and carries.
    pub(in crate::check) fn reload(
        &mut self,
        config: config::VirtualServer,
        registrar: &mut Registrar<'_>,
        step: &mut Step<'_>,
    ) {
        let key = self.key;
        let gone = self.take_real_servers_not_in(&config, step);
        let mut before: BTreeMap<ServerAddress, RealServer> =
            (std::mem::take(&mut self.real_servers).into_iter())
                .map(|real_server| (real_server.config.address, real_server))
                .collect();
        for wanted in &config.real_servers {
            let of = subject(key, wanted.address);
            let real_server = if let Some(mut kept) = before.remove(&wanted.address) {
                kept.reload(wanted, of, registrar, step.actions);
                kept
            } else {
                let mut new = RealServer::new(wanted.clone());
                new.register(false, of, registrar, step.actions);
                new
            };
            self.real_servers.push(real_server);
        }
        self.change_sorry_server(config.sorry_server, step);
        self.config = config;
        for index in 0..self.real_servers.len() {
            self.update_alive(index, step);
        }
        // The quorum first: where one sorry server takes over from another, nobody is let in between them.
        self.update_quorum(step);
        self.program(step);
        gone.iter().for_each(|gone| self.tell(gone, step));
    }

    /// Ends the checks of those that are no longer configured; returns those whose scripts do not know yet.
    fn take_real_servers_not_in(
        &mut self,
        config: &config::VirtualServer,
        step: &mut Step<'_>,
    ) -> Vec<RealServer> {
        let wanted: BTreeSet<ServerAddress> =
            config.real_servers.iter().map(|rs| rs.address).collect();
        let (kept, mut gone): (Vec<RealServer>, Vec<RealServer>) =
            (std::mem::take(&mut self.real_servers).into_iter())
                .partition(|rs| wanted.contains(&rs.config.address));
        self.real_servers = kept;
        for real_server in &gone {
            step.log(Event::RealServerGone {
                of: subject(self.key, real_server.config.address),
            });
            self.withdraw(real_server, step);
        }
        gone.retain_mut(|real_server| std::mem::take(&mut real_server.alive));
        gone
    }

    fn withdraw(&self, real_server: &RealServer, step: &mut Step<'_>) {
        real_server.cancel_checks(step.actions);
        if real_server.wanted(self.sorry_server_active).is_some() {
            step.log(Event::RealServerUnprogrammed {
                of: subject(self.key, real_server.config.address),
                inhibited: real_server.is_inhibited(),
            });
        }
    }

    fn change_sorry_server(&mut self, wanted: Option<config::SorryServer>, step: &mut Step<'_>) {
        let Some(current) = self.config.sorry_server else {
            return;
        };
        let same = wanted.is_some_and(|wanted| wanted.address == current.address);
        if same || !std::mem::take(&mut self.sorry_server_active) {
            return;
        }
        step.log(Event::SorryServerRemoved {
            of: subject(self.key, current.address),
            inhibit: false,
        });
        if wanted.is_none() {
            step.log(Event::AliveServersAdded {
                virtual_server: self.key,
            });
        }
    }

    /// No longer configured, or no longer carried: takes everything away and tells the scripts.
    pub(in crate::check) fn remove(&mut self, step: &mut Step<'_>) {
        for real_server in &self.real_servers {
            self.withdraw(real_server, step);
        }
        let quorum_was_up = self.quorum_up;
        self.take_away(step);
        if quorum_was_up {
            self.notify_quorum(SHUTTING_DOWN.to_owned(), step);
        }
    }

    /// The program ends: takes everything away; the scripts are told only with `omega`.
    pub(in crate::check) fn stop(&mut self, step: &mut Step<'_>) {
        if self.degraded.is_some() {
            return;
        }
        let omega = self.config.omega;
        for real_server in &mut self.real_servers {
            real_server.cancel_checks(step.actions);
            step.log(Event::ServiceShutDown {
                of: subject(self.key, real_server.config.address),
                inhibited: real_server.is_inhibited(),
            });
            real_server.alive &= omega;
        }
        self.take_away(step);
        if omega {
            self.notify_quorum(SHUTTING_DOWN.to_owned(), step);
        }
    }

    /// Everything is down; tells the scripts of those that were alive.
    fn take_away(&mut self, step: &mut Step<'_>) {
        step.forwarding.program(self.key, None, step.actions);
        self.quorum_up = false;
        for mut real_server in std::mem::take(&mut self.real_servers) {
            if std::mem::take(&mut real_server.alive) {
                self.tell(&real_server, step);
            }
        }
    }
}
