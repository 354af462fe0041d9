//! Sessions to begin with: sign-ins at all nodes, before anything fails.

use std::{io, net::SocketAddr, thread};

use crate::{Options, client::parse, http::Connection};

/// Each waits for a password to be hashed: more would only wait for one another.
const AT_ONCE: usize = 4;
const TRIES: usize = 5;

/// The refresh tokens of so many sessions.
pub fn sign_in(options: &Options, count: usize) -> io::Result<Vec<String>> {
    let form = format!(
        "grant_type=password&client_id={}&username={}&password={}",
        options.client, options.username, options.password
    );
    let nodes = options.nodes.iter().copied().cycle();
    let share = count.div_ceil(AT_ONCE);
    let shares = (0..AT_ONCE).map(|part| share.min(count.saturating_sub(part * share)));
    thread::scope(|scope| {
        let threads: Vec<_> = nodes
            .zip(shares)
            .map(|(node, share)| {
                let form = &form;
                scope.spawn(move || {
                    let mut connection = None;
                    (0..share)
                        .map(|_| patiently(node, &mut connection, form))
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

/// A machine that is busy may be slow to hash and to write.
fn patiently(
    node: SocketAddr,
    connection: &mut Option<Connection>,
    form: &str,
) -> io::Result<String> {
    let mut attempt = once(node, connection, form);
    for _ in 0..TRIES {
        if attempt.is_ok() {
            break;
        }
        *connection = None;
        attempt = once(node, connection, form);
    }
    attempt
}

fn once(node: SocketAddr, connection: &mut Option<Connection>, form: &str) -> io::Result<String> {
    let connection = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(node)?),
    };
    connection.post("/token", form)?;
    let response = connection.receive()?;
    let told = String::from_utf8_lossy(&response.body);
    let tokens = parse(&response.body)
        .ok_or_else(|| io::Error::other(format!("no sign-in: {} {told}", response.status)))?;
    Ok(tokens.refresh)
}
