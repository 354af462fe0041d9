//! Access tokens, refresh tokens, ID tokens, and the response that carries them.

pub mod access;
pub mod access_token;
pub mod active;
pub mod browser_session;
pub mod claims;
pub mod code;
pub mod expiry;
pub mod id_token;
mod jwt;
pub mod opaque;
pub mod proof;
pub mod refresh;
pub mod refresh_token;
pub mod requested_access;
pub mod response;
pub mod rotation;
pub mod sender;
