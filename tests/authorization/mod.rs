//! The authorization endpoint, the code grant and browser sessions.

mod attack;
mod code;
mod consent_list;
mod end_session;
mod nodes;
mod request;
