//! Concurrent requests over several connections, until the time or the number is used up.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    time::{ClockId, clock_gettime},
};

use crate::{http::Connection, requests::Requests};

/// The number of threads, small so that the cores are left to the server.
const THREADS: usize = 2;

/// The number of requests after which a run ends. Bounds the memory of the latencies.
const MAX_REQUESTS: u32 = 20_000_000;

/// How long all connections together may be without a response.
const SILENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// A connection with one request in flight at a time.
pub struct Client {
    connection: Connection,
    requests: Box<dyn Requests>,
    sent: Instant,
}

impl Client {
    pub fn new(connection: Connection, requests: impl Requests + 'static) -> Self {
        Self {
            connection,
            requests: Box::new(requests),
            sent: Instant::now(),
        }
    }

    fn send(&mut self) -> io::Result<()> {
        self.sent = Instant::now();
        self.requests.send(&mut self.connection)
    }

    /// Checks the response and returns its latency in microseconds.
    fn receive(&mut self) -> io::Result<u32> {
        let response = self.connection.receive()?;
        let latency = self.sent.elapsed();
        self.requests.check(&response)?;
        Ok(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX))
    }
}

/// The result of a group of clients. A client stops at its first error.
#[derive(Clone, Default)]
pub struct Outcome {
    /// In microseconds.
    pub latencies: Vec<u32>,
    pub errors: Vec<String>,
}

impl Outcome {
    fn panicked() -> Self {
        Self {
            latencies: Vec::new(),
            errors: vec!["a client thread panicked".to_owned()],
        }
    }
}

/// The result of a run.
pub struct Run {
    /// In the order of the groups.
    pub outcomes: Vec<Outcome>,
    pub elapsed: Duration,
    /// CPU time of the load generator.
    pub client_cpu: Duration,
}

/// Runs groups of clients at once and waits for all responses, so that the server's CPU time before and after
/// covers exactly these requests.
pub fn run(groups: &mut [Vec<Client>], time: Duration) -> Run {
    let cpu_before = own_cpu_time();
    let budget = Budget::new(time);
    let mut outcomes = vec![Outcome::default(); groups.len()];
    thread::scope(|scope| {
        let drivers: Vec<_> = distribute(groups)
            .into_iter()
            .map(|clients| {
                let outcomes = outcomes.clone();
                let budget = &budget;
                scope.spawn(move || Driver { outcomes, budget }.drive(clients))
            })
            .collect();
        for driver in drivers {
            let part = driver.join().unwrap_or_else(|_| vec![Outcome::panicked()]);
            for (whole, part) in outcomes.iter_mut().zip(part) {
                whole.latencies.extend(part.latencies);
                whole.errors.extend(part.errors);
            }
        }
    });
    Run {
        outcomes,
        elapsed: budget.start.elapsed(),
        client_cpu: own_cpu_time().saturating_sub(cpu_before),
    }
}

/// The clients of each thread, with the numbers of their groups.
fn distribute(groups: &mut [Vec<Client>]) -> Vec<Vec<(usize, &mut Client)>> {
    let mut shares: Vec<Vec<_>> = (0..THREADS).map(|_| Vec::new()).collect();
    let clients = groups
        .iter_mut()
        .enumerate()
        .flat_map(|(group, clients)| clients.iter_mut().map(move |client| (group, client)));
    for (thread, client) in (0..THREADS).cycle().zip(clients) {
        if let Some(share) = shares.get_mut(thread) {
            share.push(client);
        }
    }
    shares
}

/// The limits of a run: time and number of requests, whichever is reached first.
struct Budget {
    start: Instant,
    deadline: Instant,
    left: AtomicU32,
}

impl Budget {
    fn new(time: Duration) -> Self {
        let start = Instant::now();
        Self {
            start,
            deadline: start + time,
            left: AtomicU32::new(MAX_REQUESTS),
        }
    }

    fn take_one(&self) -> bool {
        Instant::now() < self.deadline
            && self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
    }
}

/// One thread's share of a run.
struct Driver<'a> {
    outcomes: Vec<Outcome>,
    budget: &'a Budget,
}

impl Driver<'_> {
    /// Keeps one request in flight on each connection, and reads each response when it arrives.
    fn drive(mut self, mut clients: Vec<(usize, &mut Client)>) -> Vec<Outcome> {
        clients.retain_mut(|(group, client)| self.send(*group, client));
        while !clients.is_empty() {
            let mut ready = readable(&clients).into_iter();
            clients.retain_mut(|(group, client)| match ready.next() {
                Some(true) => self.receive(*group, client) && self.send(*group, client),
                _ => true,
            });
        }
        self.outcomes
    }

    /// Whether a request was sent.
    fn send(&mut self, group: usize, client: &mut Client) -> bool {
        self.budget.take_one() && {
            let sent = client.send();
            self.note(group, sent).is_some()
        }
    }

    /// Whether the response was good.
    fn receive(&mut self, group: usize, client: &mut Client) -> bool {
        let latency = client.receive();
        match (self.note(group, latency), self.outcomes.get_mut(group)) {
            (Some(latency), Some(outcome)) => {
                outcome.latencies.push(latency);
                true
            }
            _ => false,
        }
    }

    fn note<T>(&mut self, group: usize, result: io::Result<T>) -> Option<T> {
        result
            .map_err(|error| {
                if let Some(outcome) = self.outcomes.get_mut(group) {
                    outcome.errors.push(error.to_string());
                }
            })
            .ok()
    }
}

/// Waits for a response, and says which connections have one. After a silence or an error all of them are to be
/// read: reading reports what is wrong.
fn readable(clients: &[(usize, &mut Client)]) -> Vec<bool> {
    let mut connections: Vec<_> = clients
        .iter()
        .map(|(_, client)| PollFd::new(&client.connection, PollFlags::IN))
        .collect();
    let is_silent = !matches!(poll(&mut connections, Some(&SILENCE)), Ok(1..));
    connections
        .iter()
        .map(|connection| is_silent || !connection.revents().is_empty())
        .collect()
}

fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
