//! Existing sessions of a PostgreSQL database, and their refresh tokens.

use std::{fs, io, path::Path};

use jeton::{root_secret::RootSecrets, token::refresh_token::RefreshToken};
use sea_orm::{ConnectionTrait as _, Database, DbBackend, DbErr, Statement};
use uuid::Uuid;

/// A random sample of active sessions.
const SAMPLE: &str = "
    SELECT id, generation FROM sessions TABLESAMPLE BERNOULLI (least(100, 300.0 * $1 / (
        SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'sessions'::regclass)))
    WHERE client_id = 'first-party' AND revoked_at IS NULL
    AND expires_at > (extract(epoch FROM now()) * 1000000)::bigint
    AND rotated_at > (extract(epoch FROM now() - interval '13 days') * 1000000)::bigint
    ORDER BY random() LIMIT $1";

/// Refresh tokens of active sessions in the database at `url`. `root_secret` is the file of its root secret.
pub fn refresh_tokens(url: &str, root_secret: &Path, count: u32) -> io::Result<Vec<String>> {
    let secrets = RootSecrets::parse(&fs::read_to_string(root_secret)?);
    let secrets = secrets.map_err(|error| io::Error::other(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sessions = runtime.block_on(sample(url, count));
    let tokens: Vec<String> = sessions
        .map_err(io::Error::other)?
        .into_iter()
        .map(|token| token.encode(&secrets).expose().to_owned())
        .collect();
    if tokens.is_empty() {
        return Err(io::Error::other("the database has no active session"));
    }
    Ok(tokens)
}

async fn sample(url: &str, count: u32) -> Result<Vec<RefreshToken>, DbErr> {
    let connection = Database::connect(url).await?;
    let count = i64::from(count);
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, SAMPLE, [count.into()]);
    let rows = connection.query_all_raw(statement).await?;
    connection.close().await?;
    rows.iter()
        .map(|row| {
            let generation: i64 = row.try_get("", "generation")?;
            let generation =
                u32::try_from(generation).map_err(|error| DbErr::Type(error.to_string()))?;
            let session: Uuid = row.try_get("", "id")?;
            Ok(RefreshToken {
                session,
                generation,
            })
        })
        .collect()
}
