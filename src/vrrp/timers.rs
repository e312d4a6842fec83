//! The timers of one virtual router and the arithmetic of RFC 3768 §6.1 and RFC 5798 §6.1.

use std::time::{Duration, Instant};

use crate::types::{AdvertInterval, Priority, VrrpVersion};

/// No lease is cut by less: what a watching parent and a loaded machine may need to act.
const LEASE_MARGIN: Duration = Duration::from_millis(100);

/// `down_timer_adverts` of a peer that does not set it.
const DEFAULT_ADVERTS: u32 = 3;

/// A master that hears a better one takes its addresses away within this time (measured: 1 to 5 ms).
const HAND_OVER: Duration = Duration::from_millis(20);

/// No advert goes out sooner than this before its time.
const COMPANY: Duration = Duration::from_millis(8);

/// How long to wait, once a weaker master was told to yield, before its addresses are taken.
pub(super) fn hand_over(advert_int: AdvertInterval) -> Duration {
    HAND_OVER.min(advert_int.as_duration() / 4)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// When to send the next advert (Adver_Timer).
    Adver,
    /// When to take over because no advert was heard (Master_Down_Timer).
    MasterDown,
    /// When to repeat the gratuitous ARPs that went out on becoming MASTER.
    GarpDelay,
    /// When to send the next periodic gratuitous ARPs.
    GarpRefresh,
    /// When to repeat the gratuitous ARPs that answered an advert of lower priority.
    GarpLowerPrio,
    /// When to send the next gratuitous ARPs of `garp_extra_if`.
    GarpExtraIf,
}

impl Timer {
    /// In the order in which timers that expired together are acted upon.
    pub(super) const ALL: [Self; 6] = [
        Self::MasterDown,
        Self::Adver,
        Self::GarpDelay,
        Self::GarpRefresh,
        Self::GarpLowerPrio,
        Self::GarpExtraIf,
    ];
}

/// The deadlines of one virtual router.
#[derive(Clone, Debug, Default)]
pub(super) struct TimerTable {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl TimerTable {
    pub(super) fn set(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.deadlines[timer as usize]
    }

