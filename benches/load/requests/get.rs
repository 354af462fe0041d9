//! Requests for the same document, without a cache.

use std::io;

use super::{Requests, body_of, invalid};
use crate::http::{Connection, Response};

pub struct Gets {
    path: &'static str,
    body: Vec<u8>,
}

impl Gets {
    /// `body` is what all responses must have.
    pub fn new(path: &'static str, body: Vec<u8>) -> Self {
        Self { path, body }
    }
}

impl Requests for Gets {
    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        connection.get(self.path)
    }

    fn check(&mut self, response: &Response) -> io::Result<()> {
        if body_of(response)? == self.body {
            Ok(())
        } else {
            Err(invalid("the body has changed"))
        }
    }
}
