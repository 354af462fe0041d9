//! Refreshes over a few connections at once, until the time or the count is used up.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::lane::Lane;

/// The client must not take from the server the cores that it needs.
const CLIENT_THREADS: usize = 2;

/// What ends a run: its time or its count, whichever comes first.
pub struct Budget {
    start: Instant,
    deadline: Instant,
    left: AtomicU32,
}

impl Budget {
    pub fn new(time: Duration, refreshes: u32) -> Self {
        let start = Instant::now();
        Self {
            start,
            deadline: start + time,
            left: AtomicU32::new(refreshes),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn take_one(&self) -> bool {
        Instant::now() < self.deadline
            && self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
    }
}

/// What a run saw. A connection stops at its first error.
#[derive(Default)]
pub struct Outcome {
    pub latencies: Vec<Duration>,
    pub errors: Vec<String>,
}

/// Every request is answered when this returns: the server's CPU time between two readings around
/// it is that of these refreshes.
pub fn run(lanes: &mut [Lane], budget: &Budget) -> Outcome {
    let share = lanes.len().div_ceil(CLIENT_THREADS).max(1);
    let mut whole = Outcome::default();
    thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .chunks_mut(share)
            .map(|lanes| scope.spawn(|| drive(lanes, budget)))
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(part) => {
                    whole.latencies.extend(part.latencies);
                    whole.errors.extend(part.errors);
                }
                Err(_) => whole.errors.push("a client thread panicked".into()),
            }
        }
    });
    whole
}

/// Keeps one request under way on each connection and reads the answers in turn. An answer that
/// comes before its turn waits for it: the times told are upper bounds.
fn drive(lanes: &mut [Lane], budget: &Budget) -> Outcome {
    let mut outcome = Outcome::default();
    let mut under_way = VecDeque::with_capacity(lanes.len());
    for lane in lanes {
        start(lane, budget, &mut under_way, &mut outcome);
    }
    while let Some(lane) = under_way.pop_front() {
        match lane.receive() {
            Ok(latency) => {
                outcome.latencies.push(latency);
                start(lane, budget, &mut under_way, &mut outcome);
            }
            Err(error) => outcome.errors.push(error.to_string()),
        }
    }
    outcome
}

fn start<'lane>(
    lane: &'lane mut Lane,
    budget: &Budget,
    under_way: &mut VecDeque<&'lane mut Lane>,
    outcome: &mut Outcome,
) {
    if budget.take_one() {
        match lane.send() {
            Ok(()) => under_way.push_back(lane),
            Err(error) => outcome.errors.push(error.to_string()),
        }
    }
}
