//! The report: a table for people, JSON for programs.

use std::{fs, thread};

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::{
    measurement::{Figure, Measurement},
    options::Options,
};

/// The number of errors of a kind that are printed.
const SHOWN_ERRORS: usize = 10;

/// One column per kind, one row per figure.
pub fn table(measurements: &[Measurement], options: &Options) -> String {
    let mut figures: Vec<&Figure> = Vec::new();
    for figure in measurements.iter().flat_map(|one| &one.figures) {
        if figures.iter().all(|known| known.name != figure.name) {
            figures.push(figure);
        }
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let kinds = measurements.iter().map(|one| one.kind.to_string());
    table.set_header([String::new(), String::new()].into_iter().chain(kinds));
    for figure in figures {
        let values = measurements.iter().map(|one| {
            let value = one.value(figure.name);
            value.map_or_else(String::new, text)
        });
        let name = [figure.name.to_owned(), figure.unit.symbol().to_owned()];
        table.add_row(name.into_iter().chain(values));
    }
    let errors = measurements.iter().map(|one| one.errors.len().to_string());
    table.add_row(
        ["errors".to_owned(), String::new()]
            .into_iter()
            .chain(errors),
    );
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    let shown = measurements.iter().flat_map(|one| {
        let errors = one.errors.iter().take(SHOWN_ERRORS);
        errors.map(|error| format!("error: {}: {error}", one.kind))
    });
    let lines: Vec<String> = lines.chain(shown).collect();
    format!("{}\n{}\n", options.conditions(), lines.join("\n"))
}

/// Three digits or more.
fn text(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

pub fn json(measurements: &[Measurement], options: &Options) -> Value {
    let measurements: Vec<Value> = measurements.iter().map(Measurement::json).collect();
    json!({
        "conditions": options.conditions(),
        "machine": machine(),
        "measurements": measurements,
    })
}

fn machine() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "cpu": model,
        "cores": thread::available_parallelism().ok().map(usize::from),
        "kernel": kernel.trim(),
    })
}
