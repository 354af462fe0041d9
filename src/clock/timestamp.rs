//! The timestamp that the store keeps.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z.
///
/// An integer, because date types sort wrongly, lose precision or overflow on some engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sea_orm::DeriveValueType)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time at these microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The time of something that has happened, at these seconds since 1970. Clocks may differ by a minute.
    pub fn past(seconds: i64, now: Self) -> Result<Self, NotPast> {
        let micros = seconds.checked_mul(1_000_000).filter(|at| *at >= 0);
        let time = micros.map(Self).ok_or(NotPast)?;
        if time > now.plus(Duration::from_mins(1)) {
            return Err(NotPast);
        }
        Ok(time)
    }

    /// Whole seconds since 1970, rounded down: the `NumericDate` of RFC 7519 §2.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since 1970, with fractions.
    pub fn as_seconds_f64(self) -> f64 {
        let after = Duration::from_micros(self.0.unsigned_abs()).as_secs_f64();
        if self.0 < 0 { -after } else { after }
    }

    /// This time plus `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This time minus `duration`; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// This time rounded down to a multiple of `unit` since 1970.
    #[must_use]
    pub fn rounded_down(self, unit: Duration) -> Self {
        let unit = micros(unit).max(1);
        Self(self.0.div_euclid(unit).saturating_mul(unit))
    }

    /// The absolute difference from `other`.
    pub const fn apart(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }

    /// The time since `earlier`; `None` when that is later, as after the clock stepped back.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let micros = self.0.checked_sub(earlier.0)?;
        u64::try_from(micros).ok().map(Duration::from_micros)
    }
}

/// The number is no past time. Milliseconds are in the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time in seconds since 1970 that is not in the future")]
pub struct NotPast;

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(-micros(before.duration())),
        }
    }
}

/// RFC 3339 in UTC with whole seconds; `never` after the year 9999.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = Duration::from_micros(u64::try_from(self.0).unwrap_or(0));
        let Some(time) = UNIX_EPOCH.checked_add(after) else {
            return f.write_str("never");
        };
        // humantime refuses years after 9999.
        if self.as_seconds() > 253_402_300_799 {
            return f.write_str("never");
        }
        write!(f, "{}", humantime::format_rfc3339_seconds(time))
    }
}

/// A duration in microseconds, at most the maximum of the store's integers.
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_on_both_sides_of_1970() {
        assert_eq!(Timestamp::from_micros(1_999_999).as_seconds(), 1);
        assert_eq!(Timestamp::from_micros(-1).as_seconds(), -1);
    }

    #[test]
    fn a_past_time_is_neither_negative_nor_in_the_future() {
        let now = Timestamp::from_micros(1_767_225_600_000_000);
        for seconds in [0, 1, 1_767_225_600, 1_767_225_660] {
            let time = Timestamp::past(seconds, now).unwrap();
            assert_eq!(time.as_seconds(), seconds);
        }
        for seconds in [-1, 1_767_225_661, 1_767_225_600_000, i64::MIN, i64::MAX] {
            assert_eq!(Timestamp::past(seconds, now), Err(NotPast), "{seconds}");
        }
    }

    #[test]
    fn a_time_is_rounded_down_to_a_unit() {
        let rounded = |micros| Timestamp::from_micros(micros).rounded_down(Duration::from_secs(1));
        assert_eq!(rounded(1_999_999), Timestamp::from_micros(1_000_000));
        assert_eq!(rounded(-1), Timestamp::from_micros(-1_000_000));
        assert_eq!(rounded(2_000_000), Timestamp::from_micros(2_000_000));
    }

    #[test]
    fn there_is_no_time_since_a_later_time() {
        let now = Timestamp::from_micros(5);
        assert_eq!(now.since(Timestamp::from_micros(6)), None);
        assert_eq!(now.since(now), Some(Duration::ZERO));
    }

    #[test]
    fn a_saturated_time_prints_never() {
        let end = Timestamp::from_micros(1).plus(Duration::MAX);
        assert_eq!(end.to_string(), "never");
        assert_eq!(
            Timestamp::from_micros(0).to_string(),
            "1970-01-01T00:00:00Z"
        );
    }
}
