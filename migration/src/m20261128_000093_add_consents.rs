//! What users have allowed clients of third parties.

use async_trait::async_trait;
use sea_orm::sea_query::{Index, IndexCreateStatement, TableCreateStatement};
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::{big_integer, string_len, text, uuid};
use crate::engine::Engine;
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "consents";
const INDEX: &str = "consents_client_id";

pub(crate) struct AddConsents;

#[async_trait]
impl Step for AddConsents {
    fn name(&self) -> &'static str {
        "m20261128_000093_add_consents"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        schema.create_table(&consents(schema.engine())).await?;
        schema.create_index(TABLE, &by_client()).await
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        Schema::of(database).await?.drop_table(TABLE).await
    }
}

/// One row per user and client; `scope` grows with each consent.
fn consents(engine: &Engine) -> TableCreateStatement {
    let mut key = Index::create();
    key.col("user_id").col("client_id").primary();
    engine
        .table(TABLE)
        .col(uuid("user_id"))
        .col(engine.bytewise(string_len("client_id", 255)))
        .col(text("scope"))
        .col(big_integer("granted_at"))
        .primary_key(&mut key)
        .take()
}

fn by_client() -> IndexCreateStatement {
    let mut index = Index::create().name(INDEX).table(TABLE).take();
    index.col("client_id").take()
}
