//! `jeton restore`: a SQLite database from a backup.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CommandError, operator_at, output, serve};
use crate::bootstrap;
use crate::clock::{Clock, Timestamp};
use crate::config::{Settings, Span};
use crate::database_url::{DatabaseUrl, Engine, ServerUrl};
use crate::key::KeyRing;
use crate::store::restore::{LostEvents, Restoration, RestoreError};
use crate::store::session;
use crate::store::signing_key;

#[derive(Debug, Args)]
pub struct Restore {
    /// A file that `jeton backup` has written.
    file: PathBuf,
    /// Restore in place of the database that exists. It is kept under another name.
    #[arg(long)]
    replace: bool,
    /// Revoke every session: sessions that were revoked after the backup are active in it.
    #[arg(long)]
    revoke_all_sessions: bool,
}

impl Restore {
    pub async fn run(self, settings: &Settings) -> Result<(), CommandError> {
        let database = match settings.database() {
            DatabaseUrl::Sqlite(path) => path,
            DatabaseUrl::Server(url) => return Err(for_server(&url)),
        };
        bootstrap::create_directory(&settings.data_dir)?;
        let now = Clock::system().now();
        // Interrupted, it deletes what it has written.
        let restoration = tokio::select! {
            begun = Restoration::begin(&self.file, &database, self.replace) => begun?,
            () = serve::stop_signal()? => return Err(CommandError::new("stopped; nothing was restored")),
        };
        let mut revoked = None;
        if self.revoke_all_sessions {
            let store = restoration.store();
            revoked = Some(session::revoke_all(&store, &operator_at(now)).await?);
        }
        let fault = fault_of_keys(&restoration, settings).await?;
        let (taken_at, migrated) = (restoration.taken_at, restoration.migrated_steps);
        let lost = restoration.lost_events().await;
        let kept = restoration.finish(now).await?;
        let kept = kept.map(|kept| format!("The former database is {}.\n", kept.display()));
        let migrated = (migrated > 0).then(|| {
            format!("The backup is of an older version of Jeton: {migrated} steps of the schema were added.\n")
        });
        let sessions = revoked.map(|revoked| {
            format!("\nAll active sessions of the backup are revoked: {revoked}. All users sign in again.\n")
        });
        let report = [
            what_was_done(&self.file, &database, taken_at, now),
            kept.unwrap_or_default(),
            migrated.unwrap_or_default(),
            what_is_lost(lost),
            sessions.unwrap_or_else(|| SESSIONS.to_owned()),
        ];
        output::text(&report.concat())?;
        if let Some(fault) = fault {
            output::warn(&fault);
        }
        Ok(())
    }
}

const LOST: &str = "
Undone is all that happened after the backup:
  sessions that were revoked or signed out   are active again
  passwords that were changed                are the former ones
  disabled users, removed roles              are as before; so are clients and their secrets
  signing keys that were created             are unknown; tokens they signed are refused until refreshed
  users and sessions that were added         are unknown
  audit events                               are lost; the server's log has them (target jeton::audit)
";

const SESSIONS: &str = "
Revoke what was revoked after the backup (`jeton session revoke`), before you start the server. If you do not know
all of it, restore again with --replace --revoke-all-sessions: all users then sign in again.
";

fn what_was_done(
    file: &Path,
    database: &Path,
    taken_at: Option<Timestamp>,
    now: Timestamp,
) -> String {
    let (file, database) = (file.display(), database.display());
    match taken_at {
        Some(at) => {
            let seconds = now.since(at).unwrap_or_default().as_secs();
            let age = Span(std::time::Duration::from_secs(seconds));
            format!("{database} is restored from {file}, the backup of {at} ({age} ago).\n")
        }
        None => format!(
            "{database} is restored from {file}. The time of the backup is not known, because `jeton backup` has not \
             made it.\n"
        ),
    }
}

/// What a restore undoes, with the number of events of the former database if they are known.
fn what_is_lost(lost: Option<Vec<LostEvents>>) -> String {
    let Some(lost) = lost else {
        return LOST.to_owned();
    };
    if lost.is_empty() {
        return "The former database has no audit event after the backup.\n".to_owned();
    }
    let counts: Vec<String> = lost
        .iter()
        .map(|events| format!("{} {}", events.count, events.action))
        .collect();
    format!(
        "{LOST}Audit events of the former database after the backup: {}.\n",
        counts.join(", ")
    )
}

/// What is wrong with the root secret, which is not in the backup.
async fn fault_of_keys(
    restoration: &Restoration,
    settings: &Settings,
) -> Result<Option<String>, CommandError> {
    let keys = signing_key::list(&restoration.store()).await?;
    let fault = match bootstrap::read_root_secrets(settings) {
        Ok(Some(secrets)) => KeyRing::open(keys, &secrets)
            .err()
            .map(|error| error.to_string()),
        Ok(None) if keys.is_empty() => None,
        Ok(None) => Some("there is none".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    let advice =
        "the server does not start before the root secret of the time of the backup is in place";
    Ok(fault.map(|fault| {
        format!(
            "{advice} ({}): {fault}",
            settings.root_secret.file.display()
        )
    }))
}

fn for_server(url: &ServerUrl) -> CommandError {
    let program = match url.engine() {
        Engine::Postgres => "pg_restore --exit-on-error --dbname=DATABASE FILE",
        Engine::MySql => "mariadb DATABASE <FILE",
    };
    CommandError::new(format!(
        "`jeton restore` is for SQLite, and the database is at {url}; stop all nodes, empty the database, then run \
         its own program: `{program}`. See \"Backup and restore\" in docs/operating.md, and for what a restore undoes in \
         docs/scaling.md"
    ))
}

impl From<RestoreError> for CommandError {
    fn from(error: RestoreError) -> Self {
        Self::new(error.to_string())
    }
}
