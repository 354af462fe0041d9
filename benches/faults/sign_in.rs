//! Sign-ins at all nodes before the load.

use std::{io, net::SocketAddr, thread};

use crate::{Options, client::parse, http::Connection};

/// The number of concurrent sign-ins. Each waits for a password hash, so more would not be faster.
const CONCURRENT: usize = 4;
const MAX_RETRIES: usize = 5;

/// Begins `count` sessions and returns their refresh tokens.
pub fn sign_in(options: &Options, count: usize) -> io::Result<Vec<String>> {
    let form = format!(
        "grant_type=password&client_id={}&username={}&password={}",
        options.client, options.username, options.password
    );
    let nodes = options.nodes.iter().copied().cycle();
    let share = count.div_ceil(CONCURRENT);
    let shares = (0..CONCURRENT).map(|part| share.min(count.saturating_sub(part * share)));
    thread::scope(|scope| {
        let threads: Vec<_> = nodes
            .zip(shares)
            .map(|(node, share)| {
                let form = &form;
                scope.spawn(move || {
                    let mut connection = None;
                    (0..share)
                        .map(|_| sign_in_with_retries(node, &mut connection, form))
                        .collect()
                })
            })
            .collect();
        let mut tokens = Vec::with_capacity(count);
        for thread in threads {
            let part: io::Result<Vec<String>> = thread
                .join()
                .map_err(|_| io::Error::other("a sign-in panicked"))?;
            tokens.extend(part?);
        }
        Ok(tokens)
    })
}

/// Retries, because hashing and writing may be slow on a busy machine.
fn sign_in_with_retries(
    node: SocketAddr,
    connection: &mut Option<Connection>,
    form: &str,
) -> io::Result<String> {
    let mut attempt = sign_in_once(node, connection, form);
    for _ in 0..MAX_RETRIES {
        if attempt.is_ok() {
            break;
        }
        *connection = None;
        attempt = sign_in_once(node, connection, form);
    }
    attempt
}

fn sign_in_once(
    node: SocketAddr,
    connection: &mut Option<Connection>,
    form: &str,
) -> io::Result<String> {
    let connection = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(node)?),
    };
    connection.post("/token", form)?;
    let response = connection.receive()?;
    let body = String::from_utf8_lossy(&response.body);
    let tokens = parse(&response.body)
        .ok_or_else(|| io::Error::other(format!("sign-in failed: {} {body}", response.status)))?;
    Ok(tokens.refresh)
}
