//! Sessions that a store holds already, and the refresh tokens that they would have handed out.

use std::{fs, io, path::Path};

use jeton::{root_secret::RootSecrets, token::refresh_token::RefreshToken};
use sea_orm::{ConnectionTrait as _, Database, DbBackend, DbErr, Statement};
use uuid::Uuid;

/// Sessions that go on, as many as are asked for, from all over the table.
const SAMPLE: &str = "
    SELECT id, generation FROM sessions TABLESAMPLE BERNOULLI (least(100, 300.0 * $1 / (
        SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'sessions'::regclass)))
    WHERE client_id = 'first-party' AND revoked_at IS NULL
    AND expires_at > (extract(epoch FROM now()) * 1000000)::bigint
    ORDER BY random() LIMIT $1";

/// Tokens for sessions of the database at `url`, whose root secret is in `root_secret`.
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
        return Err(io::Error::other(
            "the database holds no session that goes on",
        ));
    }
    Ok(tokens)
}

async fn sample(url: &str, count: u32) -> Result<Vec<RefreshToken>, DbErr> {
    let connection = Database::connect(url).await?;
    let count = i64::from(count);
    let question = Statement::from_sql_and_values(DbBackend::Postgres, SAMPLE, [count.into()]);
    let rows = connection.query_all_raw(question).await?;
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
