//! What can wait a little: what leaves this node, then, in its order, addresses, gratuitous ARP, notifications.
//!
//! When hundreds of instances become MASTER together, their adverts all go out at once, and the rest is done in slices
//! between which the loop reads its sockets and sends the next adverts in time. What leaves this node overtakes the rest:
//! a peer takes over within its skew, however much there is to do here.

use std::collections::VecDeque;

use crate::types::{OwnedAddress, Routing};
use crate::vrrp::{Action, Actions};

/// Addresses in one piece of work.
const ADDRESSES: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Work {
    /// Addresses and routes that go, and the ends of leases behind them. Nothing in `queue` that was there earlier puts
    /// up or announces any of them.
    removals: VecDeque<Action>,
    queue: VecDeque<Action>,
    /// How many of `removals` end a lease.
    ends: usize,
    /// How many of `queue` a removal may concern.
    additions: usize,
}

impl Work {
    /// Keeps what can wait and returns the rest, both in their order.
    pub(super) fn take_on(&mut self, actions: Actions) -> Actions {
        // As it is each time nothing but adverts are due.
        if self.ends == 0 && actions.iter().all(is_urgent) {
            return actions;
        }
        let mut urgent = Actions::new();
        for action in actions {
            match action {
                Action::RenewLease { ref router, .. } => {
                    if self.ends > 0 {
                        let ends_it = |it: &Action| matches!(it, Action::EndLease { router: of, .. } if of == router);
                        // MASTER again before its old lease was ended.
                        self.removals.retain(|it| !ends_it(it));
                        self.ends = self.removals.iter().filter(|it| is_end(it)).count();
                    }
                    urgent.push(action);
                }
                action if is_urgent(&action) => urgent.push(action),
                later => self.push(later),
            }
        }
        urgent
    }

    pub(super) fn next(&mut self) -> Option<Action> {
        if let Some(action) = self.removals.pop_front() {
            self.ends -= usize::from(is_end(&action));
            return Some(action);
        }
        let action = self.queue.pop_front()?;
        self.additions -= usize::from(is_addition(&action));
        Some(action)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.queue.is_empty()
    }

    fn push(&mut self, action: Action) {
        match action {
            Action::AddAddresses {
                instance,
                addresses,
            } => {
                for some in addresses.chunks(ADDRESSES) {
                    self.additions += 1;
                    self.queue.push_back(Action::AddAddresses {
                        instance: instance.clone(),
                        addresses: some.to_vec(),
                    });
                }
            }
            Action::RemoveAddresses {
                instance,
                addresses,
            } => {
                self.call_off(|it| without_addresses(it, &addresses));
                for some in addresses.chunks(ADDRESSES) {
                    self.removals.push_back(Action::RemoveAddresses {
                        instance: instance.clone(),
                        addresses: some.to_vec(),
                    });
                }
            }
            Action::RemoveRouting { instance, routing } => {
                self.call_off(|it| without_routing(it, &instance, &routing));
                self.removals
                    .push_back(Action::RemoveRouting { instance, routing });
            }
            Action::EndLease { .. } => {
                self.ends += 1;
                self.removals.push_back(action);
            }
            action => {
                self.additions += usize::from(is_addition(&action));
                self.queue.push_back(action);
            }
        }
    }

    /// `rest`: takes what is to go out of what waits, and says whether anything is left of it.
    fn call_off(&mut self, mut rest: impl FnMut(&mut Action) -> bool) {
        if self.additions > 0 {
            self.queue.retain_mut(|it| rest(it));
            self.additions = self.queue.iter().filter(|it| is_addition(it)).count();
        }
    }
}

fn without_addresses(action: &mut Action, gone: &[OwnedAddress]) -> bool {
    match action {
        Action::AddAddresses { addresses, .. } => {
            addresses.retain(|(address, _)| !gone.contains(address));
            !addresses.is_empty()
        }
        Action::SendGratuitousArp { addresses, .. } => {
            addresses.retain(|(interface, address)| {
                !gone
                    .iter()
                    .any(|it| it.address == *address && it.interface == *interface)
            });
            !addresses.is_empty()
        }
        _ => true,
    }
}

fn without_routing(action: &mut Action, of: &str, gone: &Routing) -> bool {
    match action {
        Action::AddRouting { instance, routing } if instance == of => {
            *routing = routing.without(gone);
            !routing.is_empty()
        }
        _ => true,
    }
}

fn is_addition(action: &Action) -> bool {
    matches!(
        action,
        Action::AddAddresses { .. } | Action::AddRouting { .. } | Action::SendGratuitousArp { .. }
    )
}

fn is_urgent(action: &Action) -> bool {
    matches!(
        action,
        Action::SendAdvert { .. }
            | Action::RenewLease { .. }
            | Action::RunScript { .. }
            | Action::KillScript { .. }
            | Action::Log(_)
    )
}

