//! What a new configuration changes: for the log of a reload, and to notice that nothing changes at all.
//!
//! The cores take a whole new configuration and find out for themselves what to do; this only says it.

use std::fmt;

use super::{Config, VirtualServer, VrrpInstance};
use crate::types::{InterfaceName, ServerAddress, Vrid};

/// The changes of one kind of block, by name, each list in the order of the file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BlockDelta {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
    /// How many are the same.
    pub unchanged: usize,
}

impl BlockDelta {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// The difference between two configurations.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigDelta {
    pub global_defs_changed: bool,
    pub vrrp_scripts: BlockDelta,
    pub vrrp_instances: BlockDelta,
    pub vrrp_sync_groups: BlockDelta,
    pub virtual_servers: BlockDelta,
    pub real_servers: BlockDelta,
}

impl ConfigDelta {
    /// From `old` to `new`.
    pub fn between(old: &Config, new: &Config) -> Self {
        Self {
            global_defs_changed: old.global_defs != new.global_defs,
            vrrp_scripts: blocks(
                &old.vrrp_scripts,
                &new.vrrp_scripts,
                |script| script.name.clone(),
                |script| script.name.clone(),
            ),
            vrrp_instances: blocks(
                &old.vrrp_instances,
                &new.vrrp_instances,
                InstanceIdentity::of,
                |instance| instance.name.clone(),
            ),
            vrrp_sync_groups: blocks(
                &old.vrrp_sync_groups,
                &new.vrrp_sync_groups,
                |group| group.name.clone(),
                |group| group.name.clone(),
            ),
            virtual_servers: blocks(
                &without_real_servers(old),
                &without_real_servers(new),
                |server| (server.address, server.protocol),
                VirtualServer::log_name,
            ),
            real_servers: blocks(
                &real_servers(old),
                &real_servers(new),
                |(service, server)| (service.address, service.protocol, server.address),
                |(service, server)| {
                    let server = server.address.log_name(service.protocol);
                    format!("{server} of {}", service.log_name())
                },
            ),
        }
    }

    /// Nothing at all is different.
    pub fn is_empty(&self) -> bool {
        !self.global_defs_changed && self.kinds().iter().all(|(_, delta)| delta.is_empty())
    }

    fn kinds(&self) -> [(&'static str, &BlockDelta); 5] {
        [
            ("vrrp_script", &self.vrrp_scripts),
            ("vrrp_instance", &self.vrrp_instances),
            ("vrrp_sync_group", &self.vrrp_sync_groups),
            ("virtual_server", &self.virtual_servers),
            ("real_server", &self.real_servers),
        ]
    }
}

/// One line, such as `vrrp_instance: added VI_2, changed VI_1; global_defs: changed`.
impl fmt::Display for ConfigDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let mut parts = Vec::new();
        for (kind, delta) in self.kinds() {
            let lists = [
                ("added", &delta.added),
                ("removed", &delta.removed),
                ("changed", &delta.changed),
            ];
            let said: Vec<String> = lists
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(what, names)| format!("{what} {}", names.join(" ")))
                .collect();
            if !said.is_empty() {
                parts.push(format!("{kind}: {}", said.join(", ")));
            }
        }
        if self.global_defs_changed {
            parts.push("global_defs: changed".to_owned());
        }
        f.write_str(&parts.join("; "))
    }
}

/// What makes an instance the same across a reload (keepalived: the name is not part of it).
#[derive(Debug, Eq, Hash, PartialEq)]
struct InstanceIdentity {
    virtual_router_id: Vrid,
    interface: InterfaceName,
    /// The own address of a unicast instance; `None`: multicast.
    unicast: Option<Option<std::net::IpAddr>>,
}

impl InstanceIdentity {
    fn of(instance: &VrrpInstance) -> Self {
        Self {
            virtual_router_id: instance.virtual_router_id,
            interface: instance.interface.clone(),
            unicast: (!instance.unicast_peer.is_empty()).then_some(instance.unicast_src_ip),
        }
    }
}

/// The services alone: their servers are compared one by one.
fn without_real_servers(config: &Config) -> Vec<VirtualServer> {
    let strip = |server: &VirtualServer| VirtualServer {
        real_servers: Vec::new(),
        ..server.clone()
    };
    config.virtual_servers.iter().map(strip).collect()
}

/// Every real server with the service it belongs to.
fn real_servers(config: &Config) -> Vec<(ServiceName, super::RealServer)> {
    config
        .virtual_servers
        .iter()
        .flat_map(|service| {
            let name = ServiceName {
                address: service.address,
                protocol: service.protocol,
            };
            service
                .real_servers
                .iter()
                .map(move |server| (name, server.clone()))
        })
        .collect()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ServiceName {
    address: ServerAddress,
    protocol: crate::types::Protocol,
}

impl ServiceName {
    fn log_name(self) -> String {
        self.address.log_name(self.protocol)
    }
}

fn blocks<B: PartialEq, I: Eq + std::hash::Hash>(
    old: &[B],
    new: &[B],
    identity: impl Fn(&B) -> I,
    name: impl Fn(&B) -> String,
) -> BlockDelta {
    let mut before: std::collections::HashMap<I, &B> =
        old.iter().map(|block| (identity(block), block)).collect();
    let mut delta = BlockDelta::default();
    for block in new {
        match before.remove(&identity(block)) {
            None => delta.added.push(name(block)),
            Some(known) if known == block => delta.unchanged += 1,
            Some(_) => delta.changed.push(name(block)),
        }
    }
    let gone = old
        .iter()
        .filter(|block| before.contains_key(&identity(block)));
    delta.removed.extend(gone.map(name));
    delta
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::tests::parsed;

    const PAIR: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.1/24
    }
}
virtual_server 10.0.0.1 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.1.1 80 {
        weight 1
    }
}
";

    #[test]
    fn the_same_file_changes_nothing() {
        let delta = ConfigDelta::between(&parsed(PAIR), &parsed(PAIR));
        assert!(delta.is_empty());
        assert_eq!(delta.to_string(), "nothing");
        assert_eq!(delta.vrrp_instances.unchanged, 1);
    }

    #[test]
    fn an_instance_with_another_name_is_still_the_same_one() {
        let delta = ConfigDelta::between(&parsed(PAIR), &parsed(&PAIR.replace("VI_1", "VI_X")));
        assert_eq!(delta.to_string(), "vrrp_instance: changed VI_X");
    }

    #[test]
    fn an_instance_with_another_vrid_is_another_one() {
        let delta = ConfigDelta::between(&parsed(PAIR), &parsed(&PAIR.replace("id 51", "id 52")));
        assert_eq!(delta.to_string(), "vrrp_instance: added VI_1, removed VI_1");
    }

    #[test]
    fn a_weight_changes_the_real_server_and_not_its_service() {
        let delta = ConfigDelta::between(
            &parsed(PAIR),
            &parsed(&PAIR.replace("weight 1", "weight 2")),
        );
        assert_eq!(
            delta.to_string(),
            "real_server: changed [10.0.1.1]:tcp:80 of [10.0.0.1]:tcp:80"
        );
        assert_eq!(delta.virtual_servers.unchanged, 1);
    }
}
