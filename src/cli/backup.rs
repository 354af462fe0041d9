//! `jeton backup`: a copy of a SQLite database while the server runs.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CommandError, output, serve};
use crate::clock::Clock;
use crate::config::Settings;
use crate::database_url::{DatabaseUrl, Engine, ServerUrl};
use crate::private_file::drafts;
use crate::store;

#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write. It must not exist.
    file: PathBuf,
}

impl Backup {
    pub async fn run(self, settings: &Settings) -> Result<(), CommandError> {
        let database = match settings.database() {
            DatabaseUrl::Sqlite(path) => super::existing(path)?,
            DatabaseUrl::Server(url) => return Err(for_server(&url)),
        };
        let file = &self.file;
        let now = Clock::system().now();
        // Interrupted, it deletes what it has written.
        tokio::select! {
            written = store::backup::backup(&database, file, now) => {
                written.map_err(|error| CommandError::new(error.to_string()))?;
            }
            () = serve::stop_signal()? => return Err(CommandError::new("stopped; no backup was written")),
        }
        output::line(&format!(
            "{} is a checked copy of {} at {now}",
            file.display(),
            database.display()
        ))?;
        output::hint(&note_on_root_secret(settings));
        for draft in unfinished(file) {
            output::warn(&format!(
                "{} is an unfinished copy of a backup that was killed, or of one that runs now; delete it if none runs",
                draft.display()
            ));
        }
        Ok(())
    }
}

/// Other copies that have the temporary name of this file.
fn unfinished(file: &Path) -> Vec<PathBuf> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let directory = file.parent().unwrap_or(Path::new("."));
    drafts(directory, &format!("{name}."))
}

fn note_on_root_secret(settings: &Settings) -> String {
    let secret = if settings.root_secret.value.0.expose().is_empty() {
        let path: &Path = &settings.root_secret.file;
        format!("the root secret, {},", path.display())
    } else {
        "the root secret".to_owned()
    };
    format!(
        "{secret} is not in the backup, which is of no use without it; keep a copy of it elsewhere: with both, an \
         attacker can sign in as any user"
    )
}

fn for_server(url: &ServerUrl) -> CommandError {
    let program = match url.engine() {
        Engine::Postgres => "pg_dump --format=custom --file=FILE DATABASE",
        Engine::MySql => "mariadb-dump --single-transaction --result-file=FILE DATABASE",
    };
    CommandError::new(format!(
        "`jeton backup` is for SQLite, and the database is at {url}; its own program makes the backup: `{program}`. Keep the root \
         secret apart from it. See \"Backup and restore\" in docs/operating.md"
    ))
}
