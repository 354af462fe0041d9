//! All tables of the first release.
//!
//! Times and durations are microseconds in a `bigint`, times since 1970: all engines store and order them alike.
//! Lists are text, separated by spaces. NULL in a setting of a client stands for the default. There are no
//! foreign keys: sessions and audit events outlive the users and clients that they name.

use async_trait::async_trait;
use sea_orm::sea_query::{
    Index, IndexCreateStatement, InsertStatement, OnConflict, Query, TableCreateStatement,
};
use sea_orm::{ConnectionTrait as _, DatabaseExecutor, DbErr};

use crate::column::{
    big_integer, big_integer_null, binary_len, blob_null, boolean, pk_uuid, string_len,
    string_len_null, string_len_uniq, text, uuid, uuid_null,
};
use crate::engine::Engine;
use crate::migrator::{self, Step};
use crate::schema::Schema;

/// A table and the columns of an index. The index is named after the table and the first column.
const INDEXES: [(&str, &[&str]); 10] = [
    ("client_secrets", &["client_id"]),
    ("sessions", &["user_id"]),
    ("sessions", &["client_id"]),
    ("sessions", &["expires_at"]),
    ("sessions", &["revoked_at", "id"]),
    ("audit_events", &["user_id", "id"]),
    ("audit_events", &["client_id", "id"]),
    ("audit_events", &["session_id", "id"]),
    ("audit_events", &["action", "id"]),
    ("sign_in_throttle", &["free_at"]),
];

pub(crate) struct CreateSchema;

#[async_trait]
impl Step for CreateSchema {
    fn name(&self) -> &'static str {
        "m20261128_000001_create_schema"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        let engine = schema.engine();
        engine.convert(database, migrator::TABLE).await?;
        for table in [
            users(engine),
            clients(engine),
            client_secrets(engine),
            sessions(engine),
            signing_keys(engine),
            audit_events(engine),
            sign_in_throttle(engine),
            leases(engine),
        ] {
            schema.create_table(&table).await?;
        }
        for (table, columns) in INDEXES {
            schema.create_index(table, &index(table, columns)).await?;
        }
        database.execute(&sweep_lease()).await.map(drop)
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        for table in [
            "users",
            "clients",
            "client_secrets",
            "sessions",
            "signing_keys",
            "audit_events",
            "sign_in_throttle",
            "leases",
        ] {
            schema.drop_table(table).await?;
        }
        Ok(())
    }
}

/// The accounts. `session_epoch` is incremented to end all sessions of a user; `revision` counts the changes.
fn users(engine: &Engine) -> TableCreateStatement {
    engine
        .table("users")
        .col(pk_uuid("id"))
        .col(engine.bytewise(string_len_uniq("username", 255)))
        .col(string_len("password_hash", 512))
        .col(text("roles"))
        .col(big_integer("session_epoch"))
        .col(big_integer("created_at"))
        .col(big_integer_null("disabled_at"))
        .col(big_integer("revision").default(0))
        .take()
}

/// The registered applications and their settings. `revision` counts the changes.
fn clients(engine: &Engine) -> TableCreateStatement {
    engine
        .table("clients")
        .col(engine.bytewise(string_len("id", 255)).primary_key())
        .col(string_len("name", 255))
        .col(text("grant_types"))
        .col(text("scope"))
        .col(text("audience"))
        .col(text("origins"))
        .col(big_integer_null("access_token_lifetime"))
        .col(big_integer_null("session_lifetime"))
        .col(big_integer_null("session_idle_lifetime"))
        .col(big_integer_null("retry_window"))
        .col(string_len_null("late_retry", 16))
        .col(big_integer_null("late_retry_spacing"))
        .col(big_integer("created_at"))
        .col(big_integer_null("disabled_at"))
        .col(string_len_null("access_token_format", 16))
        .col(big_integer("revision").default(0))
        .col(string_len_null("access_token_type", 16))
        .col(string_len_null("rotation", 16))
        .col(boolean("first_party").default(false))
        .col(boolean("confidential").default(false))
        .take()
}

