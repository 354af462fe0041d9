//! One round of load on a server, and its figures.

use std::{io, time::Duration};

use crate::{
    drive::{self, Client, Outcome, Run},
    measurement::{Figure, Unit, float},
    server::Server,
    store::{Reading, Store},
};

pub struct Round {
    run: Run,
    server_cpu: Duration,
    before: Reading,
    after: Reading,
}

impl Round {
    /// Runs the groups of clients at once.
    pub fn run(
        groups: &mut [Vec<Client>],
        time: Duration,
        server: &Server,
        store: &Store,
    ) -> io::Result<Self> {
        let before = store.read(server)?;
        let cpu_before = server.cpu_time()?;
        let run = drive::run(groups, time);
        let cpu_after = server.cpu_time()?;
        Ok(Self {
            run,
            server_cpu: cpu_after.saturating_sub(cpu_before),
            before,
            after: store.read(server)?,
        })
    }

    pub fn take_errors(&mut self) -> Vec<String> {
        let outcomes = self.run.outcomes.iter_mut();
        outcomes
            .flat_map(|outcome| outcome.errors.drain(..))
            .collect()
    }

    /// The figures of all groups together.
    pub fn figures(&self) -> Vec<Figure> {
        let whole = Group::of(self.run.outcomes.iter(), self.run.elapsed);
        let mut figures = vec![
            Figure::new("requests", Unit::None, whole.requests()),
            Figure::new("rate", Unit::PerSecond, whole.rate()),
            Figure::new("p50", Unit::Milliseconds, whole.percentile(500)),
            Figure::new("p99", Unit::Milliseconds, whole.percentile(990)),
            Figure::new("p99.9", Unit::Milliseconds, whole.percentile(999)),
            Figure::new("server CPU", Unit::Microseconds, self.server_cpu_each()),
        ];
        if let (Some(before), Some(after)) = (self.before.cpu, self.after.cpu) {
            let cpu = self.each(after.saturating_sub(before).as_secs_f64() * 1e6);
            figures.push(Figure::new("database CPU", Unit::Microseconds, cpu));
        }
        let client_cpu = self.each(self.run.client_cpu.as_secs_f64() * 1e6);
        figures.push(Figure::new(
            "load generator CPU",
            Unit::Microseconds,
            client_cpu,
        ));
        let grown = |before: u64, after: u64| self.each(float(after.saturating_sub(before)));
        let (before, after) = (&self.before, &self.after);
        figures.extend([
            Figure::new(
                "database growth",
                Unit::Bytes,
                grown(before.size, after.size),
            ),
            Figure::new(
                "database writes",
                Unit::Bytes,
                grown(before.written, after.written),
            ),
            Figure::new("log growth", Unit::Bytes, grown(before.log, after.log)),
        ]);
        figures
    }

    /// The server's CPU time per request, in microseconds.
    pub fn server_cpu_each(&self) -> f64 {
        self.each(self.server_cpu.as_secs_f64() * 1e6)
    }

    /// Requests per second of all groups.
    pub fn rate(&self) -> f64 {
        self.requests() / self.run.elapsed.as_secs_f64()
    }

    /// The figures of one group.
    pub fn group(&self, index: usize) -> Group {
        Group::of(self.run.outcomes.get(index).into_iter(), self.run.elapsed)
    }

    fn each(&self, whole: f64) -> f64 {
        whole / self.requests().max(1.0)
    }

    fn requests(&self) -> f64 {
        let outcomes = self.run.outcomes.iter();
        count(outcomes.map(|outcome| outcome.latencies.len()).sum())
    }
}

/// The responses to one group of clients.
pub struct Group {
    /// In microseconds, sorted.
    latencies: Vec<u32>,
    elapsed: Duration,
}

impl Group {
    fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>, elapsed: Duration) -> Self {
        let mut latencies: Vec<u32> = outcomes
            .flat_map(|outcome| outcome.latencies.iter().copied())
            .collect();
        latencies.sort_unstable();
        Self { latencies, elapsed }
    }

    fn requests(&self) -> f64 {
        count(self.latencies.len())
    }

    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.requests() / self.elapsed.as_secs_f64()
    }

    /// The smallest latency that this share of all did not exceed, in milliseconds; zero if there is none.
    pub fn percentile(&self, per_mille: usize) -> f64 {
        let rank = (self.latencies.len() * per_mille).div_ceil(1000);
        let latency = rank
            .checked_sub(1)
            .and_then(|index| self.latencies.get(index));
        f64::from(latency.copied().unwrap_or_default()) / 1e3
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
