//! The way from what a forwarding plane holds to what is wanted: `wanted - actual` as ordered commands.
//!
//! Pure, and no memory of its own: whoever calls it has read the plane back first. Services that are
//! neither wanted nor ours belong to somebody else (another program, an operator) and are never touched.

use std::collections::{BTreeMap, BTreeSet};

use super::{Command, RealServer, Service, ServiceKey, Table};
use crate::types::ServerAddress;

type RealServers = BTreeMap<ServerAddress, RealServer>;

/// The commands that make the services of `wanted` exactly as they are there, and remove those of `ours`
/// that are no longer wanted. Nothing to do gives no command.
///
/// Within a service, what takes traffic comes before what stops taking it: real servers are added and
/// weights raised, then weights lowered and real servers removed, so that a service that keeps one real
/// server is never without. Whole services are removed last.
pub fn plan(actual: &Table, wanted: &Table, ours: &BTreeSet<ServiceKey>) -> Vec<Command> {
    let mut commands = Vec::new();
    for (&key, (service, real_servers)) in &wanted.services {
        match actual.services.get(&key) {
            None => add_service(&mut commands, key, *service, real_servers),
            Some((programmed, held)) => {
                if programmed != service {
                    commands.push(Command::EditService {
                        key,
                        service: *service,
                    });
                }
                change_real_servers(&mut commands, key, held, real_servers);
            }
        }
    }
    let removed = actual
        .services
        .keys()
        .filter(|key| ours.contains(key) && !wanted.services.contains_key(key));
    commands.extend(removed.map(|&key| Command::DeleteService { key }));
    commands
}

fn add_service(
    commands: &mut Vec<Command>,
    key: ServiceKey,
    service: Service,
    real_servers: &RealServers,
) {
    commands.push(Command::AddService { key, service });
    let added = real_servers.values();
    commands.extend(added.map(|&real_server| Command::AddRealServer { key, real_server }));
}

fn change_real_servers(
    commands: &mut Vec<Command>,
    key: ServiceKey,
    held: &RealServers,
    wanted: &RealServers,
) {
    let mut lowered = Vec::new();
    for (address, &real_server) in wanted {
        let edit = Command::EditRealServer { key, real_server };
        match held.get(address) {
            None => commands.push(Command::AddRealServer { key, real_server }),
            Some(same) if *same == real_server => {}
            Some(heavier) if heavier.weight > real_server.weight => lowered.push(edit),
            Some(_) => commands.push(edit),
        }
    }
    commands.append(&mut lowered);
    let removed = held.keys().filter(|address| !wanted.contains_key(address));
    commands.extend(removed.map(|&address| Command::DeleteRealServer { key, address }));
}

impl Table {
    /// What a plane that holds `self` holds after `command`.
    ///
    /// Adding what is there replaces it and editing what is not there adds it, as the planes do. A real
    /// server of a service that is not there, and removing what is not there, change nothing.
    pub fn apply(&mut self, command: &Command) {
        match *command {
            Command::AddService { key, service } | Command::EditService { key, service } => {
                self.services
                    .entry(key)
                    .or_insert_with(|| (service, RealServers::new()))
                    .0 = service;
            }
            Command::DeleteService { key } => {
                self.services.remove(&key);
            }
            Command::AddRealServer { key, real_server }
            | Command::EditRealServer { key, real_server } => {
                if let Some((_, held)) = self.services.get_mut(&key) {
                    held.insert(real_server.address, real_server);
                }
            }
            Command::DeleteRealServer { key, address } => {
                if let Some((_, held)) = self.services.get_mut(&key) {
                    held.remove(&address);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
