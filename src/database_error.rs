//! What an error of a database means to whoever could try again.

use std::borrow::Cow;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::mysql::MySqlDatabaseError;

/// How PostgreSQL's codes begin, and SQL's in general, for what another try may overcome: a lost connection, a
/// deadlock, too little of something (a full disk, too many connections), a server that stops, starts or has become
/// a replica, a statement or a transaction that took too long.
const PASSING: [&str; 7] = ["08", "40", "53", "57P0", "25006", "57014", "25P03"];
/// What SQLite says then, and the driver of a connection that was lost.
const PASSING_TEXTS: [&str; 3] = [
    "database is locked",
    "database or disk is full",
    "error communicating with database",
];
/// Codes of what was undone because of what others did at the same time. The second is how MySQL calls a
/// deadlock, too, and how Galera says that another member was first.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// The numbers of MariaDB and MySQL for what `PASSING` is about, where the code does not tell: a disk that is
/// full (1021, 1114), too little memory (1037, 1038, 1041), too many connections (1129, 1203, 1226), a
/// failure to commit (1180), a lock that was not given (1205), a statement that was interrupted or took too
/// long (1317, 1927, 1969, 3024), a server that only reads (1290, 1836).
const PASSING_NUMBERS: [u16; 16] = [
    1021, 1037, 1038, 1041, 1114, 1129, 1180, 1203, 1205, 1226, 1290, 1317, 1836, 1927, 1969, 3024,
];
/// A record that has changed (1020), a member of a Galera cluster that is not ready yet (1047), a lock that
/// was not given (1205), a conflict in group replication (3101).
const CONFLICT_NUMBERS: [u16; 4] = [1020, 1047, 1205, 3101];

/// Whether the database has undone what was asked of it because of what others did at the same time; then
/// the same can be asked again at once.
#[must_use]
pub fn is_conflict(error: &DbErr) -> bool {
    told(error).is_some_and(|(code, number)| {
        CONFLICTS.contains(&code.as_ref()) || number.is_some_and(|n| CONFLICT_NUMBERS.contains(&n))
    })
}

/// Whether the database is busy or away, so that the same may well succeed later.
#[must_use]
pub fn is_passing(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(_)) | DbErr::Query(RuntimeErr::SqlxError(_)) => {
            let is_told = told(error).is_some_and(|(code, number)| {
                PASSING.iter().any(|passing| code.starts_with(passing))
                    || number.is_some_and(|n| PASSING_NUMBERS.contains(&n))
            });
            let text = error.to_string();
            is_told
                || is_conflict(error)
                || PASSING_TEXTS.iter().any(|passing| text.contains(passing))
        }
        _ => false,
    }
}

/// The code by which the database told of the error, and the number where it has one.
fn told(error: &DbErr) -> Option<(Cow<'_, str>, Option<u16>)> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return None;
    };
    let told = error.as_database_error()?;
    let number = told.try_downcast_ref().map(MySqlDatabaseError::number);
    Some((told.code().unwrap_or_default(), number))
}
