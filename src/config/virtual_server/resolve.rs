//! From what is written to a [`VirtualServer`] (keepalived: check_data.c validate_check_config).

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::keywords::{Draft, Target};
use super::{Granularity, ServiceOptions, ServiceTarget, VirtualServer};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::real_server::{Inherited, SorryServer};
use crate::config::virtual_server_group::IpFamily;
use crate::types::{ForwardingMethod, Protocol, Scheduler, ServerAddress};

/// keepalived: `delay_loop` where nobody says anything.
const DEFAULT_DELAY_LOOP: std::time::Duration = std::time::Duration::from_secs(60);
const DEFAULT_PERSISTENCE: std::time::Duration = std::time::Duration::from_secs(360);

/// A virtual server that has real servers.
pub(crate) enum Resolved {
    CarriedOut(VirtualServer),
    /// What it listens to is not carried out yet, which has been said.
    LeftOut(VirtualServer),
}

/// The port that may be the last group of an IPv6 address by mistake: `fd00::1 80` for `fd00::1:80`.
fn port_in(address: IpAddr) -> Option<String> {
    let text = address.to_string();
    let (address, port) = text.rsplit_once(':')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let port: u16 = port.parse().ok()?;
    Some(format!("{address} {port}"))
}

/// Before its protocol is known.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Fwmark(mark) => write!(f, "FWM {mark}"),
            Self::Group(name) => write!(f, "[{}]", name.value),
        }
    }
}

impl Draft {
    /// `None` with a complaint where there is nothing to balance.
    pub(crate) fn resolve(&self, context: &mut Context<'_>) -> Option<Resolved> {
        let (target, address) = self.service(context);
        let is_fwmark = matches!(target, ServiceTarget::Fwmark(_));
        let protocol = self.protocol_or_default(is_fwmark, context);
        let mut server = VirtualServer {
            target,
            address,
            protocol,
            lvs_sched: Scheduler::default(),
            lvs_method: ForwardingMethod::Nat,
            persistence_timeout: self.persistence_timeout,
            quorum: self.quorum.map_or(1, |quorum| quorum.value),
            hysteresis: self.hysteresis.map_or(0, |hysteresis| hysteresis.value),
            quorum_up: None,
            quorum_down: None,
            omega: self.omega,
            sorry_server: None,
            options: ServiceOptions::default(),
            real_servers: Vec::with_capacity(self.real_servers.len()),
        };
        let name = format!("Virtual server {}", server.log_name());
        server.lvs_sched = self.lvs_sched.unwrap_or_else(|| {
            self.defaulted(
                context,
                "lvs_sched",
                format!("{name}: no scheduler set, setting default 'wlc'"),
            );
            Scheduler::default()
        });
        server.lvs_method = self.lvs_method.unwrap_or_else(|| {
            self.defaulted(
                context,
                "lvs_method",
                format!("{name}: no forwarding method set, setting default NAT"),
            );
            ForwardingMethod::Nat
        });
        let is_address = server.target == ServiceTarget::Address;
        if is_address && address.port == 0 && server.persistence_timeout.is_none() {
            let message = format!("{name}: zero port only valid for persistent services - setting");
            let help = match port_in(address.address) {
                Some(meant) => format!("did you mean '{meant}'? No port, or 0, means all ports"),
                None => {
                    "no port, or 0, means all ports, and needs 'persistence_timeout'".to_owned()
                }
            };
            context.complain(Finding::new(Code::Conflict, self.span, message).help(help));
            server.persistence_timeout = Some(DEFAULT_PERSISTENCE);
        }
        server.sorry_server = self.sorry_server(&server, context);
        server.options = self.options(&server, &name, context);
        self.add_real_servers(&mut server, context);
        if server.real_servers.is_empty() {
            let message = format!("{name} has no real servers - ignoring");
            let finding = Finding::new(Code::NothingToDo, self.span, message);
            context.complain(finding.unless_misread(self.span, "real_server"));
            return None;
        }
        self.clamp_quorum(&mut server, &name, context);
        server.quorum_up = context.script(self.quorum_up.as_ref());
        server.quorum_down = context.script(self.quorum_down.as_ref());
        Some(if self.is_carried_out(context) {
            Resolved::CarriedOut(server)
        } else {
            Resolved::LeftOut(server)
        })
    }

