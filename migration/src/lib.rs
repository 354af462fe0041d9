//! The schema of a Jeton store, as a history: each file is one step, never edited once it has landed.
//!
//! Migrations speak strings and never import the application, so that an old step means the same
//! thing for ever.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261122_000001_create_store;
mod m20261122_000002_add_client_origins;
mod m20261122_000003_add_audit_events;
mod m20261122_000004_add_sign_in_throttle;
mod m20261122_000005_add_access_token_format;
mod m20261122_000006_index_revoked_sessions;
mod m20261122_000007_add_revisions;
mod m20261122_000008_client_settings;
mod m20261122_000009_compare_by_byte;
mod m20261122_000010_tell_spaces_apart;
mod m20261122_000011_add_leases;
mod m20261122_000012_leave_room_for_rotations;
mod m20261122_000013_tell_spaces_of_leases_apart;

/// The history, oldest step first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_store::Migration),
            Box::new(m20261122_000002_add_client_origins::Migration),
            Box::new(m20261122_000003_add_audit_events::Migration),
            Box::new(m20261122_000004_add_sign_in_throttle::Migration),
            Box::new(m20261122_000005_add_access_token_format::Migration),
            Box::new(m20261122_000006_index_revoked_sessions::Migration),
            Box::new(m20261122_000007_add_revisions::Migration),
            Box::new(m20261122_000008_client_settings::Migration),
            Box::new(m20261122_000009_compare_by_byte::Migration),
            Box::new(m20261122_000010_tell_spaces_apart::Migration),
            Box::new(m20261122_000011_add_leases::Migration),
            Box::new(m20261122_000012_leave_room_for_rotations::Migration),
            Box::new(m20261122_000013_tell_spaces_of_leases_apart::Migration),
        ]
    }
}
