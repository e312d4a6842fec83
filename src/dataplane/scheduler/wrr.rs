//! `wrr`: in turn, as often as the weight says, interleaved.
//!
//! The kernel's way (ip_vs_wrr.c): rounds over the list with a threshold that starts at the greatest weight and
//! falls by the greatest common divisor of all weights each round; who weighs at least the threshold is picked.
//! Weights 3, 2, 1 give A A B A B C.

use super::Load;

#[derive(Clone, Debug, Default)]
pub(in crate::dataplane) struct WeightedRoundRobin {
    /// Where the search begins; at the end of the list a round is over.
    next: usize,
    /// 0 while nobody weighs anything.
    threshold: u32,
    divisor: u32,
}

impl WeightedRoundRobin {
    pub(super) fn pick(&mut self, count: usize, load: impl Fn(usize) -> Load) -> Option<usize> {
        let weight = |server| load(server).weight;
        let reaching = |threshold, from| (from..count).find(|server| weight(*server) >= threshold);
        let picked = match reaching(self.threshold.max(1), self.next) {
            Some(picked) => picked,
            None => {
                let greatest = (0..count).map(weight).max().filter(|weight| *weight > 0)?;
                self.threshold = self.next_threshold(greatest);
                reaching(self.threshold, 0)?
            }
        };
        self.next = picked + 1;
        Some(picked)
    }

    /// The one of the next round. Rounds in which nobody reaches it are left out: they come up while the greatest
    /// weight is that of a server which is passed over.
    fn next_threshold(&self, greatest: u32) -> u32 {
        match self.threshold.checked_sub(self.divisor) {
            None | Some(0) => greatest,
            Some(lower) => lower.min(greatest),
        }
    }

    pub(super) fn servers_changed(&mut self, count: usize, load: impl Fn(usize) -> Load) {
        let weights = || (0..count).map(|server| load(server).weight);
        let greatest = weights().max().unwrap_or(0);
        self.divisor = weights().fold(0, greatest_common_divisor).max(1);
        self.next = 0;
        // The threshold stays a multiple of the divisor, so that a whole turn still gives each its share.
        let multiple = self.threshold / self.divisor * self.divisor;
        self.threshold = match multiple {
            0 => greatest,
            threshold => threshold.min(greatest),
        };
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
