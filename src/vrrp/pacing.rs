//! How fast gratuitous ARP and unsolicited neighbour advertisements follow one another: `vrrp_garp_interval`,
//! `vrrp_gna_interval` and `garp_group`.
//!
//! A switch that limits ARP drops what comes faster, and with a thousand addresses that is most of it. The first
//! message goes out at once, the others wait their turn; the interfaces of a group share one turn. What is asked for
//! again while it waits is counted, not queued twice, so the queue is never longer than the addresses are.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::config::GarpGroup;
use crate::types::{AddressFamily, InterfaceName, OwnedAddress};

/// Most messages that wait for one address.
const MOST: u32 = 255;

/// An address that is announced on an interface.
pub(super) type Announcement = (InterfaceName, IpAddr);

/// Messages that share one turn.
#[derive(Clone, Debug)]
struct Lane {
    interval: Duration,
    /// When the next one may go out.
    next: Option<Instant>,
    queue: VecDeque<Announcement>,
    /// How often each of the queue is still to be sent.
    left: HashMap<Announcement, u32>,
}

/// The queues of all interfaces.
#[derive(Clone, Debug, Default)]
pub(super) struct Pacing {
    /// `vrrp_garp_interval`: of interfaces in no group, each for itself; zero: at once.
    garp_interval: Duration,
    /// `vrrp_gna_interval`
    gna_interval: Duration,
    lanes: Vec<Lane>,
    /// Which lane an interface uses; those of no group get theirs when they first send.
    by_interface: HashMap<(InterfaceName, AddressFamily), usize>,
}

impl Pacing {
    pub(super) fn new(
        garp_interval: Duration,
        gna_interval: Duration,
        groups: &[GarpGroup],
    ) -> Self {
        let mut pacing = Self {
            garp_interval,
            gna_interval,
            ..Self::default()
        };
        for group in groups {
            for (family, interval) in [
                (AddressFamily::Inet, group.garp_interval),
                (AddressFamily::Inet6, group.gna_interval),
            ] {
                if interval.is_zero() {
                    continue;
                }
                let lane = pacing.add_lane(interval);
                for interface in &group.interfaces {
                    pacing
                        .by_interface
                        .insert((interface.clone(), family), lane);
                }
            }
        }
        pacing
    }

    /// Asks for `repeat` rounds over `addresses`. Returns what goes out at once.
    pub(super) fn push(
        &mut self,
        addresses: &[Announcement],
        repeat: u32,
        now: Instant,
    ) -> Vec<Announcement> {
        let mut at_once = Vec::new();
        for announcement in addresses {
            match self.lane(announcement) {
                Some(lane) => lane.push(announcement, repeat),
                None => at_once.push(announcement.clone()),
            }
        }
        let rounds = usize::try_from(repeat).unwrap_or(usize::MAX);
        let unpaced = at_once.len();
        let mut messages: Vec<_> = at_once
            .into_iter()
            .cycle()
            .take(unpaced.saturating_mul(rounds))
            .collect();
        messages.extend(self.due(now));
        messages
    }

    /// What may go out by now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Announcement> {
        self.lanes
            .iter_mut()
            .filter_map(|lane| lane.take(now))
            .collect()
    }

    /// When to ask for [`Self::due`] again.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let waiting = self.lanes.iter().filter(|lane| !lane.queue.is_empty());
        waiting.filter_map(|lane| lane.next).min()
    }

    /// These are not ours any more: nobody is told that they are.
    pub(super) fn forget(&mut self, addresses: &[OwnedAddress]) {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.queue.is_empty()) {
            lane.queue.retain(|(interface, address)| {
                let is_it =
                    |it: &OwnedAddress| it.interface == *interface && it.address == *address;
                !addresses.iter().any(is_it)
            });
            let Lane { queue, left, .. } = lane;
            left.retain(|announcement, _| queue.contains(announcement));
        }
    }

    fn lane(&mut self, announcement: &Announcement) -> Option<&mut Lane> {
        let (interface, address) = announcement;
        let family = AddressFamily::of(*address);
        let key = (interface.clone(), family);
        let lane = match self.by_interface.get(&key) {
            Some(&lane) => lane,
            None => {
                let interval = match family {
                    AddressFamily::Inet => self.garp_interval,
                    AddressFamily::Inet6 => self.gna_interval,
                };
                if interval.is_zero() {
                    return None;
                }
                let lane = self.add_lane(interval);
                self.by_interface.insert(key, lane);
                lane
            }
        };
        self.lanes.get_mut(lane)
    }

    fn add_lane(&mut self, interval: Duration) -> usize {
        self.lanes.push(Lane {
            interval,
            next: None,
            queue: VecDeque::new(),
            left: HashMap::new(),
        });
        self.lanes.len() - 1
    }
}

