//! A connection with the parts of HTTP/1.1 (RFC 9112) that the tests need.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

use super::PATIENCE;
use crate::support::{encode, leak};

pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

pub(super) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        tcp(address).map(Self::over)
    }

    /// A connection by TLS to `localhost`, after its handshake.
    pub fn open_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Self> {
        tls(address, config).map(Self::over)
    }

    pub fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
        }
    }

    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: jeton\r\n\r\n"))?;
        self.receive()
    }

    /// Posts a form to /token.
    pub fn token(&mut self, form: &str) -> io::Result<Answer> {
        let length = format!("Content-Length: {}\r\n", form.len());
        self.send(format!("{}{form}", Self::token_head(&length)))?;
        self.receive()
    }

    pub fn refresh(&mut self, refresh_token: &str) -> io::Result<Answer> {
        self.token(&encode(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ]))
    }

    /// The head of a request to /token, with further header lines.
    pub fn token_head(lines: &str) -> String {
        format!(
            "POST /token HTTP/1.1\r\nHost: jeton\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n{lines}\r\n"
        )
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    pub fn receive(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        let mut length = 0;
        loop {
            let from = head.len();
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = head[from..].trim_end().to_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(head.clone()))?;
        let mut body = vec![0; length];
        // 100 Continue has no body; the response follows it.
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body).map_err(io::Error::other)?;
        if status < 400 {
            leak::learn_json(&body);
        }
        if status >= 400 || body.starts_with("# HELP") {
            leak::assert_none(&format!("{head}{body}"));
        }
        Ok(Answer { status, head, body })
    }

    /// Waits until the server closes the connection.
    pub fn wait_for_end(&mut self) -> io::Result<()> {
        match self.stream.read_to_end(&mut Vec::new()) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            // TLS: a connection that is cut off ends without an alert.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            other => other.map(drop),
        }
    }
}

pub(super) fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

pub(super) fn tls(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = "localhost".try_into().map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, tcp(address)?);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// A member of a success.
    #[track_caller]
    pub fn member(&self, name: &str) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()[name].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn refresh_token(&self) -> String {
        self.member("refresh_token")
    }

    /// Asserts an error in the shape of RFC 6749 §5.2.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let json = self.json();
        assert_eq!(json["error"], code, "{self:?}");
        assert!(json["error_description"].is_string(), "{self:?}");
        let head = self.head.to_lowercase();
        assert!(head.contains("cache-control: no-store"), "{self:?}");
    }
}
