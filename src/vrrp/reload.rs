//! Taking a new configuration in place: exactly what differs is touched.
//!
//! An instance is the same one when virtual router, interface and kind of transport are; its name is not part
//! of its identity (keepalived). What goes away goes first, so that an address can move between
//! instances.

use std::time::Instant;

use super::instance::Instance;
use super::notification::Notice;
use super::script::Script;
use super::tracking::Interfaces;
use super::{Actions, InterfaceState, VirtualRouters};
use crate::config::{Config, VrrpInstance};

impl VirtualRouters {
    /// Goes over to `config`. States, counters and script results are kept; an identical
    /// configuration causes no action.
    ///
    /// A MASTER that changes sends an advert before anything else. keepalived: it repeats gratuitous ARP for all
    /// its addresses; here those that are new get it.
    pub fn reload(
        &mut self,
        config: &Config,
        interfaces: &[InterfaceState],
        now: Instant,
    ) -> Actions {
        let mut actions = Actions::new();
        if self.is_stopped() {
            return actions;
        }
        self.interfaces = Interfaces::new(interfaces);
        if *config != self.config {
            self.take_over(config, now, &mut actions);
        }
        self.reassess_at_reload(now, &mut actions);
        actions
    }

    fn take_over(&mut self, config: &Config, now: Instant, actions: &mut Actions) {
        self.config = config.clone();
        self.reload_scripts(now, actions);
        let (earlier, mut vanished) = self.match_instances();
        let groups = std::mem::take(&mut self.groups);
        self.groups = self.make_groups(&groups);
        // keepalived: no line about priorities that the new file sets.
        self.assess(&mut Actions::new());

        let pairs = || earlier.iter().enumerate();
        for (index, old) in pairs() {
            if let (Some(instance), Some(old)) = (self.instances.get_mut(index), old) {
                instance.announce_change(old, now, actions);
            }
        }
        for instance in &mut vanished {
            // keepalived: without notify_deleted, FAULT is what scripts are told.
            instance.stop(Notice::Fault, now, actions);
        }
        for (index, old) in pairs() {
            match (self.instances.get(index), old) {
                (Some(instance), Some(old)) => instance.withdraw(old, actions),
                (Some(instance), None) => instance.remove_leftovers(actions),
                (None, _) => {}
            }
        }
        for (index, old) in pairs() {
            if let (Some(instance), Some(old)) = (self.instances.get(index), old) {
                instance.extend(old, actions);
            }
        }
    }

    fn reload_scripts(&mut self, now: Instant, actions: &mut Actions) {
        for script in &mut self.scripts {
            let wanted = self.config.vrrp_scripts.iter();
            match wanted.clone().find(|wanted| wanted.name == script.name()) {
                Some(config) => script.reload(config, now, actions),
                None => script.retire(now, actions),
            }
        }
        self.scripts.retain(|script| !script.is_gone());
        for config in &self.config.vrrp_scripts {
            if !self
                .scripts
                .iter()
                .any(|script| script.name() == config.name)
            {
                self.scripts.push(Script::new(config.clone(), now));
            }
        }
    }

    /// Puts the instances of the new configuration in place. Returns, for each of them, what it was
    /// configured as before, and those that are gone.
    fn match_instances(&mut self) -> (Vec<Option<VrrpInstance>>, Vec<Instance>) {
        let mut old = std::mem::take(&mut self.instances);
        let mut earlier = Vec::with_capacity(self.config.vrrp_instances.len());
        for config in &self.config.vrrp_instances {
            match old.iter().position(|i| is_same(i.config(), config)) {
                Some(position) => {
                    let mut instance = old.remove(position);
                    earlier.push(Some(instance.reconfigure(config.clone())));
                    self.instances.push(instance);
                }
                None => {
                    earlier.push(None);
                    self.instances.push(Instance::new(config.clone()));
                }
            }
        }
        (earlier, old)
    }
}

/// keepalived: the same virtual router on the same interface, multicast as before or unicast from
/// the same address.
fn is_same(old: &VrrpInstance, new: &VrrpInstance) -> bool {
    let unicast_from =
        |config: &VrrpInstance| (!config.unicast_peer.is_empty()).then_some(config.unicast_src_ip);
    old.virtual_router_id == new.virtual_router_id
        && old.interface == new.interface
        && unicast_from(old) == unicast_from(new)
}
