//! What commands print: tables for people, and the values that scripts read.

use std::io::{self, Write as _};

use comfy_table::{Table, presets};

use super::Failure;

/// A table with a header; columns are separated by spaces, so that `awk` reads it too.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<(), Failure> {
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

/// One line.
pub fn line(line: &str) -> Result<(), Failure> {
    text(&format!("{line}\n"))
}

/// Text as it is. A reader that has gone away, as `head` does, is no failure.
pub fn text(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