    /// Stops the timer if its deadline has come, and returns that deadline. However late the
    /// call is, an expired timer is returned once.
    pub(super) fn take_expired(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        self.deadlines[timer as usize].take_if(|deadline| *deadline <= now)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }
}

/// Skew_Time: the better the priority, the sooner a backup takes over.
///
/// RFC 3768 §6.1: (256 - Priority) / 256 seconds. RFC 5798 §6.1: that times the master's interval.
pub(super) fn skew_time(
    version: VrrpVersion,
    priority: Priority,
    master_adver_interval: AdvertInterval,
) -> Duration {
    let unit = match version {
        VrrpVersion::V2 => Duration::from_secs(1),
        VrrpVersion::V3 => master_adver_interval.as_duration(),
    };
    unit * (256 - u32::from(priority.get())) / 256
}

/// Master_Down_Interval: `down_timer_adverts` (3 in the RFCs) intervals of the master and the skew.
pub(super) fn master_down_interval(
    version: VrrpVersion,
    priority: Priority,
    master_adver_interval: AdvertInterval,
    down_timer_adverts: u8,
) -> Duration {
    master_adver_interval.as_duration() * u32::from(down_timer_adverts)
        + skew_time(version, priority, master_adver_interval)
}

/// How long after an advert no peer can have taken over, with a margin for those who watch us.
///
/// A peer of priority 255 and no skew waits `down_timer_adverts` intervals, its own: where ours are
/// more than the 3 of the RFCs it may wait for those 3 only. The margin is a quarter of the interval
/// and at least 100 ms, but at most half of that wait: at 100 ms intervals the child may be late by
/// one of them before it counts as hung. Whatever the margin, the lease outlives the next advert by a
/// quarter of an interval: with `down_timer_adverts 1` a healthy master must not lose it between two
/// adverts. That lease ends too late for a peer whose skew is less, which the configuration says.
pub(super) fn lease(advert_int: AdvertInterval, down_timer_adverts: u8) -> Duration {
    let interval = advert_int.as_duration();
    let wait = interval * u32::from(down_timer_adverts).min(DEFAULT_ADVERTS);
    let margin = LEASE_MARGIN.max(interval / 4).min(wait / 2);
    (wait - margin).max(interval * 5 / 4)
}

/// How much sooner an advert may go out to share a wake-up with others: a 64th of its interval, at most 8 ms.
pub(super) fn company(advert_int: AdvertInterval) -> Duration {
    (advert_int.as_duration() / 64).min(COMPANY)
}

/// When an event that recurs each `interval` is due again after its `deadline` was acted upon at
/// `now`: on the same beat, but never in the past, so that a late call causes no burst.
pub(super) fn next_beat(deadline: Instant, interval: Duration, now: Instant) -> Instant {
    let next = deadline + interval;
    if next > now { next } else { now + interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(value: u8) -> Priority {
        Priority::new(value).expect("in range")
    }

    fn centis(value: u32) -> AdvertInterval {
        AdvertInterval::from_centis(value).expect("in range")
    }

    fn down(version: VrrpVersion, value: u8, interval: u32) -> Duration {
        master_down_interval(version, priority(value), centis(interval), 3)
    }

    #[test]
    fn version_2_s_skew_is_a_part_of_one_second_whatever_the_interval() {
        let micros = Duration::from_micros;
        assert_eq!(down(VrrpVersion::V2, 100, 100), micros(3_609_375));
        assert_eq!(
            down(VrrpVersion::V2, 150, 100),
            micros(3_414_062) + Duration::from_nanos(500)
        );
        assert_eq!(down(VrrpVersion::V2, 100, 200), micros(6_609_375));
        assert_eq!(
            down(VrrpVersion::V2, 254, 100),
            micros(3_007_812) + Duration::from_nanos(500)
        );
    }

    #[test]
    fn version_3_s_skew_is_a_part_of_the_master_s_interval() {
        assert_eq!(
            down(VrrpVersion::V3, 100, 100),
            Duration::from_micros(3_609_375)
        );
        assert_eq!(
            down(VrrpVersion::V3, 100, 10),
            Duration::from_nanos(360_937_500)
        );
        assert_eq!(
            down(VrrpVersion::V3, 1, 4095),
            Duration::from_nanos(163_640_039_062)
        );
    }

    #[test]
    fn a_lease_ends_before_a_peer_can_take_over_and_outlives_the_next_advert() {
        for interval in [1, 10, 50, 100, 1000, 4095, 25_500] {
            for down_timer_adverts in [2, 3, 10, 100] {
                let advert_int = centis(interval);
                let lease = lease(advert_int, down_timer_adverts);
                assert!(lease < advert_int.as_duration() * u32::from(down_timer_adverts));
                assert!(lease > advert_int.as_duration());
            }
            assert!(lease(centis(interval), 1) > centis(interval).as_duration());
        }
        assert_eq!(lease(centis(100), 3), Duration::from_millis(2750));
        assert_eq!(lease(centis(10), 3), Duration::from_millis(200));
        assert_eq!(lease(centis(5), 3), Duration::from_millis(75));
        assert_eq!(
            lease(centis(100), 10),
            lease(centis(100), 3),
            "a peer waits for 3 unless it is told otherwise"
        );
    }

    #[test]
    fn an_expired_timer_is_taken_once() {
        let now = Instant::now();
        let mut timers = TimerTable::default();
        timers.set(Timer::Adver, now);
        timers.set(Timer::GarpDelay, now + Duration::from_secs(5));
        assert_eq!(timers.next_timeout(), Some(now));
        assert_eq!(timers.take_expired(Timer::Adver, now), Some(now));
        assert_eq!(timers.take_expired(Timer::Adver, now), None);
        assert_eq!(timers.take_expired(Timer::GarpDelay, now), None);
        assert_eq!(timers.next_timeout(), Some(now + Duration::from_secs(5)));
    }

    #[test]
    fn a_late_beat_is_not_made_up_for() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(next_beat(start, second, at(3)), at(1000));
        assert_eq!(next_beat(start, second, at(10_500)), at(11_500));
    }

    #[test]
    fn the_table_has_a_place_for_each_timer() {
        let mut timers = TimerTable::default();
        for timer in Timer::ALL {
            timers.set(timer, Instant::now());
            assert!(timers.deadline(timer).is_some());
            timers.stop(timer);
        }
        assert_eq!(timers.next_timeout(), None);
    }
}
