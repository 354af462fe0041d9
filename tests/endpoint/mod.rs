/// `ETag`, 304, HEAD: what caches may keep.
mod caching;
/// The body of a request: method, media type, encoding, parameters.
mod form;
/// Probes.
mod health;
/// Asking about a token.
mod introspection;
/// Where the endpoints are, with and without a path in the issuer.
mod metadata;
/// The page at the root.
mod page;
/// Signing out.
mod revocation;
/// Hearing of sign-outs.
mod revoked_sessions;
/// What /token answers, and under load.
mod token;
