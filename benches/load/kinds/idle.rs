//! Resident memory: after the start, under load, and with many idle connections as well.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Bench, rounds};
use crate::{
    http::Connection,
    measurement::{Figure, Measurement},
    options::Kind,
    server::Server,
};

const IDLE: u16 = 2_000;

/// Files of this process and of a server beside the idle connections.
const OTHER_FILES: u64 = 200;

pub fn measure(bench: &Bench) -> io::Result<Measurement> {
    raise_file_limit()?;
    let mut errors = Vec::new();
    let mut results = Vec::new();
    for _ in rounds(Kind::Idle, bench.options.rounds) {
        let server = bench.start_server()?;
        let after_start = server.resident_bytes()?;
        let clients = bench.clients(&server);
        let count = bench.options.connections();
        let mut groups = [clients.refresh(count)?, clients.password(count)?];
        errors.extend(bench.round(&mut groups, &server)?.take_errors());
        let loaded = server.resident_bytes()?;
        let idle = (0..IDLE).map(|_| idle_connection(&server));
        let idle: Vec<Connection> = idle.collect::<io::Result<_>>()?;
        let with_idle = server.resident_bytes()?;
        drop(idle);
        results.push(vec![
            Figure::mebibytes("memory after start", after_start),
            Figure::mebibytes("memory loaded", loaded),
            Figure::mebibytes("memory with 2,000 idle", with_idle),
            Figure::mebibytes("peak memory", server.peak_bytes()?),
        ]);
    }
    Ok(Measurement::of_rounds(Kind::Idle, &results, errors))
}

/// A connection that has had a response.
fn idle_connection(server: &Server) -> io::Result<Connection> {
    let mut connection = server.connect()?;
    connection.get("/healthz")?;
    match connection.receive()?.status {
        200 => Ok(connection),
        status => Err(io::Error::other(format!("/healthz: status {status}"))),
    }
}

/// Raises the number of open files, which servers that are started later inherit.
fn raise_file_limit() -> io::Result<()> {
    let needed = u64::from(IDLE) + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < needed) {
        let reason = format!("{needed} open files are needed: raise the limit, ulimit -n");
        return Err(io::Error::other(reason));
    }
    let raised = Rlimit {
        current: Some(needed),
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
