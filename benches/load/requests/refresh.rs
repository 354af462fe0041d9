//! Refreshes of several sessions in turn, RFC 6749 §6.

use std::{collections::VecDeque, io};

use super::{CLIENT_ID, Requests, TokenResponse, invalid};
use crate::http::{Connection, Response};

#[derive(Default)]
pub struct Refreshes {
    tokens: VecDeque<String>,
}

impl Refreshes {
    /// Adds a session.
    pub fn add(&mut self, refresh_token: String) {
        self.tokens.push_back(refresh_token);
    }
}

impl Requests for Refreshes {
    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        let token = self.tokens.front().ok_or_else(|| invalid("no session"))?;
        let form = format!("grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token={token}");
        connection.post("/token", &form)
    }

    fn check(&mut self, response: &Response) -> io::Result<()> {
        let successor = TokenResponse::parse(response)?.refresh_token;
        if self.tokens.pop_front().is_none_or(|sent| sent == successor) {
            return Err(invalid("the refresh token was not rotated"));
        }
        self.tokens.push_back(successor.to_owned());
        Ok(())
    }
}
