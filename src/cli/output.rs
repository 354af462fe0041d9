//! Output of commands: tables, lines and JSON.

use std::io::{self, Write as _};

use comfy_table::{Table, presets};
use serde_json::Value;

use super::CommandError;

/// Prints a table with a header. Columns are separated by spaces, as `awk` expects.
pub fn table(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), CommandError> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    text(&format!("{}\n", lines.join("\n")))
}

/// Prints JSON objects, one per line.
pub fn json(objects: impl IntoIterator<Item = Value>) -> Result<(), CommandError> {
    let mut objects = objects.into_iter();
    objects.try_for_each(|object| line(&object.to_string()))
}

/// Prints a line.
pub fn line(line: &str) -> Result<(), CommandError> {
    text(&format!("{line}\n"))
}

/// Prints a hint on standard error, so that it is in no JSON.
pub fn hint(text: &str) {
    drop(writeln!(io::stderr(), "jeton: hint: {text}"));
}

/// Prints text. A closed pipe, as after `head`, is no error.
pub fn text(text: &str) -> Result<(), CommandError> {
    bytes(text.as_bytes())
}

/// The same with bytes.
pub fn bytes(bytes: &[u8]) -> Result<(), CommandError> {
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a warning on standard error, which may be closed.
pub fn warn(text: &str) {
    drop(writeln!(io::stderr(), "jeton: warning: {text}"));
}
