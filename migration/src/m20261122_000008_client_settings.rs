//! Several secrets a client, each with an end of its own; and settings of clients: the `typ` of access
//! tokens, whether refresh tokens rotate, and whether the client is as much the operator's as the server.
//!
//! `access_token_type`: `at+jwt` or `JWT`; NULL: as the server's settings say. `rotation`: `always` or
//! `never`; NULL: `always`. A client that could use the password grant was first-party by what RFC 9700
//! §2.4 allows, so it stays so.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::sea_orm::prelude::Uuid;

const CLIENTS: &str = "clients";
const SECRETS: &str = "client_secrets";

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            ColumnDef::new("access_token_type").string_len(16).take(),
            ColumnDef::new("rotation").string_len(16).take(),
            flag("first_party"),
            flag("confidential"),
        ] {
            add_column(manager, column).await?;
        }
        let mut table = client_secrets();
        if manager.get_database_backend() == DbBackend::MySql {
            table.character_set("utf8mb4").collate("utf8mb4_bin");
        }
        manager.create_table(table).await?;
        manager.create_index(index_client_id()).await?;
        let first_party = Query::update()
            .table(CLIENTS)
            .value("first_party", true)
            .cond_where(has_password_grant())
            .take();
        manager.execute(first_party).await?;
        let confidential = Query::update()
            .table(CLIENTS)
            .value("confidential", true)
            .and_where(Expr::col("secret_digest").is_not_null())
            .take();
        manager.execute(confidential).await?;
        copy_to_secrets(manager).await?;
        drop_column(manager, "secret_digest").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new("secret_digest").binary_len(32).take();
        add_column(manager, column).await?;
        copy_to_clients(manager).await?;
        let table = Table::drop().table(SECRETS).to_owned();
        manager.drop_table(table).await?;
        for column in [
            "confidential",
            "first_party",
            "rotation",
            "access_token_type",
        ] {
            drop_column(manager, column).await?;
        }
        Ok(())
    }
}

fn flag(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.boolean().not_null().default(false).take()
}

fn client_secrets() -> TableCreateStatement {
    Table::create()
        .table(SECRETS)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("client_id").string_len(255).not_null())
        .col(ColumnDef::new("digest").binary_len(32).not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("expires_at").big_integer())
        .to_owned()
}

fn index_client_id() -> IndexCreateStatement {
    Index::create()
        .name("client_secrets_client_id")
        .table(SECRETS)
        .col("client_id")
        .to_owned()
}

/// Grant types stand in one text, separated by spaces.
fn has_password_grant() -> Condition {
    let grant_types = || Expr::col("grant_types");
    Condition::any()
        .add(grant_types().eq("password"))
        .add(grant_types().like("password %"))
        .add(grant_types().like("% password"))
        .add(grant_types().like("% password %"))
}

async fn copy_to_secrets(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let confidential = Query::select()
        .columns(["id", "secret_digest", "created_at"])
        .from(CLIENTS)
        .and_where(Expr::col("secret_digest").is_not_null())
        .take();
    let rows = manager.get_connection().query_all(&confidential).await?;
    for (count, row) in (0..).zip(rows) {
        let created_at: i64 = row.try_get("", "created_at")?;
        let values = [
            secret_id(created_at, count).into(),
            row.try_get::<String>("", "id")?.into(),
            row.try_get::<Vec<u8>>("", "secret_digest")?.into(),
            created_at.into(),
        ];
        let insert = Query::insert()
            .into_table(SECRETS)
            .columns(["id", "client_id", "digest", "created_at"])
            .values(values)
            .map_err(|error| DbErr::Custom(error.to_string()))?
            .take();
        manager.execute(insert).await?;
    }
    Ok(())
}

/// In the form of version 7, which orders by time: no two are the same, and nothing needs to be guessed.
fn secret_id(created_at: i64, count: u64) -> Uuid {
    let millis = u128::try_from(created_at / 1000).unwrap_or_default();
    let millis = millis & 0xffff_ffff_ffff;
    let count = u128::from(count) & 0x3fff_ffff_ffff_ffff;
    Uuid::from_u128(millis << 80 | 0x7 << 76 | 0x2 << 62 | count)
}

/// One digest a client: the one that is good for longest, the newest of those. A confidential client
/// with no secret gets a digest that no secret has; with none at all it would be public.
async fn copy_to_clients(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let of_nobody = Query::update()
        .table(CLIENTS)
        .value("secret_digest", vec![0_u8; 32])
        .and_where(Expr::col("confidential").eq(true))
        .take();
    manager.execute(of_nobody).await?;
    let secrets = Query::select()
        .columns(["client_id", "digest", "expires_at"])
        .from(SECRETS)
        .order_by("created_at", Order::Asc)
        .order_by("id", Order::Asc)
        .take();
    let mut ends = Vec::new();
    for row in manager.get_connection().query_all(&secrets).await? {
        let expires_at: Option<i64> = row.try_get("", "expires_at")?;
        ends.push((expires_at.unwrap_or(i64::MAX), row));
    }
    // Engines differ in where NULL stands. The last one written stays.
    ends.sort_by_key(|(end, _)| *end);
    for (_, row) in ends {
        let update = Query::update()
            .table(CLIENTS)
            .value("secret_digest", row.try_get::<Vec<u8>>("", "digest")?)
            .and_where(Expr::col("id").eq(row.try_get::<String>("", "client_id")?))
            .take();
        manager.execute(update).await?;
    }
    Ok(())
}

async fn add_column(manager: &SchemaManager<'_>, column: ColumnDef) -> Result<(), DbErr> {
    let table = Table::alter().table(CLIENTS).add_column(column).to_owned();
    manager.alter_table(table).await
}

async fn drop_column(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    let table = Table::alter().table(CLIENTS).drop_column(name).to_owned();
    manager.alter_table(table).await
}
