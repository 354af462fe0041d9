//! The authorization endpoint, the code grant and browser sessions.

mod attack;
mod code;
mod end_session;
mod nodes;
mod request;
