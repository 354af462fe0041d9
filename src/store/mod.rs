//! The store: one file a table, columns above, verbs below; the only SQL.

mod again;
mod alone;
pub mod audit_event;
mod bounded;
pub mod client;
pub mod client_origin;
pub mod client_secret;
pub mod clock;
pub mod lease;
mod mysql;
mod open_error;
mod postgres;
mod server;
pub mod session;
pub mod sign_in_throttle;
pub mod signing_key;
mod sqlite;
mod sweep;
mod text_search;
mod together;
pub mod user;
mod writer;

use std::sync::Arc;

use bounded::Connection;
pub use open_error::OpenError;
use sea_orm::DbErr;
pub use server::Limits;
use tokio::sync::Mutex;
use writer::Writer;

use crate::config::RotationDurability;

/// A database, migrated to the schema that this version knows: a file of SQLite, or one on a server
/// that many nodes share.
///
/// SQLite lets one writer in at a time, and a writer that finds the door closed polls. So this
/// process takes turns by itself (`turn`), and only another process is waited for by polling. Elsewhere
/// there are no turns.
#[derive(Clone)]
pub struct Store {
    read: Connection,
    durable: Connection,
    relaxed: Connection,
    turn: Option<Arc<Mutex<()>>>,
    rotations: RotationDurability,
}

impl Store {
    /// The same store, which writes rotations so that they survive this much.
    #[must_use]
    pub const fn with_rotations(mut self, durability: RotationDurability) -> Self {
        self.rotations = durability;
        self
    }

    /// Whether the store answers; a server, whether it also takes what is written: a replica does not, nor a
    /// member that its cluster has left behind.
    ///
    /// # Errors
    ///
    /// What the database says when it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        match self.turn {
            Some(_) => self.read.ping().await,
            None => lease::write_none(&self.relaxed).await,
        }
    }

    /// Finishes what is under way and closes the connections.
    ///
    /// # Errors
    ///
    /// What the database says when it cannot.
    pub async fn close(self) -> Result<(), DbErr> {
        self.relaxed.close().await?;
        self.read.close().await?;
        self.durable.close().await
    }

    pub(in crate::store) const fn read(&self) -> &Connection {
        &self.read
    }

    /// To write what must survive a power cut: on disk before this returns.
    pub(in crate::store) async fn write_durably(&self) -> Writer<'_> {
        Writer::new(&self.durable, false, self.turn.as_deref()).await
    }

    /// To write what a power cut may undo. On PostgreSQL each statement says so by itself; see
    /// [`Writer::relaxation`].
    pub(in crate::store) async fn write_relaxed(&self) -> Writer<'_> {
        Writer::new(&self.relaxed, true, self.turn.as_deref()).await
    }

    /// To write a rotation. A power cut may undo it, because the token proves itself; unless the operator
    /// wants to wait for the disk.
    pub(in crate::store) async fn write_rotation(&self) -> Writer<'_> {
        match self.rotations {
            RotationDurability::Relaxed => self.write_relaxed().await,
            RotationDurability::Strict => self.write_durably().await,
        }
    }
}

/// The audiences in a column, separated by spaces; in an empty one, the issuer.
fn or_issuer(audience: &str, issuer: &str) -> Vec<String> {
    let registered: Vec<String> = audience.split_whitespace().map(str::to_owned).collect();
    if registered.is_empty() {
        vec![issuer.to_owned()]
    } else {
        registered
    }
}
