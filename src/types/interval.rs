//! The advertisement interval, which VRRPv2 carries in seconds and VRRPv3 in centiseconds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time between two advertisements: 10 ms to 255 s in steps of 10 ms (RFC 3768 §5.3.7 allows
/// whole seconds up to 255, RFC 5798 §5.2.7 centiseconds up to 4095).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct AdvertInterval {
    centis: u16,
}

/// The value does not fit any version of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("advertisement interval of {centis} centiseconds is outside 1..=25500")]
pub struct AdvertIntervalOutOfRange {
    pub centis: u32,
}

impl AdvertInterval {
    /// One second, the default of both versions.
    pub const DEFAULT: Self = Self { centis: 100 };
    /// Largest interval that 12 bits of centiseconds carry (RFC 5798 §5.2.7).
    pub const MAX_V3: Self = Self { centis: 4095 };

    /// From centiseconds, 1 to 25 500.
    pub fn from_centis(centis: u32) -> Result<Self, AdvertIntervalOutOfRange> {
        match u16::try_from(centis) {
            Ok(centis @ 1..=25_500) => Ok(Self { centis }),
            _ => Err(AdvertIntervalOutOfRange { centis }),
        }
    }

    /// From whole seconds, 1 to 255.
    pub fn from_secs(secs: u8) -> Result<Self, AdvertIntervalOutOfRange> {
        Self::from_centis(u32::from(secs) * 100)
    }

    pub fn as_duration(self) -> Duration {
        Duration::from_millis(u64::from(self.centis) * 10)
    }

    /// The 12-bit field of VRRPv3, saturating at 4095.
    pub fn as_centis_v3(self) -> u16 {
        self.centis.min(Self::MAX_V3.centis)
    }

    /// The octet of VRRPv2: whole seconds, at least 1; configuration has rounded it already.
    pub fn as_secs_v2(self) -> u8 {
        u8::try_from((self.centis / 100).max(1)).unwrap_or(u8::MAX)
    }

    /// Nearest whole second, at least one: what VRRPv2 can carry (keepalived: rounds with a message).
    pub fn rounded_to_secs(self) -> Self {
        Self {
            centis: ((self.centis + 50) / 100).max(1) * 100,
        }
    }
}

impl Default for AdvertInterval {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.centis.is_multiple_of(100) {
            write!(f, "{}", self.centis / 100)
        } else {
            write!(f, "{}.{:02}", self.centis / 100, self.centis % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_a_hundred_centiseconds() {
        assert_eq!(
            AdvertInterval::from_secs(1),
            AdvertInterval::from_centis(100)
        );
        assert_eq!(
            AdvertInterval::DEFAULT.as_duration(),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn half_a_second_rounds_up_for_version_2_and_never_to_zero() {
        let centis = |n| AdvertInterval::from_centis(n).expect("in range");
        assert_eq!(centis(50).rounded_to_secs(), centis(100));
        assert_eq!(centis(1).rounded_to_secs(), centis(100));
        assert_eq!(centis(149).rounded_to_secs(), centis(100));
    }

    #[test]
    fn zero_and_more_than_255_seconds_are_refused() {
        assert!(AdvertInterval::from_centis(0).is_err());
        assert!(AdvertInterval::from_centis(25_501).is_err());
        assert!(AdvertInterval::from_secs(0).is_err());
    }

    #[test]
    fn shown_as_it_is_written_in_the_file() {
        assert_eq!(
            AdvertInterval::from_centis(50)
                .expect("in range")
                .to_string(),
            "0.50"
        );
        assert_eq!(AdvertInterval::DEFAULT.to_string(), "1");
    }
}
