//! The schema of a Jeton store, as a history: one file per step. A step is never edited after its release.
//!
//! Migrations use plain strings and never import the application. So an old step keeps its meaning when the
//! application changes.

mod engine;
mod m20261128_000001_create_schema;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// The history, oldest step first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261128_000001_create_schema::Migration)]
    }
}