fn is_end(action: &Action) -> bool {
    matches!(action, Action::EndLease { .. })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::types::{
        AddressFamily, InterfaceName, RouterIdentity, Rule, Transport, VirtualAddress, Vrid,
    };

    fn router(vrid: u8) -> RouterIdentity {
        RouterIdentity {
            interface: InterfaceName::new("eth0").expect("a name"),
            virtual_router_id: Vrid::new(vrid).expect("in range"),
            family: AddressFamily::Inet,
            transport: Transport::Multicast,
        }
    }

    fn end(vrid: u8) -> Action {
        Action::EndLease {
            instance: format!("VI_{vrid}"),
            router: router(vrid),
        }
    }

    fn renew(vrid: u8) -> Action {
        Action::RenewLease {
            instance: format!("VI_{vrid}").into(),
            router: router(vrid),
            term: Duration::from_secs(1),
            until: Instant::now(),
        }
    }

    fn owned(last: u8) -> OwnedAddress {
        OwnedAddress {
            interface: router(1).interface,
            address: [10, 0, 0, last].into(),
            prefix_len: 24,
            peer: None,
        }
    }

    fn add(last: impl IntoIterator<Item = u8>) -> Action {
        let address = |last| {
            (
                owned(last),
                VirtualAddress::new([10, 0, 0, last].into(), 24),
            )
        };
        Action::AddAddresses {
            instance: "VI_1".to_owned(),
            addresses: last.into_iter().map(address).collect(),
        }
    }

    fn remove(last: impl IntoIterator<Item = u8>) -> Action {
        Action::RemoveAddresses {
            instance: "VI_1".to_owned(),
            addresses: last.into_iter().map(owned).collect(),
        }
    }

    fn garp(last: impl IntoIterator<Item = u8>) -> Action {
        let address = |last| (router(1).interface, owned(last).address);
        Action::SendGratuitousArp {
            instance: "VI_1".to_owned(),
            addresses: last.into_iter().map(address).collect(),
            repeat: 5,
        }
    }

    fn rule(preference: u32) -> Rule {
        Rule::new(AddressFamily::Inet, preference)
    }

    fn all(work: &mut Work) -> Vec<Action> {
        std::iter::from_fn(|| work.next()).collect()
    }

    #[test]
    fn leases_go_first_and_many_addresses_come_in_pieces() {
        let mut work = Work::default();
        let urgent = work.take_on(vec![add(0..70), renew(1)]);
        assert!(matches!(urgent[..], [Action::RenewLease { .. }]));
        let mut sizes = Vec::new();
        while let Some(Action::AddAddresses { addresses, .. }) = work.next() {
            sizes.push(addresses.len());
        }
        assert_eq!(sizes, [32, 32, 6]);
        assert!(work.is_empty());
    }

    #[test]
    fn a_new_lease_is_not_ended_by_what_waited() {
        let mut work = Work::default();
        work.take_on(vec![end(1), end(2)]);
        work.take_on(vec![renew(1)]);
        assert_eq!(work.next(), Some(end(2)));
        assert_eq!(work.next(), None);
    }

    #[test]
    fn what_leaves_the_node_overtakes_what_waits_for_others() {
        let mut work = Work::default();
        work.take_on(vec![add([1]), garp([1])]);
        work.take_on(vec![remove([2, 3]), end(2)]);
        let expected = [remove([2, 3]), end(2), add([1]), garp([1])];
        assert_eq!(all(&mut work), expected);
        assert!(work.is_empty());
    }

    #[test]
    fn an_address_that_goes_is_not_put_up_or_announced_by_what_waited() {
        let mut work = Work::default();
        work.take_on(vec![add([1, 2]), garp([1, 2]), add([1]), garp([1])]);
        work.take_on(vec![remove([1]), end(1)]);
        let expected = [remove([1]), end(1), add([2]), garp([2])];
        assert_eq!(all(&mut work), expected);
    }

    #[test]
    fn an_address_that_comes_back_is_removed_first_and_then_put_up() {
        let mut work = Work::default();
        work.take_on(vec![add([1]), remove([1]), add([1]), garp([1])]);
        assert_eq!(all(&mut work), [remove([1]), add([1]), garp([1])]);
        work.take_on(vec![add([1]), remove([1]), add([1]), remove([1])]);
        assert_eq!(all(&mut work), [remove([1]), remove([1])]);
        assert!(work.is_empty());
    }

    #[test]
    fn routes_go_before_their_addresses_and_are_not_added_by_what_waited() {
        let mut work = Work::default();
        let routing = |preferences: &[u32]| Routing {
            routes: Vec::new(),
            rules: preferences.iter().copied().map(rule).collect(),
        };
        let of = |instance: &str, rules: &[u32]| Action::AddRouting {
            instance: instance.to_owned(),
            routing: routing(rules),
        };
        let gone = || Action::RemoveRouting {
            instance: "VI_1".to_owned(),
            routing: routing(&[1]),
        };
        work.take_on(vec![add([1]), of("VI_1", &[1, 2]), of("VI_2", &[1])]);
        work.take_on(vec![gone(), remove([1])]);
        let expected = [gone(), remove([1]), of("VI_1", &[2]), of("VI_2", &[1])];
        assert_eq!(all(&mut work), expected);
    }
}
