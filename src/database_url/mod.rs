//! The URL of the database: the setting `database.url`.

mod server;

use std::path::PathBuf;

pub use server::{Engine, ServerUrl};

/// The URL of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`, a file.
    Sqlite(PathBuf),
    /// `postgres://…` or `mysql://…`, a database on a server.
    Server(ServerUrl),
}

impl DatabaseUrl {
    /// Parses a URL. The error does not repeat the text, which may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains(char::is_control) {
            return Err("has a line ending or another control character".to_owned());
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.contains(char::is_whitespace) {
            return Err("has white space; percent-encode it as %20".to_owned());
        }
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        match Engine::of_scheme(scheme) {
            Some(engine) => ServerUrl::parse(engine, text).map(Self::Server),
            None => Err(
                "must be empty, or begin with sqlite:, postgres:// or mysql://; a password is \
                 written with its special characters percent-encoded"
                    .to_owned(),
            ),
        }
    }
}
