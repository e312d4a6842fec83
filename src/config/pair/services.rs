//! Virtual servers of the two nodes: a client must not notice which of them serves it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::Comparison;
use crate::config::diagnostic::{Code, Place};
use crate::config::origins::{self, Record};
use crate::config::virtual_server::ServiceTarget;
use crate::config::{Config, RealServer, VirtualServer};

/// Settings of a checker that are the node's own: where its connections come from.
const OF_THE_NODE: [&str; 3] = ["bindto", "bind_port", "bind_if"];

impl Comparison<'_> {
    pub(super) fn virtual_servers(&mut self) {
        let [first, second] = self.nodes.map(|node| &node.config);
        for one in services(first) {
            match counterpart(one, first, second) {
                Some(other) => self.service([one, other]),
                None => self.service_only_here(0, one),
            }
        }
        for other in services(second) {
            if counterpart(other, second, first).is_none() {
                self.service_only_here(1, other);
            }
        }
    }

    fn service_only_here(&mut self, node: usize, service: &VirtualServer) {
        let name = service.log_name();
        let message = format!("virtual server {name} is on this node only");
        let place = self.service_place(node, service, "");
        self.push(Code::OnlyOnOneNode, message, place, None);
    }

    fn service(&mut self, services: [&VirtualServer; 2]) {
        let name = services[0].log_name();
        let [one, other] = services;
        for (keyword, values) in [
            ("protocol", services.map(|s| s.protocol.to_string())),
            ("lb_algo", services.map(|s| s.lvs_sched.to_string())),
            ("lb_kind", services.map(|s| s.lvs_method.to_string())),
        ] {
            let [here, there] = values;
            let has_it = keyword != "protocol" || !matches!(one.target, ServiceTarget::Fwmark(_));
            if here != there && has_it {
                let message = format!("virtual server {name} has {keyword} {here} and {there}");
                self.of_services(services, keyword, message);
            }
        }
        let [here, there] = services.map(|service| -> BTreeSet<String> {
            let servers = service.real_servers.iter();
            servers.map(|server| server.address.to_string()).collect()
        });
        let only: Vec<&str> = here
            .symmetric_difference(&there)
            .map(String::as_str)
            .collect();
        if !only.is_empty() {
            let only = only.join(", ");
            let message =
                format!("virtual server {name} has other real servers: {only} on one node only");
            self.of_services(services, "", message);
        }
        for server in &one.real_servers {
            let mut others = other.real_servers.iter();
            if let Some(other) = others.find(|other| other.address == server.address) {
                self.real_server(services, [server, other]);
            }
        }
    }

    fn real_server(&mut self, services: [&VirtualServer; 2], servers: [&RealServer; 2]) {
        let [one, other] = servers;
        let name = format!(
            "real server {} of virtual server {}",
            one.address,
            services[0].log_name()
        );
        let mut said = Vec::new();
        if one.weight != other.weight {
            said.push(format!(
                "{name} has weight {} and {}",
                one.weight, other.weight
            ));
        }
        // Where the virtual servers differ already, theirs say so.
        let is_own = services[0].lvs_method == services[1].lvs_method;
        if one.lvs_method != other.lvs_method && is_own {
            let (one, other) = (one.lvs_method, other.lvs_method);
            said.push(format!("{name} has lb_kind {one} and {other}"));
        }
        let checkers = servers.map(checkers);
        if checkers[0] != checkers[1] {
            let how = if checkers.iter().any(Vec::is_empty) {
                "is checked on one node only"
            } else {
                "is checked in two ways: what is up for one node may be down for the other"
            };
            said.push(format!("{name} {how}"));
        }
        for message in said {
            let [one, other] = [0, 1].map(|node| {
                let service = self.service_record(node, services[node])?;
                let server = real_server_record(service, servers[node]);
                Some(server.unwrap_or(service).place.clone())
            });
            self.push(Code::PairDiffers, message, one, other);
        }
    }

    fn of_services(&mut self, services: [&VirtualServer; 2], keyword: &str, message: String) {
        let [one, other] = [0, 1].map(|node| self.service_place(node, services[node], keyword));
        self.push(Code::PairDiffers, message, one, other);
    }

    /// Of a keyword, in either of its spellings, or of the service where it has none.
    fn service_place(&self, node: usize, service: &VirtualServer, keyword: &str) -> Option<Place> {
        let block = self.service_record(node, service)?;
        let spellings: &[&str] = match keyword {
            "lb_algo" => &["lb_algo", "lvs_sched"],
            "lb_kind" => &["lb_kind", "lvs_method"],
            _ => &[keyword],
        };
        let mut found = spellings
            .iter()
            .filter_map(|spelling| origins::last(&block.children, spelling));
        Some(found.next().unwrap_or(block).place.clone())
    }

    fn service_record(&self, node: usize, service: &VirtualServer) -> Option<&Record> {
        let protocol = service.protocol.to_string();
        let says_protocol = |record: &&Record| {
            let said = origins::last(&record.children, "protocol").and_then(|said| word(said, 0));
            said.is_none_or(|said| said.eq_ignore_ascii_case(&protocol))
        };
        let candidates: Vec<&Record> = self
            .records(node)
            .iter()
            .filter(|record| record.keyword == "virtual_server" && record.kept)
            .filter(|record| is_target(record, service))
            .collect();
        let exact = candidates.iter().copied().find(says_protocol);
        exact.or_else(|| candidates.first().copied())
    }
}

