//! `rr`: each in turn.

use super::Load;

#[derive(Clone, Debug, Default)]
pub(in crate::dataplane) struct RoundRobin {
    /// Where the search begins.
    next: usize,
}

impl RoundRobin {
    pub(super) fn pick(&mut self, count: usize, load: impl Fn(usize) -> Load) -> Option<usize> {
        let picked = (0..count)
            .map(|step| (self.next + step) % count)
            .find(|server| load(*server).weight > 0)?;
        self.next = (picked + 1) % count;
        Some(picked)
    }

    pub(super) fn servers_changed(&mut self, count: usize) {
        if self.next >= count {
            self.next = 0;
        }
    }
}
