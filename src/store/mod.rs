//! The store: one file a table, columns above, verbs below; the only SQL.

pub mod audit_event;
pub mod client;
pub mod client_origin;
pub mod client_secret;
pub mod clock;
pub mod lease;
mod lock;
mod mysql;
mod open_error;
mod pool;
mod postgres;
mod retry;
mod server;
pub mod session;
pub mod sign_in_throttle;
pub mod signing_key;
mod sqlite;
mod sweep;
mod target;
mod text_search;
mod transaction;
pub mod user;
mod writer;

use std::sync::Arc;

pub use open_error::OpenError;
use pool::Pool;
use sea_orm::DbErr;
pub use server::Limits;
pub use target::Target;
use tokio::sync::Mutex;

use crate::config::RotationDurability;

/// A database, migrated to the schema that this version knows: a file of SQLite, or one on a server
/// that many nodes share.
///
/// SQLite lets one writer in at a time, and a writer that finds the door closed polls. So this
/// process takes turns by itself (`turn`), and only another process is waited for by polling. Elsewhere
/// there are no turns.
#[derive(Clone)]
pub struct Store {
    read: Pool,
    durable: Pool,
    relaxed: Pool,
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

    pub(in crate::store) const fn read(&self) -> &Pool {
        &self.read
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

mod again {
    pub(in crate::store) use super::retry::retry as again;

    pub(in crate::store) trait Failure: From<sea_orm::DbErr> {
        fn of_store(&self) -> Option<&sea_orm::DbErr>;
    }

    impl<E: Failure> super::retry::RetryError for E {
        fn database_error(&self) -> Option<&sea_orm::DbErr> {
            self.of_store()
        }
    }
}

mod together {
    use sea_orm::DbErr;

    use super::transaction::Transaction;
    use super::writer::{Durability, Writer};

    pub(in crate::store) type Together<'a> = Transaction<'a>;

    impl super::Store {
        pub(in crate::store) async fn write_rotation(&self) -> Writer<'_> {
            self.writer(Durability::Rotation).await
        }

        pub(in crate::store) async fn change_durably(&self) -> Result<Together<'_>, DbErr> {
            Transaction::begin(self.writer(Durability::Durable).await).await
        }

        pub(in crate::store) async fn change_rotation(&self) -> Result<Together<'_>, DbErr> {
            Transaction::begin(self.writer(Durability::Rotation).await).await
        }
    }

    impl Transaction<'_> {
        pub(in crate::store) const fn connection(&self) -> &Self {
            self
        }

        pub(in crate::store) async fn take_time(&self) -> Result<(), DbErr> {
            self.remove_timeout().await
        }
    }
}
