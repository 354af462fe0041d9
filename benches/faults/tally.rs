//! What happened, counted by all clients at once.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// New tokens, or the same ones again.
    Answered,
    /// Nobody listens.
    Refused,
    /// The connection ended before the answer did.
    Cut,
    /// No answer in the time that the client has.
    TimedOut,
    /// 503 with `Retry-After`.
    Busy,
    /// 429.
    Throttled,
    /// Any other 5xx, and 503 without `Retry-After`.
    Failed,
    /// 400 `invalid_grant`.
    InvalidGrant,
    /// What no client can make sense of.
    Strange,
}

impl Kind {
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Answered, "answered"),
        (Self::Refused, "refused"),
        (Self::Cut, "cut"),
        (Self::TimedOut, "timed_out"),
        (Self::Busy, "503"),
        (Self::Throttled, "429"),
        (Self::Failed, "5xx"),
        (Self::InvalidGrant, "invalid_grant"),
        (Self::Strange, "strange"),
    ];

    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            _ => Self::Cut,
        }
    }
}

/// The step in which silence is measured.
const STEP: Duration = Duration::from_millis(100);
/// How many words about what went wrong are kept.
const MOST_COMPLAINTS: usize = 20;

pub struct Tally {
    begin: Instant,
    end: Instant,
    counts: [AtomicU64; Kind::ALL.len()],
    /// Answers in each step of the load.
    steps: Vec<AtomicU64>,
    /// Answers to a token that had been answered before, the same to the byte.
    pub same: AtomicU64,
    /// Such answers with another access token, when the first one lay farther back.
    pub renewed: AtomicU64,
    broken: AtomicU64,
    complaints: Mutex<Vec<String>>,
}

impl Tally {
    pub fn new(begin: Instant, end: Instant) -> Self {
        let steps = (end - begin).as_millis() / STEP.as_millis();
        Self {
            begin,
            end,
            counts: Default::default(),
            steps: (0..steps).map(|_| AtomicU64::new(0)).collect(),
            same: AtomicU64::new(0),
            renewed: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            complaints: Mutex::default(),
        }
    }

    pub fn begin(&self) -> Instant {
        self.begin
    }

    pub fn end(&self) -> Instant {
        self.end
    }

    pub fn count(&self, kind: Kind) {
        if let Some(count) = self.place(kind) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if kind == Kind::Answered {
            let step = self.begin.elapsed().as_millis() / STEP.as_millis();
            let step = usize::try_from(step).ok();
            if let Some(count) = step.and_then(|step| self.steps.get(step)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn of(&self, kind: Kind) -> u64 {
        self.place(kind)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn place(&self, kind: Kind) -> Option<&AtomicU64> {
        let at = Kind::ALL.iter().position(|(one, _)| *one == kind)?;
        self.counts.get(at)
    }

    pub fn requests(&self) -> u64 {
        let all = self.counts.iter();
        all.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Answers while the load lasted, each second.
    pub fn rate(&self) -> f64 {
        let all = self.steps.iter();
        let answers: u64 = all.map(|count| count.load(Ordering::Relaxed)).sum();
        let answers = u32::try_from(answers).unwrap_or(u32::MAX);
        f64::from(answers) / (self.end - self.begin).as_secs_f64()
    }

    /// The longest time of the load in which nobody was answered, in steps of 100 ms.
    pub fn longest_silence(&self) -> Duration {
        let (mut longest, mut silent) = (0, 0);
        for step in &self.steps {
            silent = match step.load(Ordering::Relaxed) {
                0 => silent + 1,
                _ => 0,
            };
            longest = longest.max(silent);
        }
        STEP * longest
    }

    /// A promise was broken.
    pub fn broke(&self, what: &str) {
        self.broken.fetch_add(1, Ordering::Relaxed);
        self.complain(what);
    }

    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    pub fn complain(&self, what: &str) {
        let mut complaints = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < MOST_COMPLAINTS {
            complaints.push(format!(
                "at {:.1} s: {what}",
                self.begin.elapsed().as_secs_f64()
            ));
        }
    }

    pub fn complaints(&self) -> Vec<String> {
        self.complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
