//! The store: one file a table, columns above, verbs below; the only SQL.

mod again;
mod alone;
pub mod audit_event;
pub mod client;
pub mod client_origin;
pub mod client_secret;
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

pub use open_error::OpenError;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::Mutex;
use writer::Writer;

/// A database, migrated to the schema that this version knows: a file of SQLite, or one on a server
/// that many nodes share.
///
/// SQLite lets one writer in at a time, and a writer that finds the door closed polls. So this
/// process takes turns by itself (`turn`), and only another process is waited for by polling. Elsewhere
/// there are no turns.
#[derive(Clone)]
pub struct Store {
    read: DatabaseConnection,
    durable: DatabaseConnection,
    relaxed: DatabaseConnection,
    turn: Option<Arc<Mutex<()>>>,
}

impl Store {
    /// Whether the store answers.
    ///
    /// # Errors
    ///
    /// What the database says when it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.ping().await
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

    pub(in crate::store) const fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// To write what must survive a power cut: on disk before this returns.
    pub(in crate::store) async fn write_durably(&self) -> Writer<'_> {
        Writer::new(&self.durable, self.turn.as_deref()).await
    }

    /// To write what a power cut may undo: a rotation, because the token proves itself. On PostgreSQL
    /// each statement says so by itself; see [`writer::relaxation`].
    pub(in crate::store) async fn write_relaxed(&self) -> Writer<'_> {
        Writer::new(&self.relaxed, self.turn.as_deref()).await
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
