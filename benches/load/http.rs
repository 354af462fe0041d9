//! A keep-alive connection: the part of HTTP/1.1 (RFC 9112) that the benches need.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 32;
const MAX_BODY: usize = 64 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

pub struct Response {
    pub status: u16,
    /// The seconds of `Retry-After`.
    pub retry_after: Option<u64>,
    /// The status line and the headers.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    host: SocketAddr,
    user_agent: &'static str,
    pub opened: Instant,
}

impl Connection {
    pub fn open(host: SocketAddr) -> io::Result<Self> {
        Self::open_with_timeout(TIMEOUT, host)
    }

    /// Opens a connection. `timeout` holds for connecting and for each response.
    pub fn open_with_timeout(timeout: Duration, host: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&host, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self {
            stream,
            received: Vec::new(),
            host,
            user_agent: "owner",
            opened: Instant::now(),
        })
    }

    /// Sends this `User-Agent` from now on: another one is another device.
    pub fn with_user_agent(mut self, user_agent: &'static str) -> Self {
        self.user_agent = user_agent;
        self
    }

    /// Sends a request as it stands; [`Connection::receive`] reads the response.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Sends a request without a body; [`Connection::receive`] reads the response.
    pub fn get(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.send(request.as_bytes())
    }

    /// Sends a form; [`Connection::receive`] reads the response.
    pub fn post(&mut self, path: &str, form: &str) -> io::Result<()> {
        self.post_body(path, FORM, form)
    }

    /// Sends JSON; [`Connection::receive`] reads the response.
    pub fn post_json(&mut self, path: &str, json: &str) -> io::Result<()> {
        self.post_body(path, JSON, json)
    }

    fn post_body(&mut self, path: &str, content_type: &str, body: &str) -> io::Result<()> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n\
             User-Agent: {}\r\n\
             Content-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            self.user_agent,
            body.len(),
        );
        self.send(request.as_bytes())
    }

    pub fn receive(&mut self) -> io::Result<Response> {
        self.received.clear();
        let head = loop {
            self.receive_some()?;
            if let Some(head) = Head::parse(&self.received)? {
                break head;
            }
            if self.received.len() > MAX_HEAD {
                return Err(invalid("the head is too long"));
            }
        };
        if head.body_length > MAX_BODY {
            return Err(invalid("the response is too long"));
        }
        while self.received.len() < head.length + head.body_length {
            self.receive_some()?;
        }
        let body = self.received.split_off(head.length);
        Ok(Response {
            status: head.status,
            retry_after: head.retry_after,
            head: std::mem::take(&mut self.received),
            body,
        })
    }

    fn receive_some(&mut self) -> io::Result<()> {
        let mut chunk = [0; 4096];
        let length = self.stream.read(&mut chunk)?;
        if length == 0 {
            return Err(invalid("the connection was closed"));
        }
        self.received
            .extend_from_slice(chunk.get(..length).unwrap_or_default());
        Ok(())
    }
}

/// The connection has something to read when its response arrives.
impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// What is read of a response's head.
struct Head {
    length: usize,
    status: u16,
    retry_after: Option<u64>,
    body_length: usize,
}

impl Head {
    /// `None` while the head is incomplete.
    fn parse(received: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(received);
        let httparse::Status::Complete(length) = parsed.map_err(|_| not_http())? else {
            return Ok(None);
        };
        let number = |name: &str| {
            let named = response
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name));
            str::from_utf8(named?.value).ok()?.trim().parse().ok()
        };
        let body_length = number("content-length")
            .and_then(|length| usize::try_from(length).ok())
            .ok_or_else(|| invalid("a response without Content-Length"))?;
        Ok(Some(Self {
            length,
            status: response.code.ok_or_else(not_http)?,
            retry_after: number("retry-after"),
            body_length,
        }))
    }
}

fn not_http() -> io::Error {
    invalid("not an HTTP/1.1 response")
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
