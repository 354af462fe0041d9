//! The text of a request, and what is read of a response's head.

use std::{fmt::Write as _, net::Ipv4Addr};

use crate::http::Response;

/// The host of the issuer, as behind a proxy. The pages redirect requests for another host.
pub const HOST: &str = "127.0.0.1";

/// A request.
pub struct Request {
    head: String,
    body: String,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            head: format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: owner\r\n"),
            body: String::new(),
        }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A form. Its values must need no escaping.
    pub fn post(path: &str, form: &str) -> Self {
        Self::new("POST", path).with_body("application/x-www-form-urlencoded", form)
    }

    pub fn with_body(self, content_type: &str, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self.with("Content-Type", content_type)
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        // Writing to a String never fails.
        let _ = write!(self.head, "{name}: {value}\r\n");
        self
    }

    pub fn with_bearer(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    /// Names another client, as a trusted proxy does.
    pub fn of_address(self, address: u32) -> Self {
        // 10.0.0.0/8, so that no address is special.
        let address = Ipv4Addr::from_bits(0x0A00_0000 | (address & 0x00FF_FFFF));
        self.with("X-Forwarded-For", &address.to_string())
    }

    pub fn text(&self) -> String {
        let (head, body, length) = (&self.head, &self.body, self.body.len());
        if head.starts_with("GET") {
            return format!("{head}\r\n");
        }
        format!("{head}Content-Length: {length}\r\n\r\n{body}")
    }
}

/// The values of a header.
pub fn headers<'r>(response: &'r Response, name: &str) -> impl Iterator<Item = &'r str> {
    str::from_utf8(&response.head)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// The text between two marks.
pub fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}
