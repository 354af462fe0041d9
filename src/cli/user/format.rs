//! The formats of imported and exported users.

use std::path::Path;

use clap::ValueEnum;

/// The fields of a user: the members of an object, or the columns.
pub const FIELDS: [&str; 8] = [
    "id",
    "username",
    PASSWORD_HASH,
    "name",
    "email",
    "roles",
    "disabled",
    "created_at",
];

pub const PASSWORD_HASH: &str = "password_hash";

/// The format of a file of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// Values separated by commas, after a header with the names of the columns.
    Csv,
}

impl Format {
    /// The format by the end of a file's name.
    pub fn of(file: &Path) -> Self {
        let extension = file.extension().unwrap_or_default();
        if extension.eq_ignore_ascii_case("csv") {
            Self::Csv
        } else {
            Self::Jsonl
        }
    }
}
