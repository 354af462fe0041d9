//! The results of the load and their comparison with the limit.

use std::{
    io::{self, Write},
    time::Duration,
};

pub struct Report {
    pub latencies: Vec<Duration>,
    pub errors: Vec<String>,
    pub elapsed: Duration,
    pub server_cpu: Duration,
    /// CPU time of the database server's backends; `None` on SQLite.
    pub backends_cpu: Option<Duration>,
    pub signature_cpu: Duration,
    pub resident_kib: u32,
    /// The limit for [`Report::multiple`].
    pub at_most: Option<f64>,
}

impl Report {
    /// Whether there was no error, at least one refresh, and the limit, if any, was kept.
    pub fn is_good(&self) -> bool {
        self.errors.is_empty()
            && !self.latencies.is_empty()
            && self.at_most.is_none_or(|limit| self.multiple() <= limit)
    }

    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let [p50, p99, max] =
            [50, 99, 100].map(|percent| milliseconds(percentile(&sorted, percent)));

        writeln!(out, "refreshes               {:>10}", self.refreshes())?;
        writeln!(out, "requests/s              {:>10.0}", self.rate())?;
        writeln!(out, "p50                     {p50:>10.2} ms")?;
        writeln!(out, "p99                     {p99:>10.2} ms")?;
        writeln!(out, "max                     {max:>10.2} ms")?;
        writeln!(out, "errors                  {:>10}", self.errors.len())?;
        writeln!(
            out,
            "server CPU per refresh  {:>10.1} µs",
            microseconds(self.cpu_per_refresh())
        )?;
        if let Some(cpu) = self.backends_cpu {
            let each = microseconds(cpu / self.refreshes().max(1));
            writeln!(out, "database CPU per refresh{each:>10.1} µs")?;
        }
        writeln!(
            out,
            "RSA-2048 signature, CPU {:>10.1} µs",
            microseconds(self.signature_cpu)
        )?;
        writeln!(out, "multiple                {:>10.2}", self.multiple())?;
        writeln!(
            out,
            "server RSS              {:>10.1} MiB",
            f64::from(self.resident_kib) / 1024.0
        )?;
        if let Some(limit) = self.at_most {
            writeln!(out, "limit of the multiple   {limit:>10.2}")?;
        }
        self.errors
            .iter()
            .try_for_each(|error| writeln!(out, "error: {error}"))
    }

    fn refreshes(&self) -> u32 {
        u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)
    }

    fn rate(&self) -> f64 {
        f64::from(self.refreshes()) / self.elapsed.as_secs_f64()
    }

    fn cpu_per_refresh(&self) -> Duration {
        self.server_cpu / self.refreshes().max(1)
    }

    /// The server's CPU time per refresh, in signatures.
    fn multiple(&self) -> f64 {
        self.cpu_per_refresh().as_secs_f64() / self.signature_cpu.as_secs_f64()
    }
}

/// The smallest latency that `percent` of all did not exceed; zero if there is none.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1)
        .and_then(|index| sorted.get(index))
        .copied()
        .unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
