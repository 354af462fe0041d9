//! Requests of one kind, compared with what they need at least.

use std::io;

use super::{Bench, rounds};
use crate::{
    measurement::{Figure, Measurement},
    options::Kind,
    unit::Comparison,
};

pub fn measure(kind: Kind, bench: &Bench) -> io::Result<Measurement> {
    let server = bench.start_server()?;
    let clients = bench.clients(&server);
    let count = bench.options.connections();
    let clients = match kind {
        Kind::Password => clients.password(count)?,
        Kind::Jwks => clients.get("/.well-known/jwks.json", "keys", count)?,
        Kind::Metadata => clients.get(
            "/.well-known/oauth-authorization-server",
            "token_endpoint",
            count,
        )?,
        Kind::Introspect => clients.introspect(count)?,
        _ => clients.refresh(count)?,
    };
    let mut groups = [clients];
    let mut errors = Bench::warm_up(&mut groups);
    let mut comparison = Comparison::with(kind, &bench.options)?;
    let mut results = Vec::new();
    for _ in rounds(kind, bench.options.rounds) {
        let measured_before = comparison.measure()?;
        let mut round = bench.round(&mut groups, &server)?;
        let measured = f64::midpoint(measured_before, comparison.measure()?);
        errors.extend(round.take_errors());
        let mut figures = round.figures();
        figures.extend(comparison.figures(measured, &round));
        results.push(figures);
    }
    let mut measurement = Measurement::of_rounds(kind, &results, errors);
    measurement.add(Figure::mebibytes("peak memory", server.peak_bytes()?));
    Ok(measurement)
}
