//! Weights that cannot do what they are for: make the other node MASTER.

use super::{Comparison, Pair};
use crate::config::diagnostic::Code;
use crate::config::{Config, VrrpInstance};

/// Priorities of an instance whose trackers have weights.
#[derive(Clone, Copy, Debug)]
struct Range {
    /// Everything is well.
    best: i32,
    /// Everything has failed. `None`: more than weights decides then.
    worst: Option<i32>,
}

impl Comparison<'_> {
    /// Weights of the node with the higher priority that cannot bring it below the other one.
    pub(super) fn weights(&mut self, pair: Pair<'_>) {
        let [one, other] = [0, 1].map(|node| range(&self.nodes[node].config, pair.instances[node]));
        let upper = usize::from(other.best > one.best);
        let (mine, theirs) = if upper == 0 {
            (one, other)
        } else {
            (other, one)
        };
        let (instance, lower) = (pair.instances[upper], pair.instances[1 - upper]);
        let Some(worst) = mine.worst else { return };
        if mine.best == worst || mine.best == theirs.best || instance.priority.is_owner() {
            return;
        }
        let place = self.place(upper, instance, tracked(instance));
        if worst >= theirs.best {
            let message = format!(
                "({}) when everything that it tracks fails, its priority is still {}, and the other node's is {}: \
                 no weight can make the other one MASTER",
                instance.name, worst, theirs.best
            );
            let other = self.place(1 - upper, lower, "priority");
            self.push(Code::PairWeight, message, place, other);
        } else if !lower.preempt {
            let message = format!(
                "({}) its weights bring it below the other node, which does not take over from a living master: \
                 it has 'nopreempt'",
                instance.name
            );
            let other = self.place(1 - upper, lower, "nopreempt");
            self.push(Code::PairWeight, message, place, other);
        }
    }
}

/// An entry without a weight means FAULT, and a file's number or a group's tracker can take any priority away.
fn range(config: &Config, instance: &VrrpInstance) -> Range {
    let mut decides_otherwise = !instance.track_file.is_empty()
        || !instance.track_bfd.is_empty()
        || config.vrrp_sync_groups.iter().any(|group| {
            let tracks = !group.track_script.is_empty()
                || !group.track_interface.is_empty()
                || !group.track_file.is_empty()
                || !group.track_process.is_empty()
                || !group.track_bfd.is_empty();
            tracks && group.group.contains(&instance.name)
        });
    let (mut best, mut loss) = (i32::from(instance.priority.get()), 0);
    for weight in all_weights(instance) {
        decides_otherwise |= weight == 0;
        // A positive weight is added while it is well, a negative one while it is not.
        best += weight.max(0);
        loss += weight.abs();
    }
    let allowed = |priority: i32| priority.clamp(1, 254);
    Range {
        best: allowed(best),
        worst: (!decides_otherwise).then(|| allowed(best - loss)),
    }
}

/// As if none were reversed.
fn all_weights(instance: &VrrpInstance) -> impl Iterator<Item = i32> {
    let scripts = instance.track_script.iter();
    let interfaces = instance.track_interface.iter();
    let processes = instance.track_process.iter();
    scripts
        .map(|entry| (entry.weight, entry.reverse))
        .chain(interfaces.map(|entry| (entry.weight, entry.reverse)))
        .chain(processes.map(|entry| (entry.weight, entry.reverse)))
        .map(|(weight, reverse)| {
            let weight = i32::from(weight.get());
            if reverse { -weight } else { weight }
        })
}

/// The first list with a weight.
fn tracked(instance: &VrrpInstance) -> &'static str {
    if !instance.track_script.is_empty() {
        "track_script"
    } else if !instance.track_interface.is_empty() {
        "track_interface"
    } else {
        "track_process"
    }
}
