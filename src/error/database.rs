//! Classification of database errors: conflicts and temporary failures.

use std::borrow::Cow;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::mysql::MySqlDatabaseError;

/// Prefixes of the SQLSTATE codes of temporary failures: lost connection, rolled-back transaction, lack of
/// resources (full disk, too many connections), shutdown or start of the server, read-only server, timeout of a
/// statement or a transaction.
const TEMPORARY: [&str; 7] = ["08", "40", "53", "57P0", "25006", "57014", "25P03"];
/// Texts of temporary failures without a code: of SQLite, and of a lost connection.
const TEMPORARY_TEXTS: [&str; 3] = [
    "database is locked",
    "database or disk is full",
    "error communicating with database",
];
/// SQLSTATE codes of conflicts. 40001 is also a deadlock on MySQL and a failed certification on Galera.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// Error numbers of temporary failures on MariaDB and MySQL that have a general SQLSTATE code: full disk (1021,
/// 1114), lack of memory (1037, 1038, 1041), too many connections (1129, 1203, 1226), failed commit (1180), lock
/// wait timeout (1205), interrupted statement or timeout (1317, 1927, 1969, 3024), read-only server (1290, 1836).
const TEMPORARY_NUMBERS: [u16; 16] = [
    1021, 1037, 1038, 1041, 1114, 1129, 1180, 1203, 1205, 1226, 1290, 1317, 1836, 1927, 1969, 3024,
];
/// Error numbers of conflicts: changed record (1020), Galera member that is not ready (1047), conflict in group
/// replication (3101). A lock wait timeout (1205) is none: a retry would wait as long again.
const CONFLICT_NUMBERS: [u16; 3] = [1020, 1047, 3101];

/// Whether the database rolled the transaction back because of a concurrent one, so that it can be retried at
/// once.
pub fn is_conflict(error: &DbErr) -> bool {
    code_and_number(error).is_some_and(|(code, number)| {
        CONFLICTS.contains(&code.as_ref()) || number.is_some_and(|n| CONFLICT_NUMBERS.contains(&n))
    })
}

/// Whether the database is overloaded or unavailable, so that the request may succeed later.
pub fn is_temporary(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(_)) | DbErr::Query(RuntimeErr::SqlxError(_)) => {
            let has_temporary_code = code_and_number(error).is_some_and(|(code, number)| {
                TEMPORARY.iter().any(|prefix| code.starts_with(prefix))
                    || number.is_some_and(|n| TEMPORARY_NUMBERS.contains(&n))
            });
            let text = error.to_string();
            has_temporary_code
                || is_conflict(error)
                || TEMPORARY_TEXTS.iter().any(|part| text.contains(part))
        }
        _ => false,
    }
}

/// The SQLSTATE code and, on MariaDB and MySQL, the error number.
fn code_and_number(error: &DbErr) -> Option<(Cow<'_, str>, Option<u16>)> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return None;
    };
    let error = error.as_database_error()?;
    let number = error.try_downcast_ref().map(MySqlDatabaseError::number);
    Some((error.code().unwrap_or_default(), number))
}
