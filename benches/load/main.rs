//! Load on the real server: `cargo bench --bench load -- [KIND…]`. docs/performance.md explains the figures.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use clap::Parser as _;

mod clients;
mod database;
mod drive;
#[expect(dead_code, reason = "the faults use more of it")]
mod http;
mod kinds;
mod measurement;
mod options;
mod process;
mod report;
mod requests;
mod round;
mod server;
mod store;
mod stored_sessions;
mod temporary_database;
mod unit;

use kinds::{Bench, limited_figure};
use measurement::Measurement;
use options::{Kind, Options};
use store::Store;

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.serve_empty_handler {
        Some(address) => unit::serve(address).map(|()| true),
        None => run(options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            drop(writeln!(io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures and reports. Whether there was no error, and the limit was kept.
fn run(options: Options) -> io::Result<bool> {
    let kinds = options.kinds();
    let limit = Limit::of(&options, &kinds)?;
    let store = Store::open(&options)?;
    let bench = Bench { store, options };
    let measurements = kinds
        .into_iter()
        .map(|kind| bench.measure(kind))
        .collect::<io::Result<Vec<_>>>()?;
    write(&measurements, &bench.options)?;
    let mut is_good = measurements.iter().all(|one| one.errors.is_empty());
    for measurement in &measurements {
        is_good &= limit.is_none_or(|limit| limit.check(measurement));
    }
    Ok(is_good)
}

fn write(measurements: &[Measurement], options: &Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let json = || format!("{:#}\n", report::json(measurements, options));
    match options.json.as_deref() {
        Some(file) if file == Path::new("-") => return out.write_all(json().as_bytes()),
        Some(file) => fs::write(file, json())?,
        None => {}
    }
    out.write_all(report::table(measurements, options).as_bytes())
}

/// The greatest value that one figure may have.
#[derive(Clone, Copy)]
struct Limit {
    figure: &'static str,
    at_most: f64,
}

impl Limit {
    fn of(options: &Options, kinds: &[Kind]) -> io::Result<Option<Self>> {
        let Some(at_most) = options.at_most else {
            return Ok(None);
        };
        let figure = match kinds {
            [kind] => limited_figure(*kind),
            _ => None,
        };
        let figure = figure.ok_or_else(|| {
            let reason =
                "--at-most needs one kind: refresh, password, jwks, metadata, introspect or flood";
            io::Error::new(io::ErrorKind::InvalidInput, reason)
        })?;
        Ok(Some(Self { figure, at_most }))
    }

    /// Whether the limit was kept. Reports it if not.
    fn check(self, measurement: &Measurement) -> bool {
        let value = measurement.value(self.figure).unwrap_or(f64::INFINITY);
        let is_kept = value <= self.at_most;
        if !is_kept {
            let (figure, at_most) = (self.figure, self.at_most);
            let message = format!(
                "{}: {figure} is {value:.2}, more than {at_most}",
                measurement.kind
            );
            drop(writeln!(io::stderr(), "{message}"));
        }
        is_kept
    }
}
