//! A token response, RFC 6749 §5.1.

use std::io;

use serde::Deserialize;

use super::{body_of, invalid};
use crate::http::Response;

#[derive(Deserialize)]
pub struct TokenResponse<'a> {
    pub access_token: &'a str,
    pub refresh_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
}

impl<'a> TokenResponse<'a> {
    /// Parses and checks a response. The access token is a JWT, or looks like one.
    pub fn parse(response: &'a Response) -> io::Result<Self> {
        let body = body_of(response)?;
        let tokens: Self = serde_json::from_slice(body)?;
        let mut parts = tokens.access_token.split('.');
        let is_jwt = parts
            .by_ref()
            .take(3)
            .filter(|part| !part.is_empty())
            .count()
            == 3
            && parts.next().is_none();
        if is_jwt
            && tokens.token_type == "Bearer"
            && tokens.expires_in > 0
            && !tokens.refresh_token.is_empty()
        {
            Ok(tokens)
        } else {
            let body = String::from_utf8_lossy(body);
            Err(invalid(&format!("not a token response: {body}")))
        }
    }
}
