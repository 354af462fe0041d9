//! Honest clients that refresh their sessions while something fails: `cargo bench --bench faults`.
//!
//! The scripts in `tests/faults/` start the nodes, break something and read the verdict. A client keeps
//! its newest refresh token; without an answer, on 5xx and on 429 it sends the same token again, mostly
//! to another node; only `invalid_grant` signs it out. None may be, and more:
//!
//! - whoever shows the same token, two tabs at the same instant included, gets the same refresh token,
//!   and in the retry window the same access token;
//! - a node that cannot serve says 503 with `Retry-After`, never 500;
//! - at the end each session can still be refreshed, and an old token still ends a session.

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
mod crowd;
#[expect(dead_code, reason = "the load uses more of it")]
#[path = "../load/http.rs"]
mod http;
mod random;
mod replay;
mod report;
mod session;
mod sign_in;
mod tally;

use client::{Client, World};
use random::Random;
use report::Report;
use session::Session;
use tally::Tally;

/// A client's thread keeps little: 2,000 of them must not cost 2,000 times a main thread's stack.
const STACK: usize = 256 * 1024;

/// Refreshes sessions through several nodes, and tells what became of them.
#[derive(Parser)]
#[command(args_override_self = true)]
struct Options {
    /// Address and port of a node; once for each
    #[arg(long = "node", value_name = "ADDRESS", required = true)]
    nodes: Vec<SocketAddr>,
    /// Seconds of load
    #[arg(long, default_value_t = 15, value_parser = value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Instead of all that follows: so many show one token at the same instant, again and again
    #[arg(long, value_parser = value_parser!(u16).range(2..=1000))]
    crowd: Option<u16>,
    /// Sessions that one client refreshes
    #[arg(long, default_value_t = 1600)]
    single: usize,
    /// Sessions that two clients share, as two tabs do
    #[arg(long, default_value_t = 200)]
    shared: usize,
    /// Sessions whose client falls asleep, see --asleep-after; at the end half of their owners come before
    /// somebody who shows an older token, and half after
    #[arg(long, default_value_t = 0)]
    sleepers: usize,
    /// Seconds of load after which they fall asleep
    #[arg(long, default_value_t = 5)]
    asleep_after: u64,
    /// Sessions whose older tokens are shown at the end
    #[arg(long, default_value_t = 20)]
    replays: usize,
    /// Seconds between an answer and the next refresh of that session, give or take a quarter
    #[arg(long, default_value_t = 6.0)]
    pace: f64,
    /// Seconds that a client waits for an answer: less than three quarters of --pace
    #[arg(long, default_value_t = 3.0)]
    patience: f64,
    /// Seconds from the first sending of a token in which all answers to it must be the same to the byte
    #[arg(long, default_value_t = 5.0)]
    same_within: f64,
    /// Seconds after the load in which each session must be refreshed once more
    #[arg(long, default_value_t = 60)]
    grace: u64,
    #[arg(long, default_value = "first-party")]
    client: String,
    #[arg(long, default_value = "admin")]
    username: String,
    /// Goes into a form as it is: no character may need an escape
    #[arg(long)]
    password: String,
    /// What the table calls the fault
    #[arg(long, default_value = "none")]
    fault: String,
    /// This file is made when the load begins
    #[arg(long, value_name = "FILE")]
    begun: Option<PathBuf>,
    /// The figures go to this file as `name=value`
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,
    /// Where chance begins; a run is not repeatable by it, but its choices are
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> io::Result<ExitCode> {
    match judge(&Options::parse()) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            writeln!(io::stderr(), "error: {error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn judge(options: &Options) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    if let Some(crowd) = options.crowd {
        return crowd::run(options, crowd.into(), &mut out);
    }
    let report = run(options)?;
    report.write_to(&mut out)?;
    Ok(report.is_good())
}

fn run(options: &Options) -> io::Result<Report> {
    let [pace, patience, same_within] = [options.pace, options.patience, options.same_within]
        .map(|seconds| Duration::from_secs_f64(seconds.clamp(0.1, 3600.0)));
    if patience >= pace.mul_f64(0.75) {
        // Else one tab could still wait for an answer to a token when the other goes on from the next.
        return Err(io::Error::other(
            "--patience must be less than 3/4 of --pace",
        ));
    }
    let count = options.single + options.shared + options.sleepers;
    let tokens = sign_in::sign_in(options, count)?;

    let begin = Instant::now();
    let end = begin + Duration::from_secs(options.seconds);
    let world = World {
        nodes: options.nodes.clone(),
        client_id: options.client.clone(),
        deadline: end + Duration::from_secs(options.grace),
        pace,
        patience,
        same_within,
        tally: Tally::new(begin, end),
    };
    let mut random = Random::new(options.seed);
    let sessions: Vec<Session> = tokens
        .into_iter()
        .map(|token| Session::new(token, begin + random.up_to(pace)))
        .collect();
    tell_that_it_begins(options)?;
    refresh_all(options, &sessions, &world, &mut random)?;
    let (awake, asleep) = sessions.split_at(options.single + options.shared);
    let replays = replay::show_older_tokens(awake, asleep, options.replays, &world);
    let report = Report::new(options, &sessions, &world, replays);
    if let Some(path) = &options.figures {
        fs::write(path, report.figures())?;
    }
    Ok(report)
}

fn tell_that_it_begins(options: &Options) -> io::Result<()> {
    options
        .begun
        .as_ref()
        .map_or(Ok(()), |path| fs::write(path, ""))
}

/// A thread for each client, until the load has ended and each session that is awake went on once more.
fn refresh_all(
    options: &Options,
    sessions: &[Session],
    world: &World,
    random: &mut Random,
) -> io::Result<()> {
    let end = world.tally.end();
    let bedtime = world.tally.begin() + Duration::from_secs(options.asleep_after);
    let (single, rest) = sessions.split_at(options.single);
    let (shared, asleep) = rest.split_at(options.shared);
    let clients = single.iter().map(|session| (session, end, true));
    let clients = clients.chain(shared.iter().map(|session| (session, end, true)));
    let clients = clients.chain(shared.iter().map(|session| (session, end, false)));
    let clients = clients.chain(asleep.iter().map(|session| (session, bedtime, false)));
    std::thread::scope(|scope| {
        for (session, until, comes_at_the_end) in clients {
            let mut client = Client::new(session, world, random.split());
            std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, move || {
                    client.refresh_until(until);
                    if comes_at_the_end {
                        // Another tab may still wait for its answer.
                        std::thread::sleep(world.patience);
                        client.refresh_once();
                    }
                })?;
        }
        Ok(())
    })
}
