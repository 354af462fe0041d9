//! Many who show one token at the same instant, at all nodes: row 27 of what the protocol promises.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::SocketAddr,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Options, client::parse, http::Connection, session::Tokens, sign_in::sign_in,
    tell_that_it_begins,
};

/// Between two rounds: longer than it takes to answer a crowd, shorter than the test has.
const PAUSE: Duration = Duration::from_millis(100);

/// As many rounds as the load has time for, each with the token that the last one got. Says whether each
/// got one refresh token and one access token.
pub fn run(options: &Options, crowd: usize, out: &mut impl Write) -> io::Result<bool> {
    let mut token = sign_in(options, 1)?.pop().unwrap_or_default();
    tell_that_it_begins(options)?;
    let begin = Instant::now();
    let (mut rounds, mut complaints) = (0_usize, Vec::new());
    while begin.elapsed() < Duration::from_secs(options.seconds) && complaints.is_empty() {
        let answers = all_at_once(options, crowd, &token);
        rounds += 1;
        let mut refresh_tokens = BTreeSet::new();
        let mut access_tokens = BTreeSet::new();
        for answer in answers {
            match answer {
                Ok(tokens) => {
                    refresh_tokens.insert(tokens.refresh);
                    access_tokens.insert(tokens.access);
                }
                Err(error) => complaints.push(error.to_string()),
            }
        }
        let found = (refresh_tokens.len(), access_tokens.len());
        if found != (1, 1) {
            complaints.push(format!(
                "round {rounds}: {found:?} refresh and access tokens"
            ));
        }
        token = refresh_tokens.pop_first().unwrap_or(token);
        thread::sleep(PAUSE);
    }
    for complaint in complaints.iter().take(9) {
        writeln!(out, "{complaint}")?;
    }
    let (requests, errors) = (crowd * rounds, complaints.len());
    let errors = if errors == 0 {
        "none".into()
    } else {
        errors.to_string()
    };
    writeln!(
        out,
        "| {} | {crowd} at once, {rounds} times | {requests} | {errors} | | {} |",
        options.fault,
        usize::from(!complaints.is_empty())
    )?;
    Ok(complaints.is_empty() && rounds > 0)
}

/// Each has its connection before anybody sends.
fn all_at_once(options: &Options, crowd: usize, token: &str) -> Vec<io::Result<Tokens>> {
    let form = format!(
        "grant_type=refresh_token&client_id={}&refresh_token={token}",
        options.client
    );
    let (form, start) = (&form, &Barrier::new(crowd));
    thread::scope(|scope| {
        let nodes = options.nodes.iter().copied().cycle().take(crowd);
        let threads: Vec<_> = nodes
            .map(|node| scope.spawn(move || one(node, form, start)))
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

fn one(node: SocketAddr, form: &str, start: &Barrier) -> io::Result<Tokens> {
    let connection = Connection::open(node);
    start.wait();
    let mut connection = connection?;
    connection.post("/token", form)?;
    let response = connection.receive()?;
    let told = String::from_utf8_lossy(&response.body);
    let refused = || io::Error::other(format!("status {}: {told}", response.status));
    parse(&response.body).ok_or_else(refused)
}
