//! The time from the start of the program to the first token, on a store that has sessions.

use std::{
    cell::RefCell,
    io,
    time::{Duration, Instant},
};

use super::{Bench, rounds};
use crate::{
    measurement::{Figure, Measurement, Unit},
    options::Kind,
    requests::Requests as _,
    server::Server,
};

/// The least number of starts.
const STARTS: u32 = 9;

/// The pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(1);

pub fn measure(bench: &Bench) -> io::Result<Measurement> {
    let mut server = bench.start_server()?;
    let requests = RefCell::new(bench.clients(&server).session()?);
    let mut results = Vec::new();
    for _ in rounds(Kind::Start, bench.options.rounds.max(STARTS)) {
        server.stop()?;
        let start = Instant::now();
        server = Server::spawn(&bench.store)?;
        let response = server.wait_for(PAUSE, |connection| {
            requests.borrow_mut().send(connection)?;
            connection.receive()
        })?;
        let elapsed = start.elapsed();
        requests.borrow_mut().check(&response)?;
        results.push(vec![
            Figure::new(
                "start to first token",
                Unit::Milliseconds,
                elapsed.as_secs_f64() * 1e3,
            ),
            Figure::mebibytes("peak memory", server.peak_bytes()?),
        ]);
    }
    Ok(Measurement::of_rounds(Kind::Start, &results, Vec::new()))
}
