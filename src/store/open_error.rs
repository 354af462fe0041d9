//! The error when the store cannot be opened.

use std::fmt;
use std::path::Path;

use sea_orm::DbErr;
use thiserror::Error;

use crate::database_url::ServerUrl;

/// The prefix of the migrations before the first release, which `create_schema` replaced.
const UNRELEASED_MIGRATIONS: &str = "m20261122_";

/// The reason why the store cannot be opened, and the remedy.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct OpenError(String);

impl OpenError {
    pub(super) fn of_file(path: &Path, error: &DbErr) -> Self {
        let path = path.display();
        let text = error.to_string();
        Self(if let Some(message) = other_version(&path, error) {
            message
        } else if is_damage(error) || is_foreign(error) {
            format!("{path} is not a SQLite database, or is damaged; restore a backup ({text})")
        } else if let DbErr::Migration(why) = error {
            format!("cannot migrate the tables of the database {path}: {why}")
        } else if is_locked(error) {
            format!("the database {path} is locked by another program; stop it and try again")
        } else {
            format!(
                "cannot open the database {path}: {text}; its directory must exist and be \
                 writable by this user"
            )
        })
    }

    pub(super) fn in_restore(path: &Path) -> Self {
        let path = path.display();
        Self(format!(
            "the database {path} is being restored by `jeton restore`; try again when that has ended"
        ))
    }

    /// `action` failed because of `why`. Neither contains the URL, which may hold a password.
    pub(super) fn of_server(url: &ServerUrl, action: &str, why: impl fmt::Display) -> Self {
        Self(format!(
            "{action} {url} (database.url or database.url_file): {why}"
        ))
    }

    pub(super) fn of_migration(url: &ServerUrl, error: &DbErr, remedy: &str) -> Self {
        if let Some(message) = other_version(url, error) {
            return Self(message);
        }
        let why = format!("{error}{remedy}");
        Self::of_server(url, "cannot migrate the tables at", why)
    }
}

pub(super) fn is_locked(error: &DbErr) -> bool {
    error.to_string().contains("locked")
}

/// Whether SQLite has found that the file is damaged.
pub(super) fn is_damage(error: &DbErr) -> bool {
    error.to_string().contains("malformed")
}

/// Whether the file is another database, or none.
pub(super) fn is_foreign(error: &DbErr) -> bool {
    let text = error.to_string();
    matches!(error, DbErr::Custom(_))
        || text.contains("no such table")
        || text.contains("not a database")
}

/// The message for a database with migrations that this version does not know.
fn other_version(place: &impl fmt::Display, error: &DbErr) -> Option<String> {
    let text = error.to_string();
    if !text.contains("has been applied but its file is missing") {
        return None;
    }
    let unreleased = |name: &&str| name.starts_with(UNRELEASED_MIGRATIONS);
    Some(match text.split('\'').filter(unreleased).max() {
        Some(migration) => format!(
            "the database {place} was created by an unreleased version of Jeton (migration \
             {migration}) and cannot be upgraded; export what you need and start with an empty \
             database"
        ),
        None => format!(
            "the database {place} was written by a newer version of Jeton; run that version, or \
             restore the backup made before the upgrade"
        ),
    })
}
