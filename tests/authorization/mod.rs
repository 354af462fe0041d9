//! The authorization endpoint, the code grant and browser sessions.

mod attack;
mod code;
mod nodes;
mod request;
