//! What can wait a little, in its order: addresses, gratuitous ARP, notifications.
//!
//! When hundreds of instances become MASTER together, their adverts all go out at once, and the rest is done in slices
//! between which the loop reads its sockets and sends the next adverts in time.

use std::collections::VecDeque;

use crate::vrrp::{Action, Actions};

/// Addresses in one piece of work.
const ADDRESSES: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Work {
    queue: VecDeque<Action>,
    /// How many of them end a lease.
    ends: usize,
}

impl Work {
    /// Keeps what can wait and returns the rest, both in their order.
    pub(super) fn take_on(&mut self, actions: Actions) -> Actions {
        let mut urgent = Actions::new();
        for action in actions {
            match action {
                Action::SendAdvert { .. }
                | Action::RunScript { .. }
                | Action::KillScript { .. }
                | Action::Log(_) => urgent.push(action),
                Action::RenewLease { ref router, .. } => {
                    if self.ends > 0 {
                        let ends_it = |it: &Action| matches!(it, Action::EndLease { router: of, .. } if of == router);
                        // MASTER again before its old lease was ended.
                        self.queue.retain(|it| !ends_it(it));
                        self.ends = self.queue.iter().filter(|it| is_end(it)).count();
                    }
                    urgent.push(action);
                }
                later => self.push(later),
            }
        }
        urgent
    }

    pub(super) fn next(&mut self) -> Option<Action> {
        let action = self.queue.pop_front()?;
        self.ends -= usize::from(is_end(&action));
        Some(action)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn push(&mut self, action: Action) {
        match action {
            Action::AddAddresses {
                instance,
                addresses,
            } => self.queue.extend(
                addresses
                    .chunks(ADDRESSES)
                    .map(|some| Action::AddAddresses {
                        instance: instance.clone(),
                        addresses: some.to_vec(),
                    }),
            ),
            Action::RemoveAddresses {
                instance,
                addresses,
            } => {
                self.queue.extend(
                    addresses
                        .chunks(ADDRESSES)
                        .map(|some| Action::RemoveAddresses {
                            instance: instance.clone(),
                            addresses: some.to_vec(),
                        }),
                )
            }
            action => {
                self.ends += usize::from(is_end(&action));
                self.queue.push_back(action);
            }
        }
    }
}

fn is_end(action: &Action) -> bool {
    matches!(action, Action::EndLease { .. })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::types::{
        AddressFamily, InterfaceName, OwnedAddress, RouterIdentity, Transport, VirtualAddress, Vrid,
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

    fn add(count: u8) -> Action {
        let addresses = (0..count).map(|last| {
            let address = VirtualAddress::new([10, 0, 0, last].into(), 24);
            let owned = OwnedAddress {
                interface: router(1).interface,
                address: address.address,
                prefix_len: 24,
                peer: None,
            };
            (owned, address)
        });
        Action::AddAddresses {
            instance: "VI_1".to_owned(),
            addresses: addresses.collect(),
        }
    }

    #[test]
    fn leases_go_first_and_many_addresses_come_in_pieces() {
        let mut work = Work::default();
        let urgent = work.take_on(vec![add(70), renew(1), end(2)]);
        assert!(matches!(urgent[..], [Action::RenewLease { .. }]));
        let mut sizes = Vec::new();
        while let Some(Action::AddAddresses { addresses, .. }) = work.next() {
            sizes.push(addresses.len());
        }
        assert_eq!(sizes, [32, 32, 6], "and the end of a lease came last");
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
}
