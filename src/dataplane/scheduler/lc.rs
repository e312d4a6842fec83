//! `lc`: fewest connections, active ones weighing most; the first of equals.

use super::Load;

pub(super) fn pick(count: usize, load: impl Fn(usize) -> Load) -> Option<usize> {
    (0..count)
        .filter(|server| load(*server).weight > 0)
        .min_by_key(|server| load(*server).overhead())
}
