//! Refreshes alone, and then while many other connections sign in without pause.

use std::io;

use super::{Bench, rounds};
use crate::{
    measurement::{Figure, Measurement, Unit},
    options::Kind,
};

/// The connections that sign in: as many as may wait for a thread by default.
const FLOOD: usize = 64;

/// p99 during the flood, divided by that before.
pub const P99_RATIO: &str = "p99 ratio";

pub fn measure(bench: &Bench) -> io::Result<Measurement> {
    let server = bench.start_server()?;
    let clients = bench.clients(&server);
    let refreshing = clients.refresh(bench.options.connections())?;
    let mut groups = [refreshing, clients.password(FLOOD)?];
    let mut errors = Bench::warm_up(&mut groups);
    let mut results = Vec::new();
    for _ in rounds(Kind::Flood, bench.options.rounds) {
        let (refreshing, _) = groups.split_at_mut(1);
        let mut quiet = bench.round(refreshing, &server)?;
        let mut flooded = bench.round(&mut groups, &server)?;
        errors.extend(quiet.take_errors());
        errors.extend(flooded.take_errors());

        let (quiet, sign_ins, flooded) = (quiet.group(0), flooded.group(1), flooded.group(0));
        let (quiet_p99, flooded_p99) = (quiet.percentile(990), flooded.percentile(990));
        results.push(vec![
            Figure::new("quiet rate", Unit::PerSecond, quiet.rate()),
            Figure::new("quiet p99", Unit::Milliseconds, quiet_p99),
            Figure::new("flooded rate", Unit::PerSecond, flooded.rate()),
            Figure::new("flooded p99", Unit::Milliseconds, flooded_p99),
            Figure::new("sign-in rate", Unit::PerSecond, sign_ins.rate()),
            Figure::new("rate ratio", Unit::None, flooded.rate() / quiet.rate()),
            Figure::new(P99_RATIO, Unit::None, flooded_p99 / quiet_p99),
        ]);
    }
    let mut measurement = Measurement::of_rounds(Kind::Flood, &results, errors);
    measurement.add(Figure::mebibytes("peak memory", server.peak_bytes()?));
    Ok(measurement)
}
