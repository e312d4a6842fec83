//! Virtual and real servers and their checkers: ours in the words of keepalived's dump.

mod checkers;
mod dump;

use std::collections::HashMap;

use holdfast::config::{
    Config, Granularity, PendingKind, RealServer, ServiceTarget, VirtualServer,
};
use holdfast::types::{ForwardingMethod, ScriptCommand, TunnelType};

use super::Block;
use super::vrrp::command;

pub(crate) use dump::dumped_services;

const VIRTUAL: &str = "Virtual server";
const REAL: &str = "Real server";
const CHECKER: &str = "Checker";

/// Under the names that the log gives them.
pub(crate) fn services(config: &Config) -> Vec<Block> {
    let (mut blocks, mut counts) = (Vec::new(), HashMap::new());
    let services = config.virtual_servers.iter();
    for service in services.filter(|it| it.target == ServiceTarget::Address) {
        blocks.push(virtual_server(service));
        for server in &service.real_servers {
            let address = server.address.log_name(service.protocol);
            let name = format!("{} -> {address}", service.log_name());
            blocks.push(real_server(server, &name));
            blocks.extend(checkers::blocks(server, &name, &mut counts));
        }
    }
    blocks
}

fn virtual_server(service: &VirtualServer) -> Block {
    let mut block = Block::new(VIRTUAL, &service.log_name());
    let options = &service.options;
    block.set("Address family", "inet");
    block.set("lvs_sched", service.lvs_sched.name());
    block.set("protocol", service.protocol.to_string().to_uppercase());
    let (first, second) = match service.lvs_sched.name() {
        name @ ("sh" | "mh") => (format!("{name}-fallback"), format!("{name}-port")),
        _ => {
            block.set("flag-3", enabled(options.flag_3));
            ("flag-1".to_owned(), "flag-2".to_owned())
        }
    };
    block.set(&first, enabled(options.flag_1));
    block.set(&second, enabled(options.flag_2));
    block.set("One packet scheduling", enabled(options.ops));
    if let Some(timeout) = service.persistence_timeout {
        block.set("persistence timeout", timeout.as_secs());
    }
    match options.persistence_granularity {
        Some(Granularity::Netmask(mask)) => block.set("persistence granularity", mask),
        Some(Granularity::PrefixLength(length)) => block.set("persistence granularity", length),
        None => {}
    }
    if let Some(engine) = &options.persistence_engine {
        block.set("persistence engine", engine);
    }
    if let Some(name) = &options.snmp_name {
        block.set("SNMP name", format!("'{name}'"));
    }
    block.set("omega", on(service.omega));
    block.set("quorum", service.quorum);
    block.set("hysteresis", service.hysteresis);
    script(&mut block, "Quorum up", service.quorum_up.as_ref());
    script(&mut block, "Quorum down", service.quorum_down.as_ref());
    if options.ha_suspend {
        block.set("Using HA suspend", "yes");
    }
    block.set("Using smtp notification", yes(options.smtp_alert));
    block.set("default forwarding method", method(service.lvs_method));
    if let Some(sorry) = &service.sorry_server {
        block.set("sorry server", sorry.address.log_name(service.protocol));
        let forwarding = method(sorry.lvs_method);
        block.set("forwarding method of the sorry server", forwarding);
        let inhibit = on(sorry.inhibit);
        block.set("Inhibit on failure of the sorry server", inhibit);
    }
    block
}

fn real_server(server: &RealServer, name: &str) -> Block {
    let mut block = Block::new(REAL, name);
    block.set("initial weight", server.weight.get());
    block.set("forwarding method", method(server.lvs_method));
    block.set("Inhibit on failure", on(server.inhibit_on_failure));
    let options = &server.options;
    let limits = format!("{} -> {}", options.lthreshold, options.uthreshold);
    block.set("connection limit range", limits);
    script(&mut block, "RS up", server.notify_up.as_ref());
    script(&mut block, "RS down", server.notify_down.as_ref());
    block.set("Using smtp notification", yes(options.smtp_alert));
    if let Some(name) = &options.snmp_name {
        block.set("SNMP name", name);
    }
    for checker in &server.pending_checkers {
        if let PendingKind::FileCheck(file) = &checker.kind {
            let reverse = if file.reverse { " reverse" } else { "" };
            let (name, weight) = (&file.name, file.weight.get());
            block.set(&format!("{name}, weight {weight}{reverse} tracked"), "yes");
        }
    }
    block
}

fn script(block: &mut Block, field: &str, script: Option<&ScriptCommand>) {
    if let Some(script) = script {
        let value = format!("{}, uid:gid {}", command(script), user(script));
        block.set(&format!("{field} notify script"), value);
    }
}

fn user(script: &ScriptCommand) -> String {
    let (uid, gid) = script.user.map_or((0, 0), |user| (user.uid, user.gid));
    format!("{uid}:{gid}")
}

fn method(method: ForwardingMethod) -> String {
    match method {
        ForwardingMethod::Nat => "NAT".to_owned(),
        ForwardingMethod::DirectRoute => "DR".to_owned(),
        ForwardingMethod::FullNat => "FULLNAT".to_owned(),
        ForwardingMethod::Tunnel(TunnelType::Ipip) => "TUN, type = IPIP".to_owned(),
        ForwardingMethod::Tunnel(TunnelType::Gre) => "TUN, type = GRE".to_owned(),
        ForwardingMethod::Tunnel(TunnelType::Gue { port }) => {
            format!("TUN, type = GUE, port = {port}")
        }
    }
}

fn on(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

fn enabled(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