/// Those that are not carried out yet too: they will be.
fn services(config: &Config) -> impl Iterator<Item = &VirtualServer> {
    let pending = config.pending_virtual_servers.iter();
    config.virtual_servers.iter().chain(pending)
}

/// The same service of the other node; where there is none, one that differs in its protocol alone.
fn counterpart<'c>(
    service: &VirtualServer,
    own: &Config,
    others: &'c Config,
) -> Option<&'c VirtualServer> {
    let named = |config: &'c Config, name: &str| services(config).find(|it| it.log_name() == name);
    let is_here = |name: &str| services(own).any(|it| it.log_name() == name);
    named(others, &service.log_name()).or_else(|| {
        services(others).find(|other| {
            other.target == service.target
                && other.address == service.address
                && !is_here(&other.log_name())
        })
    })
}

/// The block's header names what the service listens to.
fn is_target(record: &Record, service: &VirtualServer) -> bool {
    let words = [0, 1].map(|index| word(record, index));
    match &service.target {
        ServiceTarget::Fwmark(mark) => {
            let said = words[1].and_then(|word| word.parse().ok());
            words[0] == Some("fwmark") && said == Some(*mark)
        }
        ServiceTarget::Group(name) => words == [Some("group"), Some(name.as_str())],
        ServiceTarget::Address => is_address(words, service.address.address, service.address.port),
    }
}

fn real_server_record<'r>(service: &'r Record, server: &RealServer) -> Option<&'r Record> {
    let mut blocks = service.children.iter();
    blocks.find(|record| {
        let words = [0, 1].map(|index| word(record, index));
        record.keyword == "real_server"
            && is_address(words, server.address.address, server.address.port)
    })
}

fn is_address(words: [Option<&str>; 2], address: IpAddr, port: u16) -> bool {
    words[0].and_then(|word| word.parse().ok()) == Some(address)
        && words[1].is_none_or(|word| word.parse() == Ok(port))
}

fn word(record: &Record, index: usize) -> Option<&str> {
    record.words.get(index).map(|word| word.text.as_str())
}

/// What decides whether the server is up, in an order that does not depend on the file's.
fn checkers(server: &RealServer) -> Vec<String> {
    let carried_out = server.checkers.iter().map(serde_json::to_value);
    let pending = server.pending_checkers.iter().map(serde_json::to_value);
    let mut checkers: Vec<String> = carried_out
        .chain(pending)
        .map(|value| {
            let mut value = value.unwrap_or_default();
            forget_node(&mut value);
            value.to_string()
        })
        .collect();
    checkers.sort_unstable();
    checkers
}

fn forget_node(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OF_THE_NODE.contains(&name.as_str()));
            fields.values_mut().for_each(forget_node);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_node),
        _ => {}
    }
}