/// The digests of client secrets. A client may have several, each with its own expiry.
fn client_secrets(engine: &Engine) -> TableCreateStatement {
    engine
        .table("client_secrets")
        .col(pk_uuid("id"))
        .col(engine.bytewise(string_len("client_id", 255)))
        .col(binary_len("digest", 32))
        .col(big_integer("created_at"))
        .col(big_integer_null("expires_at"))
        .take()
}

/// The sign-ins: one row per session, however often it is refreshed; the row never grows. `acr` is the method of
/// the sign-in. `rotation_gap` is the number of generations that the row was behind the token at the last
/// rotation, more than 0 after lost writes.
fn sessions(engine: &Engine) -> TableCreateStatement {
    let table = engine
        .table("sessions")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(engine.bytewise(string_len("client_id", 255)))
        .col(big_integer("session_epoch"))
        .col(text("scope"))
        .col(text("audience"))
        .col(big_integer("generation"))
        .col(big_integer("rotated_at"))
        .col(big_integer("rotation_gap"))
        .col(big_integer_null("late_retry_generation"))
        .col(big_integer("authenticated_at"))
        .col(text("acr"))
        .col(big_integer("expires_at"))
        .col(big_integer_null("revoked_at"))
        .col(string_len_null("revocation_reason", 32))
        .col(string_len("user_agent", 255))
        .col(string_len("address", 45))
        .take();
    engine.leave_space_for_updates(table)
}

/// The key pairs that sign access tokens. `longest_lifetime` is the longest lifetime of a token that the key may
/// have signed: the public key stays published that long after the last signature.
fn signing_keys(engine: &Engine) -> TableCreateStatement {
    engine
        .table("signing_keys")
        .col(string_len("id", 43).primary_key())
        .col(text("public_jwk"))
        .col(blob_null("sealed_private_key"))
        .col(big_integer("created_at"))
        .col(big_integer("activates_at"))
        .col(big_integer("longest_lifetime"))
        .col(big_integer_null("revoked_at"))
        .take()
}

/// The audit log. Rows are inserted and, after their retention, deleted; never updated. Ids are ordered by time
/// and the last column of each index, so a page of any search is read from an index.
fn audit_events(engine: &Engine) -> TableCreateStatement {
    engine
        .table("audit_events")
        .col(pk_uuid("id"))
        .col(big_integer("at"))
        .col(engine.bytewise(string_len("action", 32)))
        .col(string_len("outcome", 16))
        .col(string_len("actor_kind", 16))
        .col(string_len_null("actor_id", 255))
        .col(uuid_null("user_id"))
        .col(engine.bytewise(string_len_null("client_id", 255)))
        .col(uuid_null("session_id"))
        .col(string_len("address", 45))
        .col(string_len("user_agent", 255))
        .col(string_len("detail", 1024))
        .take()
}

/// The failed sign-ins per account, known or not. `subject` is a MAC of the name; after `free_at` the row has no
/// effect and is deleted.
fn sign_in_throttle(engine: &Engine) -> TableCreateStatement {
    engine
        .table("sign_in_throttle")
        .col(binary_len("subject", 32).primary_key())
        .col(big_integer("free_at"))
        .take()
}

/// The maintenance tasks that one node at a time runs, and the node that runs each.
fn leases(engine: &Engine) -> TableCreateStatement {
    engine
        .table("leases")
        .col(string_len("name", 32).primary_key())
        .col(uuid_null("holder"))
        .col(big_integer("expires_at"))
        .take()
}

/// The lease that nodes take to delete old rows. It exists from the start: a node only updates it.
fn sweep_lease() -> InsertStatement {
    Query::insert()
        .into_table("leases")
        .columns(["name", "expires_at"])
        .values_panic(["sweep".into(), 0_i64.into()])
        .on_conflict(
            OnConflict::column("name")
                .do_nothing_on(["name"])
                .to_owned(),
        )
        .take()
}

fn index(table: &'static str, columns: &'static [&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().table(table).take();
    if let Some(first) = columns.first() {
        index.name(format!("{table}_{first}"));
    }
    for column in columns {
        index.col(*column);
    }
    index
}
