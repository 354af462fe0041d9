//! Concurrent refreshes over several connections, until the time or the count is used up.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::client::Client;

/// The number of threads, small so that the cores are left to the server.
const CLIENT_THREADS: usize = 2;

/// The limits of a run: time and number of refreshes, whichever is reached first.
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

/// The results of a run. A connection stops at its first error.
#[derive(Default)]
pub struct Outcome {
    pub latencies: Vec<Duration>,
    pub errors: Vec<String>,
}

/// Runs the load and waits for all responses, so that the server's CPU time before and after covers exactly
/// these refreshes.
pub fn run(clients: &mut [Client], budget: &Budget) -> Outcome {
    let share = clients.len().div_ceil(CLIENT_THREADS).max(1);
    let mut whole = Outcome::default();
    thread::scope(|scope| {
        let threads: Vec<_> = clients
            .chunks_mut(share)
            .map(|clients| scope.spawn(|| drive(clients, budget)))
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

/// Keeps one request in flight on each connection and reads the responses in turn. A response may have
/// arrived before its turn, so the latencies are upper bounds.
fn drive(clients: &mut [Client], budget: &Budget) -> Outcome {
    let mut outcome = Outcome::default();
    let mut in_flight = VecDeque::with_capacity(clients.len());
    for client in clients {
        start(client, budget, &mut in_flight, &mut outcome);
    }
    while let Some(client) = in_flight.pop_front() {
        match client.receive() {
            Ok(latency) => {
                outcome.latencies.push(latency);
                start(client, budget, &mut in_flight, &mut outcome);
            }
            Err(error) => outcome.errors.push(error.to_string()),
        }
    }
    outcome
}

fn start<'a>(
    client: &'a mut Client,
    budget: &Budget,
    in_flight: &mut VecDeque<&'a mut Client>,
    outcome: &mut Outcome,
) {
    if budget.take_one() {
        match client.send() {
            Ok(()) => in_flight.push_back(client),
            Err(error) => outcome.errors.push(error.to_string()),
        }
    }
}
