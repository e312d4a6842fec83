//! Services and real servers as a forwarding plane holds them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{ForwardingMethod, Protocol, Scheduler, ServerAddress, Weight};

/// Identity of a service.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ServiceKey {
    pub address: ServerAddress,
    pub protocol: Protocol,
}

/// Keepalived's name of a service in logs.
impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address.log_name(self.protocol))
    }
}

/// How a service chooses among its real servers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Service {
    pub scheduler: Scheduler,
    pub persistence_timeout: Option<Duration>,
}

/// A real server of a service.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RealServer {
    pub address: ServerAddress,
    pub weight: Weight,
    pub method: ForwardingMethod,
}

/// All services of a plane, or all that are wanted. Serialised as a list: JSON keys are strings.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Vec<TableEntry>", into = "Vec<TableEntry>")]
pub struct Table {
    pub services: BTreeMap<ServiceKey, (Service, BTreeMap<ServerAddress, RealServer>)>,
}

#[derive(Deserialize, Serialize)]
struct TableEntry {
    key: ServiceKey,
    service: Service,
    real_servers: Vec<RealServer>,
}

impl From<Vec<TableEntry>> for Table {
    fn from(entries: Vec<TableEntry>) -> Self {
        let services = entries
            .into_iter()
            .map(|entry| {
                let servers = entry
                    .real_servers
                    .into_iter()
                    .map(|rs| (rs.address, rs))
                    .collect();
                (entry.key, (entry.service, servers))
            })
            .collect();
        Self { services }
    }
}

impl From<Table> for Vec<TableEntry> {
    fn from(table: Table) -> Self {
        table
            .services
            .into_iter()
            .map(|(key, (service, servers))| TableEntry {
                key,
                service,
                real_servers: servers.into_values().collect(),
            })
            .collect()
    }
}

/// One change of a forwarding plane.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Command {
    AddService {
        key: ServiceKey,
        service: Service,
    },
    EditService {
        key: ServiceKey,
        service: Service,
    },
    /// Its real servers go with it.
    DeleteService {
        key: ServiceKey,
    },
    AddRealServer {
        key: ServiceKey,
        real_server: RealServer,
    },
    EditRealServer {
        key: ServiceKey,
        real_server: RealServer,
    },
    DeleteRealServer {
        key: ServiceKey,
        address: ServerAddress,
    },
}

/// What is attempted on which object, for errors.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService { key, service } => {
                write!(f, "adding virtual service {key} ({})", service.scheduler)
            }
            Self::EditService { key, service } => {
                write!(f, "changing virtual service {key} ({})", service.scheduler)
            }
            Self::DeleteService { key } => write!(f, "removing virtual service {key}"),
            Self::AddRealServer { key, real_server } => {
                let name = real_server.address.log_name(key.protocol);
                let RealServer { method, weight, .. } = real_server;
                write!(
                    f,
                    "adding real server {name} ({method}, weight {weight}) to {key}"
                )
            }
            Self::EditRealServer { key, real_server } => {
                let name = real_server.address.log_name(key.protocol);
                let RealServer { method, weight, .. } = real_server;
                write!(
                    f,
                    "changing real server {name} ({method}, weight {weight}) of {key}"
                )
            }
            Self::DeleteRealServer { key, address } => {
                write!(
                    f,
                    "removing real server {} from {key}",
                    address.log_name(key.protocol)
                )
            }
        }
    }
}
