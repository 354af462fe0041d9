//! The authorization endpoint, the code grant and browser sessions.

mod code;
mod nodes;
mod request;
