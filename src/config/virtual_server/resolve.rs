//! From what is written to a [`VirtualServer`] (keepalived: check_data.c validate_check_config).

use super::VirtualServer;
use super::keywords::{Draft, Target};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::real_server::{Inherited, SorryServer};
use crate::types::{ForwardingMethod, Protocol, Scheduler, ServerAddress};

/// keepalived: `delay_loop` where nobody says anything.
const DEFAULT_DELAY_LOOP: std::time::Duration = std::time::Duration::from_secs(60);
const DEFAULT_PERSISTENCE: std::time::Duration = std::time::Duration::from_secs(360);

impl Draft {
    /// `None` with a complaint where there is nothing to balance.
    pub(crate) fn resolve(&self, context: &mut Context<'_>) -> Option<VirtualServer> {
        let address = self.usable_address(context)?;
        let protocol = self.protocol_or_default(address, context);
        let name = format!("Virtual server {}", address.log_name(protocol));
        let lvs_sched = self.lvs_sched.unwrap_or_else(|| {
            self.defaulted(
                context,
                format!("{name}: no scheduler set, setting default 'wlc'"),
            );
            Scheduler::default()
        });
        let lvs_method = self.lvs_method.unwrap_or_else(|| {
            self.defaulted(
                context,
                format!("{name}: no forwarding method set, setting default NAT"),
            );
            ForwardingMethod::Nat
        });
        let mut persistence_timeout = self.persistence_timeout;
        if address.port == 0 && persistence_timeout.is_none() {
            let message = format!("{name}: zero port only valid for persistent services - setting");
            context.complain(Finding::new(Code::Conflict, self.span, message));
            persistence_timeout = Some(DEFAULT_PERSISTENCE);
        }
        let mut server = VirtualServer {
            address,
            protocol,
            lvs_sched,
            lvs_method,
            persistence_timeout,
            quorum: self.quorum.map_or(1, |quorum| quorum.value),
            hysteresis: self.hysteresis.map_or(0, |hysteresis| hysteresis.value),
            quorum_up: None,
            quorum_down: None,
            omega: self.omega,
            sorry_server: self.sorry_server(address, lvs_method, context),
            real_servers: Vec::with_capacity(self.real_servers.len()),
        };
        self.add_real_servers(&mut server, context);
        if server.real_servers.is_empty() {
            let message = format!("{name} has no real servers - ignoring");
            context.complain(Finding::new(Code::NothingToDo, self.span, message));
            return None;
        }
        self.clamp_quorum(&mut server, &name, context);
        server.quorum_up = context.script(self.quorum_up.as_ref());
        server.quorum_down = context.script(self.quorum_down.as_ref());
        Some(server)
    }

    fn usable_address(&self, context: &mut Context<'_>) -> Option<ServerAddress> {
        let what = match self.target {
            Target::Address(address) if address.address.is_ipv4() => return Some(address),
            Target::Address(_) => "IPv6 is",
            Target::Fwmark => "a firewall mark is",
            Target::Group => "a group is",
        };
        let message = format!(
            "the virtual server is left out: nobody serves it, because {what} not carried out yet"
        );
        context.complain(Finding::new(Code::LeftOut, self.span, message));
        None
    }

    fn protocol_or_default(&self, address: ServerAddress, context: &mut Context<'_>) -> Protocol {
        match self.protocol {
            Some(protocol) => protocol.value,
            None => {
                let message =
                    format!("Virtual server {address}: no protocol set - defaulting to UDP");
                self.defaulted(context, message);
                Protocol::Udp
            }
        }
    }

    fn defaulted(&self, context: &mut Context<'_>, message: String) {
        context.complain(Finding::new(Code::Defaulted, self.span, message));
    }

    fn sorry_server(
        &self,
        virtual_server: ServerAddress,
        lvs_method: ForwardingMethod,
        context: &mut Context<'_>,
    ) -> Option<SorryServer> {
        let sorry = self.sorry_server?;
        let (address, port) = sorry.value;
        let lvs_method = self.sorry_server_lvs_method.unwrap_or(lvs_method);
        if address.is_ipv4() != virtual_server.address.is_ipv4() && !is_tunnel(lvs_method) {
            let message = "the sorry server's address family differs from the virtual server's; it is not used";
            context.complain(Finding::new(Code::Conflict, sorry.span, message));
            return None;
        }
        Some(SorryServer {
            address: ServerAddress::new(address, port.unwrap_or(virtual_server.port)),
            lvs_method,
            inhibit: self.sorry_server_inhibit,
        })
    }

    fn add_real_servers(&self, server: &mut VirtualServer, context: &mut Context<'_>) {
        let inherited = Inherited {
            virtual_server: server.address,
            protocol: server.protocol,
            lvs_method: server.lvs_method,
            weight: self.weight.unwrap_or_default(),
            inhibit_on_failure: self.inhibit_on_failure,
            delay_loop: self.delay_loop.unwrap_or(DEFAULT_DELAY_LOOP),
            alpha: self.alpha,
            virtualhost: self.virtualhost.as_deref(),
            retry: &self.retry,
        };
        for draft in &self.real_servers {
            let Some(real_server) = draft.resolve(&inherited, context) else {
                continue;
            };
            if server
                .real_servers
                .iter()
                .any(|known| known.address == real_server.address)
            {
                let message = format!(
                    "real server {} is there already; this one is not used",
                    real_server.address
                );
                context.complain(Finding::new(
                    Code::DuplicateEntry,
                    draft.address.span,
                    message,
                ));
                continue;
            }
            server.real_servers.push(real_server);
        }
    }

    /// A quorum that can be met, and a hysteresis below it.
    fn clamp_quorum(&self, server: &mut VirtualServer, name: &str, context: &mut Context<'_>) {
        let total: u64 = server
            .real_servers
            .iter()
            .map(|server| u64::from(server.weight.get()))
            .sum();
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        // Servers of weight 0 alone cannot meet the default quorum either; nobody asked for that one.
        server.quorum = server.quorum.min(total);
        if let Some(quorum) = self.quorum.filter(|quorum| quorum.value > total) {
            let message = format!(
                "{name}: quorum {} exceeds total weight of real servers {total}, reducing quorum to {total}",
                quorum.value
            );
            context.complain(Finding::new(Code::Conflict, quorum.span, message));
        }
        if let Some(hysteresis) = self
            .hysteresis
            .filter(|hysteresis| hysteresis.value >= server.quorum.max(1))
        {
            let most = server.quorum.saturating_sub(1);
            let message = format!(
                "{name}: hysteresis {} is not below quorum {}, setting hysteresis to {most}",
                hysteresis.value, server.quorum
            );
            context.complain(Finding::new(Code::Conflict, hysteresis.span, message));
            server.hysteresis = most;
        }
    }
}

pub(crate) fn is_tunnel(method: ForwardingMethod) -> bool {
    matches!(method, ForwardingMethod::Tunnel(_))
}
