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
    threshold: u32,
    greatest: u32,
    divisor: u32,
}

impl WeightedRoundRobin {
    pub(super) fn pick(&mut self, count: usize, load: impl Fn(usize) -> Load) -> Option<usize> {
        if self.greatest == 0 {
            return None;
        }
        // The rest of this round and one whole round more: by then the threshold has fallen, or has begun again
        // at the greatest weight, which somebody has.
        for _ in 0..3 {
            let picked = (self.next..count).find(|server| load(*server).weight >= self.threshold);
            if let Some(picked) = picked {
                self.next = picked + 1;
                return Some(picked);
            }
            self.next = 0;
            self.threshold = match self.threshold.checked_sub(self.divisor) {
                None | Some(0) => self.greatest,
                Some(lower) => lower,
            };
        }
        None
    }

    pub(super) fn servers_changed(&mut self, count: usize, load: impl Fn(usize) -> Load) {
        let weights = || (0..count).map(|server| load(server).weight);
        self.greatest = weights().max().unwrap_or(0);
        self.divisor = weights().fold(0, greatest_common_divisor).max(1);
        self.next = 0;
        // The threshold stays a multiple of the divisor, so that a whole turn still gives each its share.
        let multiple = self.threshold / self.divisor * self.divisor;
        self.threshold = match multiple {
            0 => self.greatest,
            threshold => threshold.min(self.greatest),
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