impl Lane {
    fn push(&mut self, announcement: &Announcement, repeat: u32) {
        if repeat == 0 {
            return;
        }
        match self.left.get_mut(announcement) {
            Some(left) => *left = left.saturating_add(repeat).min(MOST),
            None => {
                self.left.insert(announcement.clone(), repeat.min(MOST));
                self.queue.push_back(announcement.clone());
            }
        }
    }

    /// One message, if its time has come. A late call does not make up for turns that were missed.
    fn take(&mut self, now: Instant) -> Option<Announcement> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        let announcement = self.queue.pop_front()?;
        match self.left.get_mut(&announcement) {
            Some(left) if *left > 1 => {
                *left -= 1;
                self.queue.push_back(announcement.clone());
            }
            _ => drop(self.left.remove(&announcement)),
        }
        self.next = Some(now + self.interval);
        Some(announcement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn announcement(interface: &str, last: u8) -> Announcement {
        let interface = InterfaceName::new(interface).expect("a name");
        (interface, IpAddr::from([10, 0, 0, last]))
    }

    /// Everything that goes out, with its time in milliseconds.
    fn run(pacing: &mut Pacing, sent: &[Announcement], start: Instant) -> Vec<(u128, String)> {
        let line = |at: Instant, it: &Announcement| {
            ((at - start).as_millis(), format!("{} {}", it.0, it.1))
        };
        let mut log: Vec<_> = sent.iter().map(|it| line(start, it)).collect();
        while let Some(at) = pacing.next_timeout() {
            log.extend(pacing.due(at).iter().map(|it| line(at, it)));
        }
        log
    }

    #[test]
    fn without_an_interval_everything_goes_out_at_once_round_by_round() {
        let mut pacing = Pacing::default();
        let now = Instant::now();
        let addresses = [announcement("eth0", 1), announcement("eth0", 2)];
        let sent = pacing.push(&addresses, 2, now);
        let lasts: Vec<_> = sent.iter().map(|it| it.1.to_string()).collect();
        assert_eq!(lasts, ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(pacing.next_timeout(), None);
    }

    #[test]
    fn the_first_goes_out_at_once_and_the_others_at_the_interval() {
        let mut pacing = Pacing::new(INTERVAL, Duration::ZERO, &[]);
        let now = Instant::now();
        let addresses = [announcement("eth0", 1), announcement("eth0", 2)];
        let sent = pacing.push(&addresses, 2, now);
        let log = run(&mut pacing, &sent, now);
        let times: Vec<_> = log.iter().map(|it| it.0).collect();
        assert_eq!(times, [0, 100, 200, 300]);
        assert_eq!(log[1].1, "eth0 10.0.0.2");
    }

    #[test]
    fn interfaces_have_turns_of_their_own_unless_they_share_a_group() {
        let group = GarpGroup {
            garp_interval: INTERVAL,
            gna_interval: Duration::ZERO,
            interfaces: vec![announcement("eth0", 1).0, announcement("eth1", 1).0],
        };
        let addresses = [announcement("eth0", 1), announcement("eth1", 2)];
        let now = Instant::now();
        let mut apart = Pacing::new(INTERVAL, Duration::ZERO, &[]);
        assert_eq!(apart.push(&addresses, 1, now).len(), 2);
        let mut together = Pacing::new(Duration::ZERO, Duration::ZERO, &[group]);
        assert_eq!(together.push(&addresses, 1, now).len(), 1);
        assert_eq!(together.next_timeout(), Some(now + INTERVAL));
    }

    #[test]
    fn the_families_have_intervals_of_their_own() {
        let mut pacing = Pacing::new(Duration::ZERO, INTERVAL, &[]);
        let address = "fe80::1".parse().expect("address");
        let advertisement = (announcement("eth0", 1).0, address);
        let now = Instant::now();
        assert_eq!(pacing.push(&[announcement("eth0", 1)], 3, now).len(), 3);
        assert_eq!(pacing.push(&[advertisement], 3, now).len(), 1);
    }

    #[test]
    fn an_address_that_is_gone_is_not_announced_any_more() {
        let mut pacing = Pacing::new(INTERVAL, Duration::ZERO, &[]);
        let now = Instant::now();
        let addresses = [announcement("eth0", 1), announcement("eth0", 2)];
        pacing.push(&addresses, 5, now);
        pacing.forget(&[OwnedAddress {
            interface: addresses[0].0.clone(),
            address: addresses[0].1,
            prefix_len: 24,
            peer: None,
        }]);
        let log = run(&mut pacing, &[], now);
        assert_eq!(log.len(), 5);
        assert!(log.iter().all(|it| it.1 == "eth0 10.0.0.2"), "{log:?}");
    }

    #[test]
    fn what_waits_already_is_counted_and_not_queued_again() {
        let mut pacing = Pacing::new(INTERVAL, Duration::ZERO, &[]);
        let now = Instant::now();
        for _ in 0..1000 {
            pacing.push(&[announcement("eth0", 1)], 5, now);
        }
        assert_eq!(pacing.lanes[0].queue.len(), 1);
        assert!(run(&mut pacing, &[], now).len() <= MOST as usize);
    }
}
