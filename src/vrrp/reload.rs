//! Taking a new configuration in place: exactly what differs is touched.
//!
//! An instance is the same one when virtual router, interface and kind of transport are; its name is not part
//! of its identity (keepalived). What goes away goes first; an address that another MASTER has from now on stays where
//! it is.

use std::collections::BTreeSet;
use std::time::Instant;

use super::instance::Instance;
use super::notification::Notice;
use super::routers::Instances;
use super::script::Script;
use super::tracking::Interfaces;
use super::{Actions, InterfaceState, State, VirtualRouters, addresses, identity};
use crate::config::{Config, VrrpInstance};
use crate::types::OwnedAddress;

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
        self.interfaces = Interfaces::new(interfaces, &config.interface_up_down_delays);
        if *config != self.config {
            self.take_over(config, now, &mut actions);
        }
        self.reassess_at_reload(now, &mut actions);
        if config.global_defs.fifo_write_vrrp_states_on_reload {
            self.repeat_states(&mut actions);
        }
        self.instances.settle();
        actions
    }

    fn repeat_states(&self, actions: &mut Actions) {
        for instance in self.instances.iter() {
            instance.repeat_state(actions);
        }
        for group in &self.groups {
            group.repeat_state(actions);
        }
    }

    fn take_over(&mut self, config: &Config, now: Instant, actions: &mut Actions) {
        self.trackers.reload(&self.config, config);
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
        let kept = self.addresses_of_masters();
        for instance in &mut vanished {
            // keepalived: without notify_deleted, FAULT is what scripts are told.
            let notice = match instance.config().notify.notify_deleted {
                Some(_) => Notice::Deleted,
                None => Notice::Fault,
            };
            instance.vanish(notice, &kept, now, actions);
        }
        for (index, old) in pairs() {
            match (self.instances.get(index), old) {
                (Some(instance), Some(old)) => instance.withdraw(old, &kept, actions),
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

    /// What is to be on interfaces under the new configuration, whichever instance had it before.
    fn addresses_of_masters(&self) -> BTreeSet<OwnedAddress> {
        let masters = self
            .instances
            .iter()
            .filter(|instance| instance.state() == State::Master);
        masters
            .flat_map(|instance| addresses::all_owned(instance.config()))
            .collect()
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
                let script = Script::new(config.clone(), now);
                script.log_refusal(actions);
                self.scripts.push(script);
            }
        }
    }

    /// Puts the instances of the new configuration in place. Returns, for each of them, what it was
    /// configured as before, and those that are gone.
    fn match_instances(&mut self) -> (Vec<Option<VrrpInstance>>, Vec<Instance>) {
        let mut old = std::mem::take(&mut self.instances).into_list();
        let mut instances = Vec::with_capacity(self.config.vrrp_instances.len());
        let mut earlier = Vec::with_capacity(self.config.vrrp_instances.len());
        for config in &self.config.vrrp_instances {
            let identity = identity::of(config);
            match old.iter().position(|i| *i.identity() == identity) {
                Some(position) => {
                    let mut instance = old.remove(position);
                    earlier.push(Some(instance.reconfigure(config.clone())));
                    instances.push(instance);
                }
                None => {
                    earlier.push(None);
                    instances.push(Instance::new(config.clone()));
                }
            }
        }
        self.instances = Instances::new(instances);
        self.tell_clock();
        (earlier, old)
    }
}
