//! `jeton user export`.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::format::{FIELDS, Format, PASSWORD_HASH};
use crate::cli::{CommandError, output, serve};
use crate::private_file::Draft;
use crate::server::AuthorizationServer;
use crate::store::user::{self, Model};

/// Number of users that are in memory at once.
const PAGE: u64 = 1000;

#[derive(Debug, Args)]
pub struct UserExport {
    /// The file to write, which must not exist. Default: standard output.
    file: Option<PathBuf>,
    /// Default: csv if the name ends in .csv, else jsonl.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Also export the password hashes. With them, passwords can be guessed: keep the file secret.
    #[arg(long)]
    with_password_hashes: bool,
}

impl UserExport {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), CommandError> {
        let file = self.file.as_deref();
        let format = self.format.or(file.map(Format::of));
        let lines = Lines {
            format: format.unwrap_or(Format::Jsonl),
            with_hashes: self.with_password_hashes,
        };
        let Some(file) = file else {
            write(&lines, server, output::bytes).await?;
            return Ok(());
        };
        // Interrupted, it deletes what it has written.
        let count = tokio::select! {
            written = write_file(file, &lines, server) => written?,
            () = serve::stop_signal()? => return Err(CommandError::new("stopped; no file was written")),
        };
        let hashes = if self.with_password_hashes {
            "with"
        } else {
            "without"
        };
        output::line(&format!(
            "{} has {count} users, {hashes} password hashes",
            file.display()
        ))
    }
}

async fn write_file(
    file: &Path,
    lines: &Lines,
    server: &AuthorizationServer,
) -> Result<u64, CommandError> {
    let failure = |error: std::io::Error| {
        CommandError::new(if error.kind() == ErrorKind::AlreadyExists {
            format!(
                "{} exists, and an export overwrites nothing",
                file.display()
            )
        } else {
            format!("{}: {error}", file.display())
        })
    };
    if file.symlink_metadata().is_ok() {
        return Err(failure(ErrorKind::AlreadyExists.into()));
    }
    let (draft, open) = Draft::create(file).map_err(failure)?;
    let mut writer = BufWriter::new(open);
    let count = write(lines, server, |text| {
        writer.write_all(text).map_err(failure)
    })
    .await?;
    let open = writer
        .into_inner()
        .map_err(|error| failure(error.into_error()))?;
    File::sync_all(&open).map_err(failure)?;
    draft.publish(file).map_err(failure)?;
    Ok(count)
}

/// Writes all users page by page; returns their number.
async fn write(
    lines: &Lines,
    server: &AuthorizationServer,
    mut write: impl FnMut(&[u8]) -> Result<(), CommandError>,
) -> Result<u64, CommandError> {
    write(&lines.header()?)?;
    let (mut last, mut count) = (None, 0);
    loop {
        let page = user::page(&server.store, last, PAGE).await?;
        let Some(user) = page.last() else {
            return Ok(count);
        };
        last = Some(user.id);
        for user in &page {
            write(&lines.line(user)?)?;
            count += 1;
        }
    }
}

/// Makes the lines of the file.
struct Lines {
    format: Format,
    with_hashes: bool,
}

impl Lines {
    fn header(&self) -> Result<Vec<u8>, CommandError> {
        match self.format {
            Format::Jsonl => Ok(Vec::new()),
            Format::Csv => {
                let columns = FIELDS.iter();
                csv_line(columns.filter(|name| self.with_hashes || **name != PASSWORD_HASH))
            }
        }
    }

    fn line(&self, user: &Model) -> Result<Vec<u8>, CommandError> {
        let fields: [(&str, Value); 8] = [
            ("id", user.id.to_string().into()),
            ("username", user.username.as_str().into()),
            (PASSWORD_HASH, user.password_hash.as_str().into()),
            ("name", user.name.as_deref().into()),
            ("email", user.email.as_deref().into()),
            ("roles", user.roles().collect()),
            ("disabled", user.disabled_at.is_some().into()),
            ("created_at", user.created_at.as_seconds().into()),
        ];
        let fields = fields.into_iter();
        let fields = fields.filter(|(name, _)| self.with_hashes || *name != PASSWORD_HASH);
        match self.format {
            Format::Jsonl => {
                let object: Map<String, Value> = fields
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
                Ok(format!("{}\n", Value::Object(object)).into_bytes())
            }
            Format::Csv => csv_line(fields.map(|(_, value)| match value {
                Value::Null => String::new(),
                Value::String(text) => text,
                Value::Array(_) => user.roles.clone(),
                other => other.to_string(),
            })),
        }
    }
}

fn csv_line(values: impl Iterator<Item = impl AsRef<[u8]>>) -> Result<Vec<u8>, CommandError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(values);
    written.map_err(|error| CommandError::new(error.to_string()))?;
    writer
        .into_inner()
        .map_err(|error| CommandError::new(error.to_string()))
}
