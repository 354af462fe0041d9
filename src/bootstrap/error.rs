//! Errors that prevent the start, with what to do.

use std::path::PathBuf;

use sea_orm::DbErr;

use crate::config::Span;
use crate::credential;
use crate::maintenance::MaintenanceError;
use crate::root_secret::RootSecretError;
use crate::store::OpenError;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The data directory cannot be created.
    #[error(
        "cannot create the data directory {path}: {error}; create it, writable by this user, or set \
         data_dir (JETON_DATA_DIR) to another path"
    )]
    DataDirectory {
        /// Its path.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// The file of root secrets cannot be used.
    #[error(transparent)]
    RootSecretFile(#[from] RootSecretError),
    /// The setting `root_secret.value` is malformed.
    #[error("root_secret.value (JETON_ROOT_SECRET__VALUE): {0}")]
    RootSecretValue(RootSecretError),
    /// There is no root secret, but the database needs one.
    #[error(
        "there is no root secret at {path}, but signing key {kid} in the database is sealed with one; \
         restore the file, or set root_secret.file (JETON_ROOT_SECRET__FILE) to its path"
    )]
    RootSecretMissing {
        /// The configured path.
        path: PathBuf,
        /// The `kid` of a key that is sealed.
        kid: String,
    },
    /// The file of the first user's password cannot be used.
    #[error(
        "bootstrap.admin_password_file (JETON_BOOTSTRAP__ADMIN_PASSWORD_FILE) is {path}: the file {why}. This start \
         creates the user admin; write the password there{}", credential::hint(.path)
    )]
    AdminPasswordFile {
        /// Its path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The signing keys cannot be loaded or created.
    #[error(transparent)]
    Keys(#[from] MaintenanceError),
    /// The cost of password hashing is out of range.
    #[error("invalid settings:\n  password: {0}")]
    Cost(String),
    /// The threads that hash passwords cannot be started or used.
    #[error("cannot hash passwords: {0}")]
    Hashing(String),
    /// The access tokens of a client may outlive the rows of its ended sessions.
    #[error(
        "session.retention is {retention}, but access tokens of client {client_id} live for {lifetime}, and a session \
         that ends must be listed as revoked until its last token has expired; set session.retention \
         (JETON_SESSION__RETENTION) to {lifetime} or more, or shorten them with `jeton client update {client_id} \
         --access-token-lifetime {retention}`"
    )]
    Retention {
        /// The client.
        client_id: String,
        /// The lifetime of its access tokens.
        lifetime: Span,
        /// The setting.
        retention: Span,
    },
    /// A statement failed.
    #[error("store: {0}")]
    Store(#[from] DbErr),
}
