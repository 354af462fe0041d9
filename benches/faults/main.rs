//! Well-behaved clients that refresh their sessions during a fault: `cargo bench --bench faults`.
//!
//! The scripts in `tests/faults/` start the nodes, cause a fault and read the result. A client keeps its
//! newest refresh token. Without a response, on 5xx and on 429, it sends the same token again, mostly to
//! another node. Only `invalid_grant` signs it out. The promises:
//!
//! - No client is signed out.
//! - All requests with the same token, two simultaneous tabs included, get the same refresh token; within
//!   the retry window they get the same access token.
//! - A node that cannot serve responds 503 with `Retry-After`, never 500.
//! - At the end each session can still be refreshed, and the replay of an old token revokes the session.
//!
//! For `tests/soak.sh` the clients of `mixed` send all other requests beside, and `recorder` writes what was slow or
//! failed.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, value_parser};

mod client;
mod counters;
#[expect(dead_code, reason = "the load uses more of it")]
#[path = "../load/http.rs"]
mod http;
mod mixed;
mod random;
mod recorder;
mod replay;
mod report;
mod session;
mod sign_in;
mod simultaneous;

use client::{Client, Run};
use counters::Counters;
use mixed::{Introspector, Mix};
use random::Random;
use recorder::Recorder;
use report::Report;
use session::Session;

/// The stack of a client's thread, small because there may be 2,000 of them.
const STACK: usize = 256 * 1024;

/// Refreshes sessions at several nodes and reports the results.
#[derive(Parser)]
#[command(args_override_self = true)]
struct Options {
    /// Address and port of a node; repeat for each node
    #[arg(long = "node", value_name = "ADDRESS", required = true)]
    nodes: Vec<SocketAddr>,
    /// Seconds of load
    #[arg(long, default_value_t = 15, value_parser = value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Instead of the load below: repeatedly refresh one token by this number of requests at the same instant
    #[arg(long, value_parser = value_parser!(u16).range(2..=1000))]
    simultaneous: Option<u16>,
    /// Number of sessions that one client refreshes
    #[arg(long, default_value_t = 1600)]
    single: usize,
    /// Number of sessions that two clients share, like two tabs
    #[arg(long, default_value_t = 200)]
    shared: usize,
    /// Number of sessions that become idle, see --idle-after. At the end an older token of each is replayed:
    /// in one half after the owner's next refresh, in the other half before
    #[arg(long, default_value_t = 0)]
    idle: usize,
    /// Seconds of load after which these sessions become idle
    #[arg(long, default_value_t = 5)]
    idle_after: u64,
    /// Number of other sessions of which an older token is replayed at the end
    #[arg(long, default_value_t = 20)]
    replays: usize,
    /// Seconds between a response and the next refresh of the session, plus or minus a quarter
    #[arg(long, default_value_t = 6.0)]
    pace: f64,
    /// Seconds that a client waits for a response; less than three quarters of --pace
    #[arg(long, default_value_t = 3.0)]
    timeout: f64,
    /// Seconds after the first use of a token in which all responses to it must be identical
    #[arg(long, default_value_t = 5.0)]
    same_within: f64,
    /// Seconds after the load in which each session must be refreshed once more
    #[arg(long, default_value_t = 60)]
    grace: u64,
    #[arg(long, default_value = "first-party")]
    client: String,
    #[arg(long, default_value = "admin")]
    username: String,
    /// Password; sent without escaping
    #[arg(long)]
    password: String,
    /// Name of the fault in the table
    #[arg(long, default_value = "none")]
    fault: String,
    /// File to create when the load begins
    #[arg(long, value_name = "FILE")]
    started_file: Option<PathBuf>,
    /// File for the figures, one `name=value` per line
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,
    /// Also send a mixed load of other requests; this confidential client introspects
    #[arg(long, value_name = "ID:SECRET")]
    mixed: Option<Introspector>,
    /// Directory for latencies.csv and errors.csv
    #[arg(long, value_name = "DIRECTORY")]
    record: Option<PathBuf>,
    /// Seed of the random choices; timing still varies between runs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> io::Result<ExitCode> {
    match execute(&Options::parse()) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            writeln!(io::stderr(), "error: {error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn execute(options: &Options) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    if let Some(count) = options.simultaneous {
        return simultaneous::run(options, count.into(), &mut out);
    }
    let report = run(options)?;
    report.write_to(&mut out)?;
    Ok(report.is_good())
}

