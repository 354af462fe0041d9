//! The restore of a SQLite file from a backup, while no other process uses it.

mod former;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement};
use thiserror::Error;

pub use self::former::LostEvents;
use super::backup::{self, check_integrity};
use super::file_lock::FileLock;
use super::open_error::is_foreign;
use super::schema_steps::count_steps;
use super::sqlite::{connect_as_is, migrate};
use super::{OpenError, Store};
use crate::clock::Timestamp;
use crate::private_file::{self, Draft, with_ending};

/// Why a restore failed. The former store is as it was.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// There is a store, and it may not be replaced.
    #[error(
        "there is a database at {0}; --replace restores in its place and keeps it under another name"
    )]
    Exists(PathBuf),
    /// Another process uses the store.
    #[error(
        "the database {0} is in use; stop the server and every other program that has it open, and try again"
    )]
    InUse(PathBuf),
    /// The backup cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, io::Error),
    /// The file has a write-ahead log.
    #[error(
        "{0} is no backup: its last changes are in {0}-wal, as in a database that a program uses; make a backup of \
         it with `jeton backup`"
    )]
    HasLog(PathBuf),
    /// The file is not a store.
    #[error("{0} is not a backup of Jeton ({1}); name a file that `jeton backup` has written")]
    NotBackup(PathBuf, String),
    /// The file is damaged.
    #[error("the backup {0} is damaged or incomplete ({1}); restore from another backup")]
    Damaged(PathBuf, String),
    /// The schema of the backup is not known or cannot be migrated.
    #[error(transparent)]
    Schema(#[from] OpenError),
    /// The new file cannot be written.
    #[error(
        "cannot write {0}: {1}; its directory must exist, have space and be writable by this user"
    )]
    Write(PathBuf, io::Error),
    /// The former file cannot be kept.
    #[error("cannot keep the former database as {0}: {1}")]
    Keep(PathBuf, io::Error),
    /// A statement failed.
    #[error("store: {0}")]
    Store(#[from] DbErr),
}

/// A backup that was copied beside the database, checked and migrated, and that does not replace the database yet.
pub struct Restoration {
    database: PathBuf,
    draft: Draft,
    connection: DatabaseConnection,
    former_exists: bool,
    /// The time of the backup; `None` if the file is another copy of a store.
    pub taken_at: Option<Timestamp>,
    /// The number of steps of the schema's history that the backup did not have.
    pub migrated_steps: i64,
    // No process opens the store before the restore has ended.
    _lock: FileLock,
}

impl Restoration {
    /// Copies the backup to a temporary file beside the database, checks it and migrates it. The caller has created the
    /// directory.
    pub async fn begin(file: &Path, database: &Path, replace: bool) -> Result<Self, RestoreError> {
        let database = &database
            .canonicalize()
            .unwrap_or_else(|_| database.to_owned());
        let former_exists = database.symlink_metadata().is_ok();
        if former_exists && !replace {
            return Err(RestoreError::Exists(database.to_owned()));
        }
        let lock = FileLock::exclusive(database);
        let lock = lock.ok_or_else(|| RestoreError::InUse(database.to_owned()))?;
        let draft = copy(file, database)?;
        if former_exists {
            former::close(database).await?;
        }
        let connection = connect_as_is(draft.path()).await;
        let connection = connection.map_err(|error| unusable(file, &error))?;
        let (taken_at, migrated_steps) = match check(&connection, file).await {
            Ok(checked) => checked,
            Err(error) => {
                // Before the draft is deleted.
                drop(connection.close().await);
                return Err(error);
            }
        };
        Ok(Self {
            database: database.to_owned(),
            draft,
            connection,
            former_exists,
            taken_at,
            migrated_steps,
            _lock: lock,
        })
    }

    /// The store that will be in place.
    pub fn store(&self) -> Store {
        Store::on_one(self.connection.clone())
    }

    /// The events of the former store since the backup; `None` if they cannot be read.
    pub async fn lost_events(&self) -> Option<Vec<LostEvents>> {
        let since = self.taken_at.filter(|_| self.former_exists)?;
        former::events(&self.database, since).await.ok()
    }

    /// Puts the new file in place. Returns the name under which the former one is kept.
    pub async fn finish(self, now: Timestamp) -> Result<Option<PathBuf>, RestoreError> {
        self.connection.close().await?;
        let write = |error| RestoreError::Write(self.database.clone(), error);
        let copy = File::open(self.draft.path()).map_err(write)?;
        copy.sync_all().map_err(write)?;
        let kept = former::keep(&self.database, now)?;
        let placed = if self.former_exists {
            self.draft.replace(&self.database)
        } else {
            self.draft.publish(&self.database)
        };
        placed.map_err(write)?;
        Ok(kept)
    }
}

fn copy(file: &Path, database: &Path) -> Result<Draft, RestoreError> {
    let unreadable = |error| RestoreError::Read(file.to_owned(), error);
    // Before it is opened: opening a pipe would wait for its writer.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is not a file")));
    }
    let mut backup = File::open(file).map_err(unreadable)?;
    let log = with_ending(file, "-wal").metadata();
    if log.is_ok_and(|log| log.len() > 0) {
        return Err(RestoreError::HasLog(file.to_owned()));
    }
    let write = |error| RestoreError::Write(database.to_owned(), error);
    let (draft, mut copy) = Draft::create(database).map_err(write)?;
    private_file::give_to_owner(&copy, database);
    io::copy(&mut backup, &mut copy).map_err(write)?;
    Ok(draft)
}

/// Checks the copy and migrates it. Returns the time of the backup and the number of steps.
async fn check(
    copy: &DatabaseConnection,
    file: &Path,
) -> Result<(Option<Timestamp>, i64), RestoreError> {
    let steps_before = count_steps(copy).await;
    let steps_before = steps_before.map_err(|error| unusable(file, &error))?;
    let damaged = |why| RestoreError::Damaged(file.to_owned(), why);
    let found = check_integrity(copy).await;
    if let Some(damage) = found.map_err(|error| damaged(error.to_string()))? {
        return Err(damaged(damage));
    }
    if has_programs(copy).await? {
        let why = "it has triggers or views, which no version of Jeton makes";
        return Err(RestoreError::NotBackup(file.to_owned(), why.to_owned()));
    }
    // One file, without a log beside it.
    copy.execute_unprepared("PRAGMA journal_mode = DELETE")
        .await?;
    let schema = |error| OpenError::of_file(file, &error);
    migrate(copy).await.map_err(schema)?;
    let steps_after = count_steps(copy).await?;
    Ok((backup::time(copy).await?, steps_after - steps_before))
}

/// Whether the file has SQL of its own, which the statements of Jeton would run.
async fn has_programs(copy: &DatabaseConnection) -> Result<bool, DbErr> {
    let programs = "SELECT 1 FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1";
    let found = copy.query_one_raw(Statement::from_string(DbBackend::Sqlite, programs));
    Ok(found.await?.is_some())
}

fn unusable(file: &Path, error: &DbErr) -> RestoreError {
    let (file, why) = (file.to_owned(), error.to_string());
    if is_foreign(error) {
        RestoreError::NotBackup(file, why)
    } else {
        RestoreError::Damaged(file, why)
    }
}
