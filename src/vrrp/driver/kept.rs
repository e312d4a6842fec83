//! What has to stay in the kernel beside the addresses of instances: their routes and rules, and the static addresses,
//! routes and rules of the node.
//!
//! Nothing here is told one by one either: whenever the kernel says that something has gone or that an interface has
//! changed, everything that should be there is added again. What is there already costs a refusal; what was not
//! there had been taken away.

use tracing::{debug, info, warn};

use super::{DriverError, Report};
use crate::config::StaticNetwork;
use crate::netlink::{Added, AddressAdded, Handle, Interfaces, NetlinkError, RouteMonitor};
use crate::types::{
    InterfaceName, Owned, OwnedAddress, OwnedObject, RTPROT_KEEPALIVED, Route, Routing, Rule,
    Tenure, VirtualAddress,
};

/// A route or rule and whose it is.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry<T> {
    /// Name of the instance; `None`: the node's.
    instance: Option<String>,
    what: T,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// `None`: there is nothing to watch.
    monitor: Option<RouteMonitor>,
    routes: Vec<Entry<Route>>,
    rules: Vec<Entry<Rule>>,
    static_network: StaticNetwork,
    /// Static addresses that we have put there.
    addresses: Vec<OwnedAddress>,
}

/// What was put back after somebody had taken it away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Restored {
    /// `None`: the node's.
    pub(super) instance: Option<String>,
    /// As log lines call it.
    pub(super) what: String,
}

impl Kept {
    pub(super) fn monitor(&self) -> Option<&RouteMonitor> {
        self.monitor.as_ref()
    }

    /// Opens the monitor if something is tracked; true if it is new.
    pub(super) fn watch(&mut self) -> Result<bool, NetlinkError> {
        let is_tracked = self.routes.iter().any(|it| !it.what.no_track)
            || self.rules.iter().any(|it| !it.what.no_track);
        if !is_tracked || self.monitor.is_some() {
            return Ok(false);
        }
        self.monitor = Some(RouteMonitor::open()?);
        Ok(true)
    }

