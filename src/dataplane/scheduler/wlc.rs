//! `wlc`: fewest connections for its weight; the first of equals.
//!
//! `overhead / weight` is compared without division, as the kernel does: `a.overhead * b.weight` against
//! `b.overhead * a.weight`.

use super::Load;

pub(super) fn pick(count: usize, load: impl Fn(usize) -> Load) -> Option<usize> {
    (0..count)
        .filter(|server| load(*server).weight > 0)
        .reduce(|least, server| {
            if is_less(load(server), load(least)) {
                server
            } else {
                least
            }
        })
}

fn is_less(a: Load, b: Load) -> bool {
    u128::from(a.overhead()) * u128::from(b.weight)
        < u128::from(b.overhead()) * u128::from(a.weight)
}
