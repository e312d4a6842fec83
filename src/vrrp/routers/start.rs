//! Starting: what goes on as MASTER, what is left over, who waits.

use std::time::{Duration, Instant};

use super::{Phase, VirtualRouters};
use crate::vrrp::instance::{Instance, Trigger};
use crate::vrrp::{Action, Actions, Event, Resume, State};

impl VirtualRouters {
    pub(super) fn start(
        &mut self,
        resume: &[Resume],
        since_boot: Option<Duration>,
        now: Instant,
        actions: &mut Actions,
    ) {
        self.assess(actions);
        let resumed = self.resumable(resume, now);
        for (instance, lease) in self.instances.iter().zip(&resumed) {
            if lease.is_none() {
                // An owner's addresses may be the interface's own, and it sets them at once.
                if !instance.takes_over_at_once() {
                    instance.remove_leftovers(actions);
                }
                if resume.iter().any(|r| r.router == *instance.identity()) {
                    actions.push(Action::EndLease {
                        instance: instance.name().to_owned(),
                        router: instance.identity().clone(),
                    });
                }
            }
        }
        for (instance, lease) in self.instances.iter_mut().zip(&resumed) {
            if let Some(lease_until) = *lease {
                instance.handle(Trigger::Resume { lease_until }, now, actions);
            }
        }
        for group in &mut self.groups {
            let mut leases = group.members().iter().filter_map(|&m| resumed.get(m));
            if !group.members().is_empty() && leases.all(Option::is_some) {
                group.enter(State::Master, actions);
            }
        }
        let defs = &self.config.global_defs;
        let after_boot = since_boot.map_or(Duration::ZERO, |since_boot| {
            defs.vrrp.vrrp_delay_after_boot.saturating_sub(since_boot)
        });
        // keepalived: the longer wait.
        let vrrp_startup_delay = defs.vrrp_startup_delay.max(after_boot);
        if vrrp_startup_delay.is_zero() {
            self.begin(true, now, actions);
        } else {
            let until = now + vrrp_startup_delay;
            self.phase = Phase::Delayed { until };
            actions.push(Action::Log(Event::StartupDelayed { vrrp_startup_delay }));
        }
        self.run_scripts(now, actions);
    }

    /// The end of the lease of each instance that may go on as MASTER.
    fn resumable(&self, resume: &[Resume], now: Instant) -> Vec<Option<Instant>> {
        let lease = |instance: &Instance| {
            resume
                .iter()
                .find(|resume| resume.router == *instance.identity())
                .map(|resume| resume.lease_until)
                .filter(|until| *until > now && !instance.has_fault())
        };
        let mut leases: Vec<_> = self.instances.iter().map(lease).collect();
        for group in &self.groups {
            let all = group
                .members()
                .iter()
                .all(|&m| leases.get(m).is_some_and(Option::is_some));
            for &member in group.members() {
                if let Some(lease) = leases.get_mut(member).filter(|_| !all) {
                    *lease = None;
                }
            }
        }
        leases
    }

    /// Lets everybody take part. keepalived: groups are notified of their first state before the instances.
    pub(super) fn begin(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
        self.phase = Phase::Running;
        for group in &mut self.groups {
            let members = || {
                group
                    .members()
                    .iter()
                    .filter_map(|&m| self.instances.get(m))
            };
            let is_ready = members().all(|i| i.state() == State::Init && !i.is_pending());
            if is_ready && !members().any(Instance::has_fault) {
                group.enter(State::Backup, actions);
            }
        }
        self.settle(initial, now, actions);
    }
}
