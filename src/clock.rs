//! Time: the one reader of the system clock, and the timestamp that the store keeps.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::secret::random_bytes;

/// Where the time comes from: the system, or a test that moves it.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Moved(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`set`](Self::set) moves it.
    #[must_use]
    pub fn standing_at(start: Timestamp) -> Self {
        Self(Source::Moved(Arc::new(AtomicI64::new(start.0))))
    }

    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::from(SystemTime::now()),
            Source::Moved(time) => Timestamp(time.load(Ordering::SeqCst)),
        }
    }

    /// Moves a clock made by [`standing_at`](Self::standing_at), for all its clones; the system's
    /// clock stays as it is.
    pub fn set(&self, time: Timestamp) {
        if let Source::Moved(cell) = &self.0 {
            cell.store(time.0, Ordering::SeqCst);
        }
    }
}

/// Notices that the clock was set: it compares how far time and the monotonic clock have come.
#[derive(Debug)]
pub struct JumpDetector {
    wall: Timestamp,
    monotonic: Instant,
}

/// Less than this is drift, or a tick that came late.
const JUMP: Duration = Duration::from_mins(1);

impl JumpDetector {
    /// Starts at the time now.
    #[must_use]
    pub fn start(now: Timestamp) -> Self {
        Self {
            wall: now,
            monotonic: Instant::now(),
        }
    }

    /// By how many microseconds the clock was set, forwards or backwards, since the last look.
    pub fn look(&mut self, now: Timestamp) -> Option<i64> {
        let expected = self.wall.plus(self.monotonic.elapsed());
        *self = Self::start(now);
        let jumped = now.0.saturating_sub(expected.0);
        (now.apart(expected) > JUMP).then_some(jumped)
    }
}

/// Microseconds since 1970-01-01T00:00:00Z.
///
/// An integer, because date types sort wrongly, lose precision or wrap on one engine or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sea_orm::DeriveValueType)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time so many microseconds after 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down: the `NumericDate` of RFC 7519 §2.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This time and `duration` more; stays at the end of time rather than wrapping.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This time less `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// How far `other` lies from this time, on either side.
    #[must_use]
    pub const fn apart(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }

    /// How long `earlier` lies back; `None` when it does not, as after the clock stepped backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let micros = self.0.checked_sub(earlier.0)?;
        u64::try_from(micros).ok().map(Duration::from_micros)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(-micros(before.duration())),
        }
    }
}

impl Timestamp {
    /// RFC 3339, to the microsecond, UTC; `never` where [`Display`](fmt::Display) says so.
    #[must_use]
    pub fn precise(self) -> String {
        let text = self.to_string();
        match text.strip_suffix('Z') {
            Some(seconds) => format!("{seconds}.{:06}Z", self.0.max(0).rem_euclid(1_000_000)),
            None => text,
        }
    }
}

/// RFC 3339, in whole seconds, UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = Duration::from_micros(u64::try_from(self.0).unwrap_or(0));
        let Some(time) = UNIX_EPOCH.checked_add(after) else {
            return f.write_str("never");
        };
        // Past the year 9999 humantime refuses, and so would a reader.
        if self.as_seconds() > 253_402_300_799 {
            return f.write_str("never");
        }
        write!(f, "{}", humantime::format_rfc3339_seconds(time))
    }
}

/// An identifier that orders by time, a UUID of version 7 (RFC 9562 §5.7), to the microsecond by its
/// method 3. Its randomness keeps it unique, and no secret.
#[must_use]
pub fn time_ordered_id(now: Timestamp) -> Uuid {
    id_at(now, random_bytes())
}

/// The last microsecond that a time-ordered identifier can name, in the year 10889.
const LAST_MICROS: u64 = (1 << 48) * 1000 - 1;

/// The least identifier that [`time_ordered_id`] could make at this time.
#[must_use]
pub fn first_id_at(time: Timestamp) -> Uuid {
    id_at(time, [0; 10])
}

fn id_at(time: Timestamp, mut random: [u8; 10]) -> Uuid {
    // A later time has no room in the 48 bits: it would come out as an early one.
    let micros = u64::try_from(time.0).unwrap_or_default().min(LAST_MICROS);
    // "Replace Leftmost Random Bits with Increased Clock Precision", RFC 9562 §6.2: these 12.
    let fraction = (micros % 1000) * 4096 / 1000;
    let ([.., high, low], [first, second, ..]) = (fraction.to_be_bytes(), &mut random);
    (*first, *second) = (high, low);
    uuid::Builder::from_unix_timestamp_millis(micros / 1000, &random).into_uuid()
}

/// A duration in microseconds, at most the longest that the store can hold.
#[must_use]
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
    fn a_time_that_is_ahead_does_not_lie_back() {
        let now = Timestamp::from_micros(5);
        assert_eq!(now.since(Timestamp::from_micros(6)), None);
        assert_eq!(now.since(now), Some(Duration::ZERO));
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_once() {
        let hour = Duration::from_hours(1);
        let start = Timestamp::from_micros(0).plus(hour);
        let mut detector = JumpDetector::start(start);
        assert_eq!(detector.look(start), None);
        assert!(detector.look(start.plus(hour)).unwrap() > 3_500_000_000);
        assert_eq!(detector.look(start.plus(hour)), None);
        assert!(detector.look(start).unwrap() < -3_500_000_000);
    }

    #[test]
    fn identifiers_order_by_the_microsecond() {
        let last = i64::try_from(LAST_MICROS).unwrap();
        let times = [0, 1, 2, 999, 1000, 1001, 1_767_225_600_000_001, last];
        for pair in times.map(Timestamp::from_micros).windows(2) {
            let latest = id_at(pair[0], [0xFF; 10]);
            assert!(first_id_at(pair[0]) <= time_ordered_id(pair[0]));
            assert!(time_ordered_id(pair[0]) <= latest);
            assert!(latest < first_id_at(pair[1]), "{pair:?}");
        }
        let id = time_ordered_id(Timestamp::from_micros(1));
        assert_eq!(id.get_version_num(), 7);
        for later in [last + 1, i64::MAX].map(Timestamp::from_micros) {
            assert_eq!(
                first_id_at(later),
                first_id_at(Timestamp::from_micros(last))
            );
        }
        assert_ne!(id, time_ordered_id(Timestamp::from_micros(1)));
    }

    #[test]
    fn the_end_of_time_is_never() {
        let end = Timestamp::from_micros(1).plus(Duration::MAX);
        assert_eq!(end.to_string(), "never");
        assert_eq!(
            Timestamp::from_micros(0).to_string(),
            "1970-01-01T00:00:00Z"
        );
    }
}