fn run(options: &Options) -> io::Result<Report> {
    let [pace, timeout, same_within] = [options.pace, options.timeout, options.same_within]
        .map(|seconds| Duration::from_secs_f64(seconds.clamp(0.1, 3600.0)));
    if timeout >= pace.mul_f64(0.75) {
        // Otherwise one tab could still wait for a response to a token after the other has used its successor.
        return Err(io::Error::other(
            "--timeout must be less than 3/4 of --pace",
        ));
    }
    let count = options.single + options.shared + options.idle;
    let tokens = sign_in::sign_in(options, count)?;

    let begin = Instant::now();
    let end = begin + Duration::from_secs(options.seconds);
    let run = Run {
        nodes: options.nodes.clone(),
        client_id: options.client.clone(),
        deadline: end + Duration::from_secs(options.grace),
        pace,
        timeout,
        same_within,
        counters: Counters::new(begin, end),
        recorder: Recorder::new(options.record.as_deref())?,
    };
    let mut random = Random::new(options.seed);
    let sessions: Vec<Session> = tokens
        .into_iter()
        .map(|token| Session::new(token, begin + random.up_to(pace)))
        .collect();
    write_started_file(options)?;
    let mix = options.mixed.as_ref().map(|introspector| Mix {
        username: options.username.clone(),
        password: options.password.clone(),
        client: options.client.clone(),
        introspector: introspector.clone(),
    });
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| run.recorder.write_until(end));
        if let Some(mix) = &mix {
            mixed::spawn(scope, &run, mix, &mut random)?;
        }
        refresh_all(options, &sessions, &run, &mut random)?;
        let panicked = |_| Err(io::Error::other("the recorder panicked"));
        writer.join().unwrap_or_else(panicked)
    })?;
    let (active, idle) = sessions.split_at(options.single + options.shared);
    let replays = replay::replay_old_tokens(active, idle, options.replays, &run);
    let report = Report::new(options, &sessions, &run, replays);
    if let Some(path) = &options.figures {
        fs::write(path, report.figures())?;
    }
    Ok(report)
}

fn write_started_file(options: &Options) -> io::Result<()> {
    options
        .started_file
        .as_ref()
        .map_or(Ok(()), |path| fs::write(path, ""))
}

/// Runs one thread per client until the load has ended and each active session was refreshed once more.
fn refresh_all(
    options: &Options,
    sessions: &[Session],
    run: &Run,
    random: &mut Random,
) -> io::Result<()> {
    let end = run.counters.end();
    let idle_from = run.counters.begin() + Duration::from_secs(options.idle_after);
    let (single, rest) = sessions.split_at(options.single);
    let (shared, idle) = rest.split_at(options.shared);
    let clients = single.iter().map(|session| (session, end, true));
    let clients = clients.chain(shared.iter().map(|session| (session, end, true)));
    let clients = clients.chain(shared.iter().map(|session| (session, end, false)));
    let clients = clients.chain(idle.iter().map(|session| (session, idle_from, false)));
    std::thread::scope(|scope| {
        for (session, until, refreshes_at_end) in clients {
            let mut client = Client::new(session, run, random.split());
            // Otherwise all of them would refresh at the same instant.
            let delay = options.mixed.as_ref().map(|_| random.up_to(run.pace));
            std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, move || {
                    client.refresh_until(until);
                    if refreshes_at_end {
                        // Another tab may still wait for its response.
                        std::thread::sleep(run.timeout + delay.unwrap_or_default());
                        client.refresh_once();
                    }
                })?;
        }
        Ok(())
    })
}
