//! The refresh grant under load, against the real server on SQLite: `cargo bench --bench load`.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, value_parser};

#[expect(dead_code, reason = "the faults use more of it")]
mod http;
mod lane;
mod refresh;
mod report;
mod server;
mod signature;

use lane::Lane;
use refresh::Budget;
use report::Report;
use server::Server;

const WARM_UP: Duration = Duration::from_secs(1);
const MOST_REFRESHES: u32 = 20_000;

/// How fast sessions are refreshed, and how much of the server's CPU one refresh takes.
#[derive(Parser)]
struct Options {
    /// Seconds to measure; 20,000 refreshes end it sooner
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Keep-alive connections, each with one request under way
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u16).range(1..=64))]
    connections: u16,
    /// Sessions that are refreshed in turn
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..=1000))]
    sessions: u16,
    /// Fail when a refresh costs the server more than this many RSA signatures
    #[arg(long, value_name = "MULTIPLE")]
    at_most: Option<f64>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
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

/// The signature is measured before and after the load, while the server idles: the machine's speed
/// may drift.
fn measure(options: &Options) -> io::Result<Report> {
    let server = Server::start()?;
    let mut lanes = open_lanes(&server, options)?;

    let signature_before = signature::cpu_time()?;
    let warm_up = refresh::run(&mut lanes, &Budget::new(WARM_UP, MOST_REFRESHES));
    let cpu_before = server.cpu_time()?;
    let measured = Budget::new(Duration::from_secs(options.seconds), MOST_REFRESHES);
    let mut outcome = refresh::run(&mut lanes, &measured);
    let elapsed = measured.elapsed();
    let cpu = server.cpu_time()?.saturating_sub(cpu_before);
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
        signature_cpu: (signature_before + signature_after) / 2,
        resident_kib,
        at_most: options.at_most,
    })
}

/// Deals the sessions out to the connections. No connection is without one.
fn open_lanes(server: &Server, options: &Options) -> io::Result<Vec<Lane>> {
    let lanes = usize::from(options.connections.min(options.sessions));
    let mut lanes: Vec<Lane> = (0..lanes)
        .map(|_| Lane::open(server.address()))
        .collect::<io::Result<_>>()?;
    let mut left = usize::from(options.sessions);
    while left > 0 {
        for lane in lanes.iter_mut().take(left) {
            lane.sign_in(server::USERNAME, server::PASSWORD)?;
        }
        left = left.saturating_sub(lanes.len());
    }
    Ok(lanes)
}
