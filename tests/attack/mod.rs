//! What an adversary tried with success once, and what holds since.

mod process;
mod rotation;
mod server;
