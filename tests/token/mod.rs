mod access_token;
mod expiry;
mod opaque;
mod refresh_token;
/// Property tests: rotation under random interleavings.
mod rotation;
