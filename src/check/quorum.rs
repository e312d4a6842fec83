//! The quorum of a virtual server: when there is enough weight alive.

/// `quorum` and `hysteresis`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Quorum {
    pub(super) quorum: u32,
    pub(super) hysteresis: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum QuorumChange {
    Gained,
    Lost,
    Unchanged,
}

impl Quorum {
    /// Weight at which it is gained.
    pub(super) fn gain_threshold(self) -> u64 {
        u64::from(self.quorum) + u64::from(self.hysteresis)
    }

    /// Weight below which it is lost.
    pub(super) fn loss_threshold(self) -> u64 {
        u64::from(self.quorum.saturating_sub(self.hysteresis))
    }

    /// What `weight`, the sum over the real servers alive, means while the quorum is `up` or not.
    pub(super) fn change(self, up: bool, weight: u64) -> QuorumChange {
        if up {
            if self.holds(weight) {
                QuorumChange::Unchanged
            } else {
                QuorumChange::Lost
            }
        } else if weight > 0 && weight >= self.gain_threshold() {
            // keepalived gains a quorum of 0 with nothing alive, and loses it with the next change.
            QuorumChange::Gained
        } else {
            QuorumChange::Unchanged
        }
    }

    /// A quorum that is up stays up with this weight.
    pub(super) fn holds(self, weight: u64) -> bool {
        weight > 0 && weight >= self.loss_threshold()
    }
}

#[cfg(test)]
mod tests {
    use super::QuorumChange::{Gained, Lost, Unchanged};
    use super::*;

    #[test]
    fn hysteresis_lies_on_both_sides_of_the_quorum() {
        let quorum = Quorum {
            quorum: 5,
            hysteresis: 2,
        };
        let rows = [
            (false, 6, Unchanged),
            (false, 7, Gained),
            (true, 3, Unchanged),
            (true, 2, Lost),
            (false, 0, Unchanged),
        ];
        for (up, weight, expected) in rows {
            assert_eq!(quorum.change(up, weight), expected, "{up} {weight}");
        }
    }

    #[test]
    fn no_weight_at_all_loses_any_quorum() {
        let quorum = Quorum {
            quorum: 1,
            hysteresis: 1,
        };
        assert_eq!(quorum.change(true, 0), Lost);
        assert_eq!(quorum.change(true, 1), Unchanged);
    }

    #[test]
    fn a_quorum_of_nothing_does_not_flap() {
        let quorum = Quorum {
            quorum: 0,
            hysteresis: 0,
        };
        assert_eq!(quorum.change(false, 0), Unchanged);
        assert_eq!(quorum.change(false, 1), Gained);
        assert_eq!(quorum.change(true, 0), Lost);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let quorum = Quorum {
            quorum: u32::MAX,
            hysteresis: u32::MAX,
        };
        assert_eq!(quorum.change(false, u64::from(u32::MAX)), Unchanged);
        assert_eq!(quorum.loss_threshold(), 0);
    }
}
