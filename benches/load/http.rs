//! A keep-alive connection: the part of HTTP/1.1 (RFC 9112) that the benches need.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEAD: u64 = 16 * 1024;
const MAX_BODY: usize = 64 * 1024;

pub struct Response {
    pub status: u16,
    /// The seconds of `Retry-After`.
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
}

pub struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    user_agent: &'static str,
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
            stream: BufReader::new(stream),
            host,
            user_agent: "owner",
        })
    }

    /// Sends this `User-Agent` from now on: another one is another device.
    pub fn with_user_agent(mut self, user_agent: &'static str) -> Self {
        self.user_agent = user_agent;
        self
    }

    pub fn get(&mut self, path: &str) -> io::Result<Response> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.receive()
    }

    /// Sends a form; [`Connection::receive`] reads the response.
    pub fn post(&mut self, path: &str, form: &str) -> io::Result<()> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n\
             User-Agent: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            self.host,
            self.user_agent,
            form.len(),
        );
        self.stream.get_mut().write_all(request.as_bytes())
    }

    pub fn receive(&mut self) -> io::Result<Response> {
        let mut head = (&mut self.stream).take(MAX_HEAD);
        let status = parse_status(&read_line(&mut head)?)?;
        let (mut length, mut retry_after) = (None, None);
        loop {
            let line = read_line(&mut head)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            } else if name.eq_ignore_ascii_case("retry-after") {
                retry_after = value.trim().parse().ok();
            }
        }
        let length: usize = length.ok_or_else(|| invalid("a response without Content-Length"))?;
        if length > MAX_BODY {
            return Err(invalid("the response is too long"));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Response {
            status,
            retry_after,
            body,
        })
    }
}

fn read_line(head: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    head.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(invalid(
            "the connection was closed, or the head is too long",
        )),
    }
}

fn parse_status(line: &str) -> io::Result<u16> {
    line.strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| invalid("not an HTTP/1.1 response"))
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
