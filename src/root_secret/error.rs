//! Errors of root secrets.

use std::path::PathBuf;

/// The reason why there is no root secret.
#[derive(Debug, thiserror::Error)]
pub enum RootSecretError {
    /// Not base64, or fewer than 32 bytes.
    #[error(
        "a root secret must be 32 random bytes or more in base64url, such as `openssl rand -base64 32` \
         prints; several stand one a line, the current one first"
    )]
    Malformed,
    /// The file cannot be read or written, or is malformed, and why.
    #[error("{path} (root_secret.file, JETON_ROOT_SECRET__FILE): {why}", path = .0.display(), why = .1)]
    File(PathBuf, String),
}
