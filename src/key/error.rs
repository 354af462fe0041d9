//! Errors of signing keys.

/// The reason why a key cannot be generated or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No root secret opens the private half of this key.
    #[error(
        "the root secret does not open signing key {0}: it was sealed by another; configure the root \
         secret that this database was made with, or add it as a further line"
    )]
    Sealed(String),
    /// The row of this key does not hold a key.
    #[error("signing key {0} is damaged; restore a backup")]
    Damaged(String),
    /// The key has no private half.
    #[error("the signing key has no private half")]
    CannotSign,
    /// No key pair was generated.
    #[error("a signing key could not be generated")]
    CannotGenerate,
}
