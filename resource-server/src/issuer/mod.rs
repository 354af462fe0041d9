//! The issuer, as seen from an API: where its keys are, which they are, and how old that knowledge is.

pub(crate) mod feed;
pub(crate) mod fetch;
pub(crate) mod keeper;
pub(crate) mod metadata;
pub(crate) mod snapshot;
pub(crate) mod source;
mod task;
