//! Sign-ins of one user by password, RFC 6749 §4.3.

use std::io;

use super::{CLIENT_ID, Requests, TokenResponse};
use crate::http::{Connection, Response};

pub struct SignIns {
    form: String,
}

impl SignIns {
    /// Name and password are sent without escaping.
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            form: format!(
                "grant_type=password&client_id={CLIENT_ID}&username={username}&password={password}"
            ),
        }
    }
}

impl Requests for SignIns {
    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        connection.post("/token", &self.form)
    }

    fn check(&mut self, response: &Response) -> io::Result<()> {
        TokenResponse::parse(response).map(|_| ())
    }
}
