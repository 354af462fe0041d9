//! Why the store cannot be opened, and what to do.

use std::fmt;
use std::path::Path;

use sea_orm::DbErr;

use crate::database_url::ServerUrl;

/// The prefix of the migrations before the first release, which `create_schema` replaced.
const UNRELEASED_MIGRATIONS: &str = "m20261122_";

/// Why the store cannot be opened.
#[derive(Debug)]
pub struct OpenError(String);

impl OpenError {
    pub(super) fn of_file(path: &Path, error: &DbErr) -> Self {
        let path = path.display();
        let text = error.to_string();
        Self(if let Some(refusal) = other_version(&path, error) {
            refusal
        } else if text.contains("not a database") || text.contains("malformed") {
            format!("{path} is not a SQLite database, or is damaged; restore a backup ({text})")
        } else if is_locked(error) {
            format!("the database {path} is locked by another program; stop it and try again")
        } else {
            format!(
                "cannot open the database {path}: {text}; its directory must exist and be \
                 writable by this user"
            )
        })
    }

    /// `what` was being done, and `why` it failed; neither holds the URL.
    pub(super) fn of_server(url: &ServerUrl, what: &str, why: impl fmt::Display) -> Self {
        Self(format!(
            "{what} {url}, where database.url (JETON_DATABASE__URL) points: {why}"
        ))
    }

    pub(super) fn of_schema(url: &ServerUrl, error: &DbErr) -> Self {
        match other_version(url, error) {
            Some(refusal) => Self(refusal),
            None => Self::of_server(url, "cannot bring up to date the tables at", error),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

pub(super) fn is_locked(error: &DbErr) -> bool {
    error.to_string().contains("locked")
}

/// The error message for a database that holds migrations unknown to this version.
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
