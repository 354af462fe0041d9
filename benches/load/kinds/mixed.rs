//! Half of the connections refresh, a quarter introspect, an eighth request the keys, and an eighth sign in.

use std::io;

use super::{Bench, rounds};
use crate::{
    measurement::{Figure, Measurement, Unit},
    options::Kind,
};

/// The names of the figures of each group.
const P99: [&str; 4] = ["refresh p99", "introspect p99", "jwks p99", "password p99"];
const RATES: [&str; 4] = [
    "refresh rate",
    "introspect rate",
    "jwks rate",
    "password rate",
];

pub fn measure(bench: &Bench) -> io::Result<Measurement> {
    let server = bench.start_server()?;
    let clients = bench.clients(&server);
    let count = bench.options.connections();
    let mut groups = [
        clients.refresh(count.div_ceil(2))?,
        clients.introspect(count.div_ceil(4))?,
        clients.get("/.well-known/jwks.json", "keys", count.div_ceil(8))?,
        clients.password(count.div_ceil(8))?,
    ];
    let mut errors = Bench::warm_up(&mut groups);
    let mut results = Vec::new();
    for _ in rounds(Kind::Mixed, bench.options.rounds) {
        let mut round = bench.round(&mut groups, &server)?;
        errors.extend(round.take_errors());
        let mut figures = round.figures();
        for (index, (rate, p99)) in RATES.into_iter().zip(P99).enumerate() {
            let group = round.group(index);
            figures.push(Figure::new(rate, Unit::PerSecond, group.rate()));
            figures.push(Figure::new(p99, Unit::Milliseconds, group.percentile(990)));
        }
        results.push(figures);
    }
    let mut measurement = Measurement::of_rounds(Kind::Mixed, &results, errors);
    measurement.add(Figure::mebibytes("peak memory", server.peak_bytes()?));
    Ok(measurement)
}
