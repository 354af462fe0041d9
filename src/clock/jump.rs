//! Detection of changes of the system clock.

use std::time::{Duration, Instant};

use super::timestamp::Timestamp;

/// Detects that the system clock was set, by comparison with the monotonic clock.
#[derive(Debug)]
pub struct JumpDetector {
    wall: Timestamp,
    monotonic: Instant,
}

/// A smaller difference is drift or a delay.
const JUMP: Duration = Duration::from_mins(1);

impl JumpDetector {
    /// Starts at the current time.
    pub fn start(now: Timestamp) -> Self {
        Self {
            wall: now,
            monotonic: Instant::now(),
        }
    }

    /// The microseconds by which the clock was set, forwards or backwards, since the last call.
    pub fn look(&mut self, now: Timestamp) -> Option<i64> {
        let expected = self.wall.plus(self.monotonic.elapsed());
        *self = Self::start(now);
        let jumped = now.as_micros().saturating_sub(expected.as_micros());
        (now.apart(expected) > JUMP).then_some(jumped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_clock_is_detected_once() {
        let hour = Duration::from_hours(1);
        let start = Timestamp::from_micros(0).plus(hour);
        let mut detector = JumpDetector::start(start);
        assert_eq!(detector.look(start), None);
        assert!(detector.look(start.plus(hour)).unwrap() > 3_500_000_000);
        assert_eq!(detector.look(start.plus(hour)), None);
        assert!(detector.look(start).unwrap() < -3_500_000_000);
    }
}
