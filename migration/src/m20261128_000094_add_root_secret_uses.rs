//! When nodes signed with each root secret.

use async_trait::async_trait;
use sea_orm::sea_query::TableCreateStatement;
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::{big_integer, string_len};
use crate::engine::Engine;
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "root_secret_uses";

pub(crate) struct AddRootSecretUses;

#[async_trait]
impl Step for AddRootSecretUses {
    fn name(&self) -> &'static str {
        "m20261128_000094_add_root_secret_uses"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        schema.create_table(&uses(schema.engine())).await
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        Schema::of(database).await?.drop_table(TABLE).await
    }
}

/// One row per root secret with which a node has signed.
fn uses(engine: &Engine) -> TableCreateStatement {
    engine
        .table(TABLE)
        .col(engine.bytewise(string_len("fingerprint", 32)).primary_key())
        .col(big_integer("last_signed_at"))
        .take()
}
