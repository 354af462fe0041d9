//! Existing sessions of a PostgreSQL database, and their refresh tokens.

use std::{fs, io, path::Path};

use jeton::{root_secret::RootSecrets, token::refresh_token::RefreshToken};
use sea_orm::{DbErr, QueryResult};

use crate::database::Database;

/// A random sample of active sessions.
const SAMPLE: &str = "
    SELECT id, generation FROM sessions TABLESAMPLE BERNOULLI (least(100, 300.0 * $1 / (
        SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'sessions'::regclass)))
    WHERE client_id = 'first-party' AND revoked_at IS NULL
    AND expires_at > (extract(epoch FROM now()) * 1000000)::bigint
    AND rotated_at > (extract(epoch FROM now() - interval '13 days') * 1000000)::bigint
    ORDER BY random() LIMIT $1";

/// Refresh tokens of active sessions. `root_secret` is the file of the database's root secret.
pub fn refresh_tokens(
    database: Option<&Database>,
    root_secret: &Path,
    count: u32,
) -> io::Result<Vec<String>> {
    let database = database
        .filter(|database| database.is_postgres())
        .ok_or_else(|| io::Error::other("--stored needs PostgreSQL"))?;
    let secrets = RootSecrets::parse(&fs::read_to_string(root_secret)?);
    let secrets = secrets.map_err(|error| io::Error::other(error.to_string()))?;
    let rows = database.query(SAMPLE, vec![i64::from(count).into()])?;
    if rows.is_empty() {
        return Err(io::Error::other("the database has no active session"));
    }
    let token = |row| Ok(refresh_token(row)?.encode(&secrets).expose().to_owned());
    rows.iter()
        .map(token)
        .collect::<Result<_, DbErr>>()
        .map_err(io::Error::other)
}

fn refresh_token(row: &QueryResult) -> Result<RefreshToken, DbErr> {
    let generation: i64 = row.try_get("", "generation")?;
    Ok(RefreshToken {
        session: row.try_get("", "id")?,
        generation: u32::try_from(generation).map_err(|error| DbErr::Type(error.to_string()))?,
    })
}
