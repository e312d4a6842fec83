//! The instances of this node, in the order of the configuration, and which of them are due.
//!
//! Thousands of them share one wake-up: a heap tells the next deadline, so that nobody looks at instances that
//! nothing happened to.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Deref;
use std::time::Instant;

use crate::types::{AddressFamily, InterfaceName, Vrid};
use crate::vrrp::instance::Instance;

/// Adverts that may go out together, in less than a millisecond. Fewer would cost more: each wake-up finds the caches
/// cold, which takes as long as 60 adverts.
const AT_ONCE: usize = 128;
/// In one interval. Their distance is twice as long as an advert may be early.
const MOST_BURSTS: usize = 32;

/// Reads like a slice. Whoever may have changed an instance is noted, and [`Instances::settle`] brings the heap
/// in line.
#[derive(Clone, Debug, Default)]
pub(in crate::vrrp) struct Instances {
    list: Vec<Instance>,
    by_router: HashMap<(InterfaceName, Vrid, AddressFamily), usize>,
    /// May hold entries that no longer count; never as the first one once settled.
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The earliest entry of each instance in the heap.
    queued: Vec<Option<Instant>>,
    touched: Touched,
}

#[derive(Clone, Debug)]
enum Touched {
    Some(Vec<usize>),
    All,
}

impl Default for Touched {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

impl Instances {
    pub(in crate::vrrp) fn new(list: Vec<Instance>) -> Self {
        let mut by_router = HashMap::with_capacity(list.len());
        for (index, instance) in list.iter().enumerate() {
            let config = instance.config();
            let interface = config.interface.clone();
            let key = (interface, config.virtual_router_id, config.family());
            by_router.entry(key).or_insert(index);
        }
        Self {
            by_router,
            heap: BinaryHeap::with_capacity(list.len()),
            queued: vec![None; list.len()],
            touched: Touched::All,
            list,
        }
    }

    pub(in crate::vrrp) fn into_list(self) -> Vec<Instance> {
        self.list
    }

    /// Whom a packet of this virtual router concerns.
    pub(in crate::vrrp) fn find(
        &self,
        interface: &InterfaceName,
        vrid: Vrid,
        family: AddressFamily,
    ) -> Option<usize> {
        self.by_router
            .get(&(interface.clone(), vrid, family))
            .copied()
    }

    pub(in crate::vrrp) fn get_mut(&mut self, index: usize) -> Option<&mut Instance> {
        if let Touched::Some(touched) = &mut self.touched {
            touched.push(index);
        }
        self.list.get_mut(index)
    }

    pub(in crate::vrrp) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Instance> {
        self.touched = Touched::All;
        self.list.iter_mut()
    }

    /// When the first of them is due; exact after [`Self::settle`].
    pub(in crate::vrrp) fn next_timeout(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Those that are due, and those whose next advert may as well go out with theirs. In their order.
    pub(in crate::vrrp) fn take_due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some(&Reverse((deadline, index))) = self.heap.peek() {
            let joins = || {
                self.list
                    .get(index)
                    .is_some_and(|instance| instance.may_send_with_others(now))
            };
            let has_room = !due.is_empty() && due.len() < AT_ONCE;
            if deadline > now && !(has_room && joins()) {
                break;
            }
            self.heap.pop();
            self.forget(deadline, index);
            due.push(index);
        }
        due.sort_unstable();
        due.dedup();
        // Their places in the heap are gone, also of those that have nothing to do.
        if let Touched::Some(touched) = &mut self.touched {
            touched.extend_from_slice(&due);
        }
        due
    }

    /// Lets some of those that were due send their next advert sooner where too many would send it together: one burst
    /// of hundreds is longer than the kernel lets a process run at a time, and the last of them would be late. It
    /// happens once, for each keeps its beat.
    pub(in crate::vrrp) fn spread(&mut self, due: &[usize]) {
        let most = AT_ONCE.max(2 * self.list.len() / MOST_BURSTS);
        if due.len() <= most {
            return;
        }
        let next = |&index: &usize| Some((self.list.get(index)?.next_advert()?, index));
        let mut next: Vec<_> = due.iter().filter_map(next).collect();
        next.sort_unstable();
        let Some(&(first, leader)) = next.first() else {
            return;
        };
        let company = self.list.get(leader).map(Instance::company);
        let last = first + company.unwrap_or_default();
        next.retain(|(deadline, _)| *deadline <= last);
        if next.len() <= most {
            return;
        }
        let bursts = next.len().div_ceil(AT_ONCE).min(MOST_BURSTS);
        let size = next.len().div_ceil(bursts);
        for (burst, members) in next.chunks(size).enumerate() {
            for &(_, index) in members {
                if let Some(instance) = self.get_mut(index) {
                    instance.advance_beat(burst, bursts);
                }
            }
        }
    }

    /// Brings the heap in line with what was touched.
    pub(in crate::vrrp) fn settle(&mut self) {
        match std::mem::take(&mut self.touched) {
            Touched::Some(mut touched) => {
                for index in touched.drain(..) {
                    self.enqueue(index);
                }
                // Its memory is used again.
                self.touched = Touched::Some(touched);
            }
            Touched::All => {
                self.heap.clear();
                self.queued.fill(None);
                for index in 0..self.list.len() {
                    self.enqueue(index);
                }
            }
        }
        while let Some(&Reverse((deadline, index))) = self.heap.peek() {
            if self.list.get(index).and_then(Instance::next_timeout) == Some(deadline) {
                break;
            }
            self.heap.pop();
            self.forget(deadline, index);
            self.enqueue(index);
        }
    }

    /// An entry that is too early stays: it is replaced when it comes first.
    fn enqueue(&mut self, index: usize) {
        let Some(deadline) = self.list.get(index).and_then(Instance::next_timeout) else {
            return;
        };
        let Some(queued) = self.queued.get_mut(index) else {
            return;
        };
        if queued.is_none_or(|queued| deadline < queued) {
            *queued = Some(deadline);
            self.heap.push(Reverse((deadline, index)));
        }
    }

    fn forget(&mut self, deadline: Instant, index: usize) {
        if let Some(queued) = self.queued.get_mut(index)
            && *queued == Some(deadline)
        {
            *queued = None;
        }
    }
}

impl Deref for Instances {
    type Target = [Instance];

    fn deref(&self) -> &[Instance] {
        &self.list
    }
}
