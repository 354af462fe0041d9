mod access_token;
mod expiry;
mod id_token;
mod opaque;
mod refresh_token;
/// Property tests: rotation under random interleavings.
mod rotation;
