//! The requests of one connection, and the checks of their responses.

mod get;
mod introspect;
mod password;
mod refresh;
mod token_response;

use std::io;

use crate::http::{Connection, Response};

pub use get::Gets;
pub use introspect::Introspections;
pub use password::SignIns;
pub use refresh::Refreshes;
pub use token_response::TokenResponse;

/// The first-party client of a new database.
pub const CLIENT_ID: &str = "first-party";

/// A sequence of requests. Each is sent after the response to the one before.
pub trait Requests: Send {
    fn send(&mut self, connection: &mut Connection) -> io::Result<()>;

    /// Checks the response to the last request.
    fn check(&mut self, response: &Response) -> io::Result<()>;
}

/// The body of a response with status 200.
fn body_of(response: &Response) -> io::Result<&[u8]> {
    if response.status == 200 {
        return Ok(&response.body);
    }
    let body = String::from_utf8_lossy(&response.body);
    Err(invalid(&format!("status {}: {body}", response.status)))
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
