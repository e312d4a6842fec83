//! Who wins an election: priorities, the weights that move them, and the virtual router's identity.

use std::fmt;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

/// A number that is outside 1..=255.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{value} is outside 1..=255")]
pub struct PriorityOutOfRange {
    pub value: i64,
}

/// Priority of a virtual router on this node, 1 to 255 (RFC 5798 §6.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Priority(NonZeroU8);

impl Priority {
    /// The address owner.
    pub const OWNER: Self = Self(NonZeroU8::MAX);
    /// Default of a backup (RFC 5798 §6.1).
    pub const DEFAULT: Self = Self(NonZeroU8::new(100).expect("not zero"));

    pub fn new(value: u8) -> Result<Self, PriorityOutOfRange> {
        NonZeroU8::new(value)
            .map(Self)
            .ok_or(PriorityOutOfRange { value: 0 })
    }

    pub fn get(self) -> u8 {
        self.0.get()
    }

    pub fn is_owner(self) -> bool {
        self == Self::OWNER
    }

    /// This priority with the sum of all tracking weights added, clamped to 1..=254; the owner's
    /// never changes (keepalived: vrrp_set_effective_priority).
    pub fn with_weights(self, sum: i32) -> Self {
        if self.is_owner() {
            return self;
        }
        let clamped = i32::from(self.get()).saturating_add(sum).clamp(1, 254);
        u8::try_from(clamped)
            .ok()
            .and_then(NonZeroU8::new)
            .map_or(self, Self)
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Priority as an advertisement carries it: 0 says that the master gives up (RFC 5798 §5.2.4).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct AdvertPriority(u8);

impl AdvertPriority {
    /// The master has stopped taking part.
    pub const RELEASE: Self = Self(0);

    pub fn from_wire(octet: u8) -> Self {
        Self(octet)
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

impl From<Priority> for AdvertPriority {
    fn from(priority: Priority) -> Self {
        Self(priority.get())
    }
}

impl fmt::Display for AdvertPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Virtual router identifier, 1 to 255 (RFC 5798 §5.2.3).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    pub fn new(value: u8) -> Result<Self, PriorityOutOfRange> {
        NonZeroU8::new(value)
            .map(Self)
            .ok_or(PriorityOutOfRange { value: 0 })
    }

    pub fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a tracked object adds to the priority: -253 to 253; 0 means FAULT while it is bad.
/// Positive weights count while it is good, negative ones while it is bad.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct TrackWeight(i16);

impl TrackWeight {
    /// Failure of the object is a FAULT of the instance.
    pub const FAULT: Self = Self(0);

    pub fn new(value: i16) -> Option<Self> {
        (-253..=253).contains(&value).then_some(Self(value))
    }

    /// What a tracked file's value is multiplied with, or what a tracked process counts for: one wider.
    pub fn wide(value: i16) -> Option<Self> {
        (-254..=254).contains(&value).then_some(Self(value))
    }

    pub fn get(self) -> i16 {
        self.0
    }
}

/// Protocol version of an instance.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum VrrpVersion {
    /// RFC 3768; the default for IPv4.
    #[default]
    V2,
    /// RFC 5798 and 9568.
    V3,
}

impl VrrpVersion {
    pub fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_clamped_to_1_and_254_and_never_touch_the_owner() {
        let base = Priority::new(100).expect("in range");
        assert_eq!(base.with_weights(-60).get(), 40);
        assert_eq!(base.with_weights(-200).get(), 1);
        assert_eq!(base.with_weights(253).get(), 254);
        assert_eq!(Priority::OWNER.with_weights(-253), Priority::OWNER);
        assert_eq!(base.with_weights(i32::MAX).get(), 254);
    }

    #[test]
    fn zero_is_no_priority_and_no_vrid() {
        assert!(Priority::new(0).is_err());
        assert!(Vrid::new(0).is_err());
    }

    #[test]
    fn a_track_weight_of_254_is_refused() {
        assert_eq!(TrackWeight::new(254), None);
        assert_eq!(TrackWeight::new(-253).map(TrackWeight::get), Some(-253));
    }
}
