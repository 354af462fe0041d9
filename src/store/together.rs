//! Changes that are made together with the rows of the audit log that tell of them, or not at all.

use sea_orm::sea_query::Expr;
use sea_orm::{DbErr, SqliteTransactionMode, TransactionOptions};

use super::bounded::Transaction;
use super::{Store, Writer, audit_event};
use crate::audit::Event;

/// A transaction and its turn to write. What is not committed is undone.
pub(in crate::store) struct Together<'a> {
    // Before the turn, so that it is over when the next one begins.
    transaction: Transaction,
    told: Vec<Event>,
    writer: Writer<'a>,
}

impl Together<'_> {
    pub(in crate::store) const fn connection(&self) -> &Transaction {
        &self.transaction
    }

    /// See [`Writer::relaxation`].
    pub(in crate::store) fn relaxation(&self) -> Option<Expr> {
        self.writer.relaxation()
    }

    /// Writes the event; the log is told of it when it is certain.
    pub(in crate::store) async fn record(&mut self, event: Event) -> Result<(), DbErr> {
        audit_event::insert(&self.transaction, &event).await?;
        self.told.push(event);
        Ok(())
    }

    pub(in crate::store) async fn commit(self) -> Result<(), DbErr> {
        self.transaction.commit().await?;
        for event in self.told {
            event.trace();
        }
        Ok(())
    }
}

impl Store {
    /// To change what must survive a power cut; see [`Store::write_durably`].
    pub(in crate::store) async fn change_durably(&self) -> Result<Together<'_>, DbErr> {
        begin(self.write_durably().await).await
    }

    /// To change what a rotation may; see [`Store::write_rotation`].
    pub(in crate::store) async fn change_rotation(&self) -> Result<Together<'_>, DbErr> {
        begin(self.write_rotation().await).await
    }
}

async fn begin(writer: Writer<'_>) -> Result<Together<'_>, DbErr> {
    // SQLite refuses a transaction that has read and then writes, when another wrote meanwhile.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(Together {
        transaction: writer.connection().begin(options).await?,
        told: Vec::new(),
        writer,
    })
}
