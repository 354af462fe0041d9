//! Rotation under random interleavings, through the real app on a real SQLite file.

mod honest_client;
mod model;
mod server;
mod thief;
