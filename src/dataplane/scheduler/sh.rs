//! `sh`: the client's address decides.
//!
//! As in the kernel (ip_vs_sh.c) there are 256 buckets, dealt out in turn, as many in a row as the weight says, and
//! a multiplicative hash of the address. A server with weight 0 keeps one bucket; its clients go to the next
//! usable one, as with the kernel's `sh-fallback` flag.

use std::net::Ipv4Addr;

use super::Load;

const BITS: u32 = 8;
const BUCKETS: u32 = 1 << BITS;
/// linux/hash.h: GOLDEN_RATIO_32.
const GOLDEN_RATIO: u32 = 0x61c8_8647;

#[derive(Clone, Debug, Default)]
pub(in crate::dataplane) struct SourceHash {
    buckets: Vec<usize>,
}

impl SourceHash {
    pub(super) fn pick(&self, load: impl Fn(usize) -> Load, client: Ipv4Addr) -> Option<usize> {
        let first = hash(client);
        (0..BUCKETS)
            .map(|step| (first + step) % BUCKETS)
            .filter_map(|bucket| self.buckets.get(bucket as usize).copied())
            .find(|server| load(*server).weight > 0)
    }

    pub(super) fn servers_changed(&mut self, count: usize, load: impl Fn(usize) -> Load) {
        self.buckets.clear();
        let turn = (0..count).flat_map(|server| {
            let in_a_row = load(server).weight.clamp(1, BUCKETS);
            (0..in_a_row).map(move |_| server)
        });
        if count > 0 {
            self.buckets.extend(turn.cycle().take(BUCKETS as usize));
        }
    }
}

fn hash(client: Ipv4Addr) -> u32 {
    client.to_bits().wrapping_mul(GOLDEN_RATIO) >> (u32::BITS - BITS)
}
