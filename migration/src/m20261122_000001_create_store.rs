//! Users, clients, sessions and signing keys.
//!
//! Times are microseconds since 1970 in a `bigint`: every engine orders and keeps them alike.
//! Identifiers and digests have fixed types, text is compared byte by byte (on MySQL by a binary
//! collation), and no column of a session grows with use.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for mut table in [users(), clients(), sessions(), signing_keys()] {
            if manager.get_database_backend() == DbBackend::MySql {
                table.character_set("utf8mb4").collate("utf8mb4_bin");
            }
            manager.create_table(table).await?;
        }
        manager.create_index(index_sessions("user_id")).await?;
        manager.create_index(index_sessions("client_id")).await?;
        manager.create_index(index_sessions("expires_at")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["sessions", "signing_keys", "clients", "users"] {
            manager
                .drop_table(Table::drop().table(name).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn users() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(
            ColumnDef::new("username")
                .string_len(255)
                .not_null()
                .unique_key(),
        )
        .col(ColumnDef::new("password_hash").string_len(512).not_null())
        .col(ColumnDef::new("roles").text().not_null())
        .col(ColumnDef::new("session_epoch").big_integer().not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("disabled_at").big_integer())
        .to_owned()
}

fn clients() -> TableCreateStatement {
    Table::create()
        .table("clients")
        .col(
            ColumnDef::new("id")
                .string_len(255)
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("name").string_len(255).not_null())
        .col(ColumnDef::new("secret_digest").binary_len(32))
        .col(ColumnDef::new("grant_types").text().not_null())
        .col(ColumnDef::new("scope").text().not_null())
        .col(ColumnDef::new("audience").text().not_null())
        .col(ColumnDef::new("access_token_lifetime").big_integer())
        .col(ColumnDef::new("session_lifetime").big_integer())
        .col(ColumnDef::new("session_idle_lifetime").big_integer())
        .col(ColumnDef::new("retry_window").big_integer())
        .col(ColumnDef::new("late_retry").string_len(16))
        .col(ColumnDef::new("late_retry_spacing").big_integer())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("disabled_at").big_integer())
        .to_owned()
}

/// `rotation_gap` is how far the store was behind the token at the last rotation: 0 in ordinary
/// life, more when the store had lost its last writes.
fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("client_id").string_len(255).not_null())
        .col(ColumnDef::new("session_epoch").big_integer().not_null())
        .col(ColumnDef::new("scope").text().not_null())
        .col(ColumnDef::new("audience").text().not_null())
        .col(ColumnDef::new("generation").big_integer().not_null())
        .col(ColumnDef::new("rotated_at").big_integer().not_null())
        .col(ColumnDef::new("rotation_gap").big_integer().not_null())
        .col(ColumnDef::new("late_retry_generation").big_integer())
        .col(ColumnDef::new("authenticated_at").big_integer().not_null())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .col(ColumnDef::new("revoked_at").big_integer())
        .col(ColumnDef::new("revocation_reason").string_len(32))
        .col(ColumnDef::new("user_agent").string_len(255).not_null())
        .col(ColumnDef::new("address").string_len(45).not_null())
        .to_owned()
}

/// `longest_lifetime` is the longest life, in microseconds, of any token the key may have signed:
/// how long its public half must outlive its last signature.
fn signing_keys() -> TableCreateStatement {
    Table::create()
        .table("signing_keys")
        .col(ColumnDef::new("id").string_len(43).not_null().primary_key())
        .col(ColumnDef::new("public_jwk").text().not_null())
        .col(ColumnDef::new("sealed_private_key").blob())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("activates_at").big_integer().not_null())
        .col(ColumnDef::new("longest_lifetime").big_integer().not_null())
        .col(ColumnDef::new("revoked_at").big_integer())
        .to_owned()
}

fn index_sessions(column: &'static str) -> IndexCreateStatement {
    Index::create()
        .name(format!("sessions_{column}"))
        .table("sessions")
        .col(column)
        .to_owned()
}
