//! The keys and revoked sessions of an issuer, fetched in the background and cached.

pub(crate) mod fetch;
pub(crate) mod fetch_error;
pub(crate) mod key_cache;
pub(crate) mod key_source;
pub(crate) mod metadata;
pub(crate) mod refresh;
pub(crate) mod revocation_feed;
pub(crate) mod revoked_sessions;
pub(crate) mod snapshot;
