//! Introspection of one access token, RFC 7662.

use std::io;

use serde::Deserialize;

use super::{Requests, body_of, invalid};
use crate::http::{Connection, Response};

pub struct Introspections {
    form: String,
}

#[derive(Deserialize)]
struct Introspection {
    active: bool,
}

impl Introspections {
    /// The caller is a confidential client of the token's audience. Its id and secret need no escaping.
    pub fn new(client_id: &str, client_secret: &str, access_token: &str) -> Self {
        Self {
            form: format!(
                "client_id={client_id}&client_secret={client_secret}&token={access_token}"
            ),
        }
    }
}

impl Requests for Introspections {
    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        connection.post("/introspect", &self.form)
    }

    fn check(&mut self, response: &Response) -> io::Result<()> {
        let Introspection { active } = serde_json::from_slice(body_of(response)?)?;
        if active {
            Ok(())
        } else {
            Err(invalid("the token is not active"))
        }
    }
}
