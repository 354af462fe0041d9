//! Load on the refresh grant of the real server, on SQLite or PostgreSQL: `cargo bench --bench load`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, value_parser};

mod client;
#[expect(dead_code, reason = "the faults use more of it")]
mod http;
mod refresh;
mod report;
mod server;
mod signature;
mod stored_sessions;

use client::Client;
use refresh::Budget;
use report::Report;
use server::{Server, StoreOptions};

const WARM_UP: Duration = Duration::from_secs(1);
const MAX_REFRESHES: u32 = 20_000;

/// Measures the rate of refreshes and the server's CPU time per refresh.
#[derive(Parser)]
struct Options {
    /// Seconds to measure; ends earlier after 20,000 refreshes
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Number of keep-alive connections, each with one request at a time
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u16).range(1..=64))]
    connections: u16,
    /// Number of sessions, refreshed in turn
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=100_000))]
    sessions: u32,
    /// A database on a PostgreSQL server of this machine, empty or from an earlier run, instead of SQLite
    #[arg(long, value_name = "URL", requires = "root_secret")]
    database: Option<String>,
    /// File of the database's root secret
    #[arg(long, value_name = "FILE")]
    root_secret: Option<PathBuf>,
    /// Refresh a random sample of the sessions in the database instead of new ones
    #[arg(long, requires = "database")]
    stored: bool,
    /// Wait for the disk at each refresh (`database.rotation_durability` is "strict")
    #[arg(long)]
    strict: bool,
    /// Fail when the CPU time of a refresh exceeds that of this number of RSA signatures
    #[arg(long, value_name = "MULTIPLE")]
    at_most: Option<f64>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn stored_at(&self) -> Option<(&str, &Path)> {
        let url = self.database.as_deref().filter(|_| self.stored)?;
        Some((url, self.root_secret.as_deref()?))
    }
}

fn main() -> io::Result<ExitCode> {
    match measure(&Options::parse()) {
        Ok(report) => {
            report.write_to(&mut io::stdout().lock())?;
            Ok(if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(error) => {
            writeln!(io::stderr(), "error: {error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Measures the signature before and after the load, while the server is idle, because the machine's speed
/// may drift.
fn measure(options: &Options) -> io::Result<Report> {
    let store = StoreOptions {
        database: options.database.clone(),
        root_secret: options.root_secret.clone(),
        strict: options.strict,
    };
    let server = Server::start(&store)?;
    let mut clients = open_clients(&server, options)?;

    let signature_before = signature::cpu_time()?;
    let warm_up = refresh::run(&mut clients, &Budget::new(WARM_UP, MAX_REFRESHES));
    let backends_before = server.backends_cpu_time()?;
    let cpu_before = server.cpu_time()?;
    let measured = Budget::new(Duration::from_secs(options.seconds), MAX_REFRESHES);
    let mut outcome = refresh::run(&mut clients, &measured);
    let elapsed = measured.elapsed();
    let cpu = server.cpu_time()?.saturating_sub(cpu_before);
    let backends = server.backends_cpu_time()?;
    let backends = backends
        .zip(backends_before)
        .map(|(after, before)| after.saturating_sub(before));
    let signature_after = signature::cpu_time()?;

    outcome.errors.extend(warm_up.errors);
    let resident_kib = server.resident_kib().unwrap_or_else(|error| {
        outcome.errors.push(error.to_string());
        0
    });
    Ok(Report {
        latencies: outcome.latencies,
        errors: outcome.errors,
        elapsed,
        server_cpu: cpu,
        backends_cpu: backends,
        signature_cpu: (signature_before + signature_after) / 2,
        resident_kib,
        at_most: options.at_most,
    })
}

/// Distributes the sessions over the connections. Each connection has at least one.
fn open_clients(server: &Server, options: &Options) -> io::Result<Vec<Client>> {
    let sessions = usize::try_from(options.sessions).unwrap_or(usize::MAX);
    let count = usize::from(options.connections).min(sessions);
    let mut clients: Vec<Client> = (0..count)
        .map(|_| Client::open(server.address()))
        .collect::<io::Result<_>>()?;
    if let Some((url, root_secret)) = options.stored_at() {
        let tokens = stored_sessions::refresh_tokens(url, root_secret, options.sessions)?;
        for (index, token) in (0..clients.len()).cycle().zip(tokens) {
            if let Some(client) = clients.get_mut(index) {
                client.add_session(token);
            }
        }
        return Ok(clients);
    }
    let mut left = sessions;
    while left > 0 {
        for client in clients.iter_mut().take(left) {
            client.sign_in(server::USERNAME, server::PASSWORD)?;
        }
        left = left.saturating_sub(clients.len());
    }
    Ok(clients)
}