    /// Something of ours may have gone.
    pub(super) fn has_changed(&self) -> bool {
        self.monitor.as_ref().is_some_and(RouteMonitor::has_changed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
            && self.rules.is_empty()
            && self.static_network.static_ipaddress.is_empty()
    }

    /// Adds routes, then rules. What the kernel refuses is said and stays wanted, because an interface may come later.
    pub(super) async fn add(
        &mut self,
        instance: Option<&str>,
        routing: &Routing,
        handle: &Handle,
    ) -> Result<(), DriverError> {
        for route in &routing.routes {
            let entry = Entry {
                instance: instance.map(str::to_owned),
                what: route.clone(),
            };
            if !self.routes.contains(&entry) {
                self.routes.push(entry);
            }
            said(instance, handle.add_route(route).await.map(drop))?;
        }
        for rule in &routing.rules {
            let entry = Entry {
                instance: instance.map(str::to_owned),
                what: rule.clone(),
            };
            if !self.rules.contains(&entry) {
                self.rules.push(entry);
            }
            said(instance, handle.add_rule(rule).await.map(drop))?;
        }
        Ok(())
    }

    /// Takes away rules, then routes, each the last one first. Returns what the kernel did not give up.
    pub(super) async fn remove(
        &mut self,
        instance: Option<&str>,
        routing: &Routing,
        handle: &Handle,
    ) -> Result<Vec<OwnedObject>, DriverError> {
        let mut still_there = Vec::new();
        for rule in routing.rules.iter().rev() {
            self.rules
                .retain(|it| it.instance.as_deref() != instance || it.what != *rule);
            // Another instance may have the same.
            if !self.rules.iter().any(|it| it.what == *rule)
                && said(instance, handle.delete_rule(rule).await.map(drop))? == Done::No
            {
                still_there.push(OwnedObject::Rule(Box::new(rule.clone())));
            }
        }
        for route in routing.routes.iter().rev() {
            self.routes
                .retain(|it| it.instance.as_deref() != instance || it.what != *route);
            if !self.routes.iter().any(|it| it.what == *route)
                && said(instance, handle.delete_route(route).await.map(drop))? == Done::No
            {
                still_there.push(OwnedObject::Route(Box::new(route.clone())));
            }
        }
        Ok(still_there)
    }

    /// Some instance has that route or rule. The node's own are another matter: they stay as long as the program runs.
    pub(super) fn is_wanted(&self, object: &OwnedObject) -> bool {
        let of_instance = |instance: &Option<String>| instance.is_some();
        match object {
            OwnedObject::Route(route) => {
                let mut routes = self.routes.iter();
                routes.any(|it| of_instance(&it.instance) && it.what == **route)
            }
            OwnedObject::Rule(rule) => {
                let mut rules = self.rules.iter();
                rules.any(|it| of_instance(&it.instance) && it.what == **rule)
            }
            _ => false,
        }
    }

    /// Goes over to the static addresses, routes and rules of a new configuration. Returns what to report.
    pub(super) async fn configure(
        &mut self,
        network: &StaticNetwork,
        interfaces: &Interfaces,
        handle: &Handle,
    ) -> Result<Vec<Report>, DriverError> {
        let earlier = std::mem::replace(&mut self.static_network, network.clone());
        let (old, new) = (routing(&earlier), routing(network));
        let mut reports = Vec::new();
        let still_there = self.remove(None, &old.without(&new), handle).await?;
        let mut still_there: Vec<_> = still_there.into_iter().map(owned).collect();
        for (address, _) in static_addresses(&earlier) {
            let is_wanted = static_addresses(network).any(|(wanted, _)| wanted == address);
            if !is_wanted && let Some(at) = self.addresses.iter().position(|it| *it == address) {
                self.addresses.remove(at);
                let deleted = handle.delete_address(&address).await.map(drop);
                match said(None, deleted)? {
                    Done::Yes => reports.push(Report::Disown(owned(address.into()))),
                    Done::No => still_there.push(owned(address.into())),
                }
            }
        }
        if !still_there.is_empty() {
            reports.push(Report::NotRemoved(still_there));
        }
        for (address, options) in static_addresses(network) {
            if self.addresses.contains(&address) || is_foreign(interfaces, &address) {
                continue;
            }
            match handle.add_address(&address, options).await {
                Ok(AddressAdded::Added | AddressAdded::WasThere) => {
                    self.addresses.push(address.clone());
                    reports.push(Report::Own(owned(address.into())));
                }
                Err(error) => {
                    said(None, Err(error))?;
                }
            }
        }
        let added = new.without(&old);
        reports.extend(objects(&added).map(|it| Report::Own(owned(it))));
        self.add(None, &added, handle).await?;
        Ok(reports)
    }

    /// The program ends: nothing of the node's own is left behind.
    pub(super) async fn clear(
        &mut self,
        interfaces: &Interfaces,
        handle: &Handle,
    ) -> Result<Vec<Report>, DriverError> {
        let network = StaticNetwork::default();
        let mut reports = self.configure(&network, interfaces, handle).await?;
        reports.retain(|report| !matches!(report, Report::Own(_)));
        Ok(reports)
    }

    /// Adds again whatever is tracked. Returns what was not there.
    pub(super) async fn restore(
        &mut self,
        interfaces: &Interfaces,
        handle: &Handle,
    ) -> Result<Vec<Restored>, DriverError> {
        let mut restored = Vec::new();
        for (address, options) in static_addresses(&self.static_network) {
            if options.no_track || is_there(interfaces, &address) {
                continue;
            }
            // The interface may not be there either.
            if let Ok(AddressAdded::Added) = handle.add_address(&address, options).await {
                if !self.addresses.contains(&address) {
                    self.addresses.push(address.clone());
                }
                let OwnedAddress {
                    interface,
                    address,
                    prefix_len,
                    ..
                } = address;
                restored.push(Restored {
                    instance: None,
                    what: format!("address {address}/{prefix_len} on {interface}"),
                });
            }
        }
        for entry in self.routes.iter().filter(|it| !it.what.no_track) {
            match handle.add_route(&entry.what).await {
                Ok(Added::Added) => restored.push(Restored {
                    instance: entry.instance.clone(),
                    what: format!("route {}", entry.what),
                }),
                Ok(Added::WasThere) => {}
                Err(error) => debug!("{error}"),
            }
        }
        for entry in self.rules.iter().filter(|it| !it.what.no_track) {
            match handle.add_rule(&entry.what).await {
                Ok(Added::Added) => restored.push(Restored {
                    instance: entry.instance.clone(),
                    what: format!("rule {}", entry.what),
                }),
                Ok(Added::WasThere) => {}
                Err(error) => debug!("{error}"),
            }
        }
        for it in &restored {
            let owner = it.instance.as_deref().unwrap_or("static");
            info!("({owner}) {} was gone and is there again", it.what);
        }
        Ok(restored)
    }
}

/// Everything of `routing`, for the parent.
pub(super) fn objects(routing: &Routing) -> impl Iterator<Item = OwnedObject> {
    let routes = routing.routes.iter().cloned();
    let rules = routing.rules.iter().cloned();
    let routes = routes.map(|route| OwnedObject::Route(Box::new(route)));
    routes.chain(rules.map(|rule| OwnedObject::Rule(Box::new(rule))))
}

fn routing(network: &StaticNetwork) -> Routing {
    Routing {
        routes: network.static_routes.clone(),
        rules: network.static_rules.clone(),
    }
}

fn owned(object: OwnedObject) -> Owned {
    Owned {
        object,
        tenure: Tenure::Program,
    }
}

fn static_addresses(
    network: &StaticNetwork,
) -> impl Iterator<Item = (OwnedAddress, &VirtualAddress)> {
    network.static_ipaddress.iter().filter_map(|it| {
        let interface: &InterfaceName = it.dev.as_ref()?;
        let owned = OwnedAddress {
            interface: interface.clone(),
            address: it.address,
            prefix_len: it.prefix_len,
            peer: it.peer.map(|peer| peer.address),
        };
        Some((owned, it))
    })
}

fn is_there(interfaces: &Interfaces, address: &OwnedAddress) -> bool {
    interfaces
        .addresses(&address.interface)
        .iter()
        .any(|it| it.address == address.address && it.prefix_len == address.prefix_len)
}

/// Somebody else has put it there: it stays when we go.
fn is_foreign(interfaces: &Interfaces, address: &OwnedAddress) -> bool {
    interfaces.addresses(&address.interface).iter().any(|it| {
        it.address == address.address
            && it.prefix_len == address.prefix_len
            && it.protocol != Some(RTPROT_KEEPALIVED)
    })
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Done {
    Yes,
    No,
}

/// The kernel's refusal concerns one object and is said; no answer at all ends the loop.
fn said(instance: Option<&str>, result: Result<(), NetlinkError>) -> Result<Done, DriverError> {
    match result {
        Ok(()) => Ok(Done::Yes),
        Err(error) if error.errno().is_some() && !error.is_permission_denied() => {
            warn!("({}) {error}", instance.unwrap_or("static"));
            Ok(Done::No)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::IpPrefix;

    #[test]
    fn a_route_that_another_instance_has_too_is_still_wanted() {
        let route = Route::new(IpPrefix {
            address: [198, 51, 100, 0].into(),
            prefix_len: 24,
        });
        let entry = |instance: Option<&str>| Entry {
            instance: instance.map(str::to_owned),
            what: route.clone(),
        };
        let object = OwnedObject::Route(Box::new(route.clone()));
        let is_wanted = |of: &[Option<&str>]| {
            let kept = Kept {
                routes: of.iter().map(|it| entry(*it)).collect(),
                ..Kept::default()
            };
            kept.is_wanted(&object)
        };
        assert!(is_wanted(&[None, Some("B")]));
        assert!(!is_wanted(&[None]));
        assert!(!is_wanted(&[]));
    }
}
