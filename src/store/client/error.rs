//! Errors of changes of clients.

use sea_orm::DbErr;
use thiserror::Error;

use crate::client::InvalidSetting;
use crate::store::retry::RetryError;
use crate::store::user::InsertError;

/// The reason why a client was not registered, changed or deleted.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Invalid settings.
    #[error("invalid settings of a client")]
    Invalid(Vec<InvalidSetting>),
    /// Another client has the id.
    #[error("another client has that id")]
    Taken,
    /// There is no such client.
    #[error("there is no such client")]
    NotFound,
    /// The client has another revision than expected.
    #[error("the client was changed meanwhile")]
    Stale,
    /// The client is the one of browser sessions.
    #[error(
        "jeton:browser is the client of browser sessions: only its session lifetimes can be changed"
    )]
    Reserved,
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] DbErr),
}

impl From<InsertError> for ClientError {
    fn from(error: InsertError) -> Self {
        match error {
            InsertError::Taken => Self::Taken,
            InsertError::Store(error) => Self::Store(error),
        }
    }
}

impl From<InvalidSetting> for ClientError {
    fn from(invalid: InvalidSetting) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl RetryError for ClientError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
