//! The epoch of a client, which its sessions carry, and the epochs that ended.
//!
//! Clients and sessions from before this step have the epoch of 16 zero bytes in common, until the client is disabled.

use async_trait::async_trait;
use sea_orm::sea_query::{ColumnDef, Index, IndexCreateStatement, TableCreateStatement};
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::{big_integer, binary_len, pk_uuid, string_len, uuid};
use crate::engine::Engine;
use crate::migrator::Step;
use crate::schema::Schema;

const EPOCH: u32 = 16;
const COLUMNS: [(&str, &str); 2] = [("clients", "epoch"), ("sessions", "client_epoch")];
const ENDED: &str = "ended_client_epochs";
const OLD_INDEX: &str = "sessions_client_id";
const NEW_INDEX: &str = "sessions_client_id_id";

pub(crate) struct AddClientEpochs;

#[async_trait]
impl Step for AddClientEpochs {
    fn name(&self) -> &'static str {
        "m20261128_000040_add_client_epochs"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        for (table, column) in COLUMNS {
            schema.add_column(table, epoch(column)).await?;
        }
        schema.create_table(&ended(schema.engine())).await?;
        let index = index(NEW_INDEX, &["client_id", "id"]);
        schema.create_index("sessions", &index).await?;
        schema.drop_index("sessions", OLD_INDEX).await
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        let index = index(OLD_INDEX, &["client_id"]);
        schema.create_index("sessions", &index).await?;
        schema.drop_index("sessions", NEW_INDEX).await?;
        schema.drop_table(ENDED).await?;
        for (table, column) in COLUMNS {
            schema.drop_column(table, column).await?;
        }
        Ok(())
    }
}

fn epoch(name: &'static str) -> ColumnDef {
    binary_len(name, EPOCH)
        .default(vec![0_u8; EPOCH as usize])
        .take()
}

/// The epochs of clients that ended by disabling or deletion, while sessions of theirs are not yet marked as revoked.
/// `marked_until` is the last id up to which they are, `marked_at` the time of the last batch.
fn ended(engine: &Engine) -> TableCreateStatement {
    engine
        .table(ENDED)
        .col(pk_uuid("id"))
        .col(engine.bytewise(string_len("client_id", 255)))
        .col(binary_len("epoch", EPOCH))
        .col(string_len("reason", 32))
        .col(uuid("marked_until"))
        .col(big_integer("marked_at"))
        .take()
}

/// With the id, so that the sessions of a client are read in batches from the index.
fn index(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table("sessions").take();
    for column in columns {
        index.col(*column);
    }
    index
}
