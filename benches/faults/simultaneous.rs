//! Many refreshes of one token at the same instant, at all nodes (row 27).

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::SocketAddr,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Options, client::parse, http::Connection, session::Tokens, sign_in::sign_in, write_started_file,
};

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs rounds until the time is up, each with the refresh token of the previous one. Returns whether every
/// round had one refresh token and one access token.
pub fn run(options: &Options, count: usize, out: &mut impl Write) -> io::Result<bool> {
    let mut token = sign_in(options, 1)?.pop().unwrap_or_default();
    write_started_file(options)?;
    let begin = Instant::now();
    let (mut rounds, mut messages) = (0_usize, Vec::new());
    while begin.elapsed() < Duration::from_secs(options.seconds) && messages.is_empty() {
        let answers = refresh_simultaneously(options, count, &token);
        rounds += 1;
        let mut refresh_tokens = BTreeSet::new();
        let mut access_tokens = BTreeSet::new();
        for answer in answers {
            match answer {
                Ok(tokens) => {
                    refresh_tokens.insert(tokens.refresh);
                    access_tokens.insert(tokens.access);
                }
                Err(error) => messages.push(error.to_string()),
            }
        }
        let found = (refresh_tokens.len(), access_tokens.len());
        if found != (1, 1) {
            messages.push(format!(
                "round {rounds}: {found:?} refresh and access tokens"
            ));
        }
        token = refresh_tokens.pop_first().unwrap_or(token);
        thread::sleep(PAUSE);
    }
    for message in messages.iter().take(9) {
        writeln!(out, "{message}")?;
    }
    let (requests, errors) = (count * rounds, messages.len());
    let errors = if errors == 0 {
        "none".into()
    } else {
        errors.to_string()
    };
    writeln!(
        out,
        "| {} | {count} at once, {rounds} times | {requests} | {errors} | | {} |",
        options.fault,
        usize::from(!messages.is_empty())
    )?;
    Ok(messages.is_empty() && rounds > 0)
}

/// Opens all connections before the first request is sent.
fn refresh_simultaneously(options: &Options, count: usize, token: &str) -> Vec<io::Result<Tokens>> {
    let form = format!(
        "grant_type=refresh_token&client_id={}&refresh_token={token}",
        options.client
    );
    let (form, start) = (&form, &Barrier::new(count));
    thread::scope(|scope| {
        let nodes = options.nodes.iter().copied().cycle().take(count);
        let threads: Vec<_> = nodes
            .map(|node| scope.spawn(move || refresh(node, form, start)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let panicked = |_| Err(io::Error::other("a client panicked"));
                thread.join().unwrap_or_else(panicked)
            })
            .collect()
    })
}

fn refresh(node: SocketAddr, form: &str, start: &Barrier) -> io::Result<Tokens> {
    let connection = Connection::open(node);
    start.wait();
    let mut connection = connection?;
    connection.post("/token", form)?;
    let response = connection.receive()?;
    let body = String::from_utf8_lossy(&response.body);
    let refused = || io::Error::other(format!("status {}: {body}", response.status));
    parse(&response.body).ok_or_else(refused)
}
