//! `no_accept` and strict mode: a node that does not own a virtual address takes no packets for it (RFC 5798 §6.1,
//! Accept_Mode).
//!
//! The filter is there as long as the program runs and not only while the node is MASTER: no packet slips through while
//! the address comes, and where the address is not, there is nothing to drop.

use tracing::warn;

use super::Report;
use crate::config::Config;
use crate::netlink::nft::DropFilter;
use crate::types::{Owned, OwnedObject, Tenure};

/// keepalived's.
const TABLE: &str = "keepalived";

#[derive(Debug, Default)]
pub(super) struct AcceptFilter {
    current: Option<DropFilter>,
}

impl AcceptFilter {
    /// Drops what is for the addresses of instances that do not accept. What the kernel refuses is said: the addresses
    /// work, but more than they should.
    pub(super) fn configure(&mut self, config: &Config) -> Vec<Report> {
        let wanted = wanted(config);
        if wanted == self.current {
            return Vec::new();
        }
        let earlier = std::mem::replace(&mut self.current, wanted);
        let mut reports = Vec::new();
        let table = |filter: &Option<DropFilter>| filter.as_ref().map(|it| it.table.clone());
        if let Some(gone) = table(&earlier).filter(|it| Some(it) != table(&self.current).as_ref()) {
            let removed = DropFilter::remove(&gone);
            reports.push(match removed {
                Ok(()) => Report::Disown(owned(gone)),
                Err(_) => Report::NotRemoved(vec![owned(gone)]),
            });
            said(removed);
        }
        if let Some(filter) = &self.current {
            reports.push(Report::Own(owned(filter.table.clone())));
            said(filter.commit());
        }
        reports
    }
}

fn wanted(config: &Config) -> Option<DropFilter> {
    let firewall = &config.global_defs.firewall;
    let refusing = config.vrrp_instances.iter().filter(|it| !it.accept);
    let addresses = refusing.flat_map(|instance| {
        let all = instance
            .virtual_ipaddress
            .iter()
            .chain(&instance.virtual_ipaddress_excluded);
        all.map(|it| it.address)
    });
    let mut addresses: Vec<_> = addresses.collect();
    addresses.sort_unstable();
    addresses.dedup();
    (!addresses.is_empty()).then(|| DropFilter {
        table: firewall
            .nftables
            .clone()
            .unwrap_or_else(|| default_table(config.namespaces.instance.as_deref())),
        priority: firewall.nftables_priority,
        has_counters: firewall.nftables_counters,
        addresses,
    })
}

/// Two daemons in one network namespace have a table each.
fn default_table(instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("{TABLE}_{instance}"),
        None => TABLE.to_owned(),
    }
}

fn owned(table: String) -> Owned {
    Owned {
        object: OwnedObject::Table(table),
        tenure: Tenure::Program,
    }
}

fn said(result: Result<(), crate::netlink::nft::NftError>) {
    if let Err(error) = result {
        warn!("{error}");
    }
}
