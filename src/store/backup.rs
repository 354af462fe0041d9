//! Backups of a store in a SQLite file, while other processes use it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use thiserror::Error;

use super::file_lock::FileLock;
use super::open_error::{is_damage, is_foreign};
use super::schema_steps::count_steps;
use super::sqlite::connect_as_is;
use crate::clock::Timestamp;
use crate::private_file::Draft;

/// The row of `leases` with the time of a backup. The step of the schema that created the table is the first one, so
/// every store has it.
const BACKUP: &str = "backup";

/// Why a backup failed. Nothing is left behind.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The file exists.
    #[error("{0} exists, and a backup overwrites nothing; name another file")]
    Exists(PathBuf),
    /// The file cannot be created.
    #[error("cannot create {0}: {1}; its directory must exist and be writable by this user")]
    Create(PathBuf, io::Error),
    /// The name cannot be passed to SQLite.
    #[error("{0:?} is not in UTF-8; name another file")]
    Name(PathBuf),
    /// The store is being restored.
    #[error("{0} is being restored by `jeton restore`; try again when that has ended")]
    InRestore(PathBuf),
    /// The database is not one of Jeton.
    #[error("{0} is not a database of Jeton ({1}); correct data_dir, database.url or --config")]
    NotStore(PathBuf, DbErr),
    /// The database cannot be read.
    #[error("cannot read the database {0}: {1}")]
    Read(PathBuf, DbErr),
    /// The copy cannot be written.
    #[error("cannot write the backup {0}: {1}; is the disk full? Nothing was kept of it")]
    Write(PathBuf, String),
    /// The store is damaged.
    #[error(
        "{0} is damaged: {1}; keep your earlier backups, and restore the newest good one with `jeton restore`"
    )]
    Damaged(PathBuf, String),
}

/// Writes a copy of the database, as it is at one moment, to a new file. The copy has the schema of the database,
/// whatever its version.
pub async fn backup(database: &Path, file: &Path, now: Timestamp) -> Result<(), BackupError> {
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let Some(_lock) = FileLock::shared(database) else {
        return Err(BackupError::InRestore(database.to_owned()));
    };
    let cannot_create = |error| BackupError::Create(file.to_owned(), error);
    let (draft, _) = Draft::create(file).map_err(cannot_create)?;
    copy(database, file, &draft).await?;
    let cannot_write = |why: String| BackupError::Write(file.to_owned(), why);
    let marked = mark(draft.path(), now).await;
    if let Some(damage) = marked.map_err(|error| cannot_write(error.to_string()))? {
        return Err(BackupError::Damaged(database.to_owned(), damage));
    }
    let synced = File::open(draft.path()).and_then(|copy| copy.sync_all());
    synced.map_err(|error| cannot_write(error.to_string()))?;
    draft.publish(file).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => cannot_write(error.to_string()),
    })
}

/// Copies the database into the empty draft by one statement, which sees what was committed before it began.
async fn copy(database: &Path, file: &Path, draft: &Draft) -> Result<(), BackupError> {
    // SQLite could read a relative path as the name of something else.
    let target = std::path::absolute(draft.path());
    let target = target.map_err(|error| BackupError::Create(file.to_owned(), error))?;
    let target = target.to_str().map(str::to_owned);
    let target = target.ok_or_else(|| BackupError::Name(file.to_owned()))?;
    let source = connect_as_is(database).await;
    let source = source.map_err(|error| unusable(database, error))?;
    let copied = async {
        let steps = count_steps(&source).await;
        steps.map_err(|error| unusable(database, error))?;
        let vacuum = "VACUUM INTO ?";
        let vacuum = Statement::from_sql_and_values(DbBackend::Sqlite, vacuum, [target.into()]);
        source.execute_raw(vacuum).await.map_err(|error| {
            if is_damage(&error) {
                BackupError::Damaged(database.to_owned(), error.to_string())
            } else {
                BackupError::Write(file.to_owned(), error.to_string())
            }
        })
    };
    let copied = copied.await;
    drop(source.close().await);
    copied.map(drop)
}

/// Writes the time into the copy and checks it. Returns what is damaged.
async fn mark(copy: &Path, now: Timestamp) -> Result<Option<String>, DbErr> {
    let copy = connect_as_is(copy).await?;
    let mark = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "INSERT OR REPLACE INTO leases (name, holder, expires_at) VALUES (?, NULL, ?)",
        [BACKUP.into(), now.into()],
    );
    copy.execute_raw(mark).await?;
    let damage = check_integrity(&copy).await?;
    copy.close().await?;
    Ok(damage)
}

/// Reads the whole file. Returns what is damaged.
pub(super) async fn check_integrity(
    database: &DatabaseConnection,
) -> Result<Option<String>, DbErr> {
    let check = Statement::from_string(DbBackend::Sqlite, "PRAGMA integrity_check(1)");
    let row = database.query_one_raw(check).await?;
    let found: String = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
    Ok((found != "ok").then_some(found))
}

/// The time at which the backup was made; `None` if it is another copy of a store.
pub(super) async fn time(database: &impl ConnectionTrait) -> Result<Option<Timestamp>, DbErr> {
    let time = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "SELECT expires_at FROM leases WHERE name = ?",
        [BACKUP.into()],
    );
    let row = database.query_one_raw(time).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// The error for a database that cannot be used, with what to do.
fn unusable(database: &Path, error: DbErr) -> BackupError {
    let database = database.to_owned();
    if is_damage(&error) {
        BackupError::Damaged(database, error.to_string())
    } else if is_foreign(&error) {
        BackupError::NotStore(database, error)
    } else {
        BackupError::Read(database, error)
    }
}