    /// What it listens to, and an address of its family.
    fn service(&self, context: &mut Context<'_>) -> (ServiceTarget, ServerAddress) {
        let unspecified = |family| {
            let address = match family {
                IpFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            ServerAddress::new(address, 0)
        };
        if let (Target::Address(_) | Target::Group(_), Some(family)) =
            (&self.target, self.ip_family)
        {
            let message = "'ip_family' is for services with a firewall mark; it is not used";
            context.complain(Finding::new(Code::Conflict, family.span, message));
        }
        match &self.target {
            Target::Address(address) => (ServiceTarget::Address, *address),
            Target::Fwmark(mark) => {
                let family = self.ip_family.map(|family| family.value);
                let family = family.unwrap_or_else(|| self.family_of_real_servers());
                (ServiceTarget::Fwmark(*mark), unspecified(family))
            }
            Target::Group(name) => {
                let family = context
                    .group_family(name)
                    .unwrap_or_else(|| self.family_of_real_servers());
                (
                    ServiceTarget::Group(name.value.clone()),
                    unspecified(family),
                )
            }
        }
    }

    /// Of the first one, which decides (keepalived).
    fn family_of_real_servers(&self) -> IpFamily {
        match self.real_servers.first() {
            Some(server) if server.address.value.is_ipv6() => IpFamily::Inet6,
            _ => IpFamily::Inet,
        }
    }

    fn is_carried_out(&self, context: &mut Context<'_>) -> bool {
        let what = match &self.target {
            Target::Address(address) if address.address.is_ipv4() => return true,
            Target::Address(_) => "IPv6 is",
            Target::Fwmark(_) => "a firewall mark is",
            Target::Group(_) => "a group is",
        };
        let message = format!(
            "the virtual server is left out: nobody serves it, because {what} not carried out yet"
        );
        context.complain(Finding::new(Code::LeftOut, self.span, message));
        false
    }

    fn protocol_or_default(&self, is_fwmark: bool, context: &mut Context<'_>) -> Protocol {
        match self.protocol {
            Some(protocol) if is_fwmark => {
                let message = format!(
                    "Virtual server {}: protocol specified for fwmark - protocol will be ignored",
                    self.target
                );
                context.complain(Finding::new(Code::Conflict, protocol.span, message));
                protocol.value
            }
            Some(protocol) => protocol.value,
            None if is_fwmark => Protocol::Udp,
            None => {
                let message = format!(
                    "Virtual server {}: no protocol set - defaulting to UDP",
                    self.target
                );
                self.defaulted(context, "protocol", message);
                Protocol::Udp
            }
        }
    }

    /// Settings that only fit some services.
    fn options(
        &self,
        server: &VirtualServer,
        name: &str,
        context: &mut Context<'_>,
    ) -> ServiceOptions {
        let mut options = self.options.clone();
        let mut complain = |span, message| {
            context.complain(Finding::new(Code::Conflict, span, message));
        };
        if let Some(granularity) = self.persistence_granularity {
            let is_netmask = matches!(granularity.value, Granularity::Netmask(_));
            if is_netmask == server.address.address.is_ipv4() {
                options.persistence_granularity = Some(granularity.value);
            } else {
                let message = format!(
                    "{name}: 'persistence_granularity' does not fit the address family; it is not used"
                );
                complain(granularity.span, message);
            }
        }
        if let Some(ops) = self.ops {
            options.ops = server.protocol == Protocol::Udp;
            if !options.ops {
                let message = format!("{name}: one packet scheduling requires UDP - resetting");
                complain(ops.span, message);
            }
        }
        for flag in &self.flags {
            let (scheduler, field) = match flag.value {
                "sh-fallback" => (Some(Scheduler::Sh), &mut options.flag_1),
                "sh-port" => (Some(Scheduler::Sh), &mut options.flag_2),
                "mh-fallback" => (Some(Scheduler::Mh), &mut options.flag_1),
                "mh-port" => (Some(Scheduler::Mh), &mut options.flag_2),
                "flag-1" => (None, &mut options.flag_1),
                "flag-2" => (None, &mut options.flag_2),
                _ => (None, &mut options.flag_3),
            };
            match scheduler {
                Some(scheduler) if scheduler != server.lvs_sched => {
                    let message = format!(
                        "{name}: '{}' is for scheduler {scheduler}, not {}; it is not used",
                        flag.value, server.lvs_sched
                    );
                    complain(flag.span, message);
                }
                Some(_) | None => *field = true,
            }
        }
        options.smtp_alert = self
            .smtp_alert
            .unwrap_or_else(|| context.globals.smtp.checker_default().unwrap_or(false));
        options
    }

    fn defaulted(&self, context: &mut Context<'_>, keyword: &'static str, message: String) {
        let finding = Finding::new(Code::Defaulted, self.span, message);
        context.complain(finding.unless_misread(self.span, keyword));
    }

    fn sorry_server(
        &self,
        server: &VirtualServer,
        context: &mut Context<'_>,
    ) -> Option<SorryServer> {
        let (virtual_server, lvs_method) = (server.address, server.lvs_method);
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
        let name = match &server.target {
            ServiceTarget::Address => server.address.to_string(),
            ServiceTarget::Fwmark(_) | ServiceTarget::Group(_) => server.log_name(),
        };
        let inherited = Inherited {
            name: &name,
            is_fwmark: matches!(server.target, ServiceTarget::Fwmark(_)),
            has_port: server.target == ServiceTarget::Address,
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
        // With the ports as they are written.
        let mut seen = HashMap::with_capacity(self.real_servers.len());
        for draft in &self.real_servers {
            let Some(real_server) = draft.resolve(&inherited, context) else {
                continue;
            };
            let known = seen.insert(real_server.address, draft.port);
            if let Some(port) = known {
                let why = if port == draft.port {
                    ""
                } else {
                    ", because their ports are the same now"
                };
                let message = format!(
                    "real server {} is there already{why}; this one is not used",
                    real_server.address
                );
                context.complain(Finding::new(
                    Code::DuplicateEntry,
                    draft.address.span,
                    message,
                ));
                continue;
            }
            context.recorder.keep(draft.address.span);
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
