//! Why the server cannot start, and what to do.

use std::fmt;

use sea_orm::DbErr;

use crate::maintenance::UpkeepError;
use crate::root_secret::RootSecretError;
use crate::store::OpenError;

/// Why the server cannot start.
#[derive(Debug)]
pub enum BootstrapError {
    /// The data directory.
    Directory(String),
    /// The root secret.
    RootSecret(String),
    /// The store.
    Open(OpenError),
    /// The signing keys.
    Keys(UpkeepError),
    /// The cost of password hashing.
    Cost(String),
    /// The threads that hash passwords.
    Threads(String),
    /// The store, once it was open.
    Store(DbErr),
}

impl fmt::Display for BootstrapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(text) | Self::RootSecret(text) => f.write_str(text),
            Self::Open(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::Cost(text) => write!(f, "wrong settings:\n  password: {text}"),
            Self::Threads(text) => write!(f, "passwords cannot be hashed: {text}"),
            Self::Store(error) => write!(f, "store: {error}"),
        }
    }
}

impl std::error::Error for BootstrapError {}

impl From<RootSecretError> for BootstrapError {
    fn from(error: RootSecretError) -> Self {
        Self::RootSecret(error.to_string())
    }
}

impl From<OpenError> for BootstrapError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<UpkeepError> for BootstrapError {
    fn from(error: UpkeepError) -> Self {
        Self::Keys(error)
    }
}

impl From<DbErr> for BootstrapError {
    fn from(error: DbErr) -> Self {
        Self::Store(error)
    }
}
