//! What is remembered of failed sign-ins: a time for each account, known or not.
//!
//! `subject` is a MAC, so that the table names nobody. `free_at` is when nothing of it will be
//! remembered any more; such rows are swept.

use sea_orm_migration::prelude::*;

const TABLE: &str = "sign_in_throttle";

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let subject = ColumnDef::new("subject").binary_len(32).not_null().take();
        let table = Table::create()
            .table(TABLE)
            .col(subject.clone().primary_key())
            .col(ColumnDef::new("free_at").big_integer().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("sign_in_throttle_free_at")
            .table(TABLE)
            .col("free_at")
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(TABLE).to_owned();
        manager.drop_table(table).await
    }
}
