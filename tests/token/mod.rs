/// Property tests: rotation under random interleavings.
mod rotation;
