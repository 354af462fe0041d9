//! Counters of requests and violations, shared by all clients.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The result of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RequestResult {
    /// A token response.
    Success,
    /// Connection refused.
    Refused,
    /// The connection was closed before the end of the response.
    Cut,
    /// No response within the timeout.
    TimedOut,
    /// 503 with `Retry-After`.
    Busy,
    /// 429.
    Throttled,
    /// Any other 5xx, and 503 without `Retry-After`.
    Failed,
    /// 400 `invalid_grant`.
    InvalidGrant,
    /// Any other response.
    Unexpected,
}

impl RequestResult {
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Success, "answered"),
        (Self::Refused, "refused"),
        (Self::Cut, "cut"),
        (Self::TimedOut, "timed_out"),
        (Self::Busy, "503"),
        (Self::Throttled, "429"),
        (Self::Failed, "5xx"),
        (Self::InvalidGrant, "invalid_grant"),
        (Self::Unexpected, "unexpected"),
    ];

    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(one, _)| *one == self);
        named.map_or("unknown", |(_, name)| *name)
    }

    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            _ => Self::Cut,
        }
    }
}

/// The resolution at which gaps are measured.
const STEP: Duration = Duration::from_millis(100);
/// The number of messages that are kept.
const MAX_MESSAGES: usize = 20;

pub struct Counters {
    begin: Instant,
    end: Instant,
    counts: [AtomicU64; RequestResult::ALL.len()],
    /// Token responses in each step of the load.
    steps: Vec<AtomicU64>,
    /// Repeated responses to the same token that were identical to the first.
    pub same: AtomicU64,
    /// Repeated responses with a new access token, after the retry window.
    pub renewed: AtomicU64,
    violations: AtomicU64,
    messages: Mutex<Vec<String>>,
}

impl Counters {
    pub fn new(begin: Instant, end: Instant) -> Self {
        let steps = (end - begin).as_millis() / STEP.as_millis();
        Self {
            begin,
            end,
            counts: Default::default(),
            steps: (0..steps).map(|_| AtomicU64::new(0)).collect(),
            same: AtomicU64::new(0),
            renewed: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            messages: Mutex::default(),
        }
    }

    pub fn begin(&self) -> Instant {
        self.begin
    }

    pub fn end(&self) -> Instant {
        self.end
    }

    pub fn count(&self, kind: RequestResult) {
        if let Some(count) = self.counter(kind) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if kind == RequestResult::Success {
            let step = self.begin.elapsed().as_millis() / STEP.as_millis();
            let step = usize::try_from(step).ok();
            if let Some(count) = step.and_then(|step| self.steps.get(step)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn of(&self, kind: RequestResult) -> u64 {
        self.counter(kind)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn counter(&self, kind: RequestResult) -> Option<&AtomicU64> {
        let at = RequestResult::ALL
            .iter()
            .position(|(one, _)| *one == kind)?;
        self.counts.get(at)
    }

    pub fn requests(&self) -> u64 {
        let all = self.counts.iter();
        all.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Token responses per second of the load.
    pub fn rate(&self) -> f64 {
        let all = self.steps.iter();
        let answers: u64 = all.map(|count| count.load(Ordering::Relaxed)).sum();
        let answers = u32::try_from(answers).unwrap_or(u32::MAX);
        f64::from(answers) / (self.end - self.begin).as_secs_f64()
    }

    /// The longest time without a token response during the load, in steps of 100 ms.
    pub fn longest_gap(&self) -> Duration {
        let (mut longest, mut current) = (0, 0);
        for step in &self.steps {
            current = match step.load(Ordering::Relaxed) {
                0 => current + 1,
                _ => 0,
            };
            longest = longest.max(current);
        }
        STEP * longest
    }

    /// Counts a violation of a promise.
    pub fn record_violation(&self, what: &str) {
        self.violations.fetch_add(1, Ordering::Relaxed);
        self.record_message(what);
    }

    pub fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    pub fn record_message(&self, what: &str) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() < MAX_MESSAGES {
            messages.push(format!(
                "at {:.1} s: {what}",
                self.begin.elapsed().as_secs_f64()
            ));
        }
    }

    pub fn messages(&self) -> Vec<String> {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
