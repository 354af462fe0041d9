//! A listening socket.

use std::fmt;
use std::io;
use std::task::{Context, Poll};

use poem::Addr;
use tokio::net::TcpListener;

use super::stream::Stream;
use super::unix_socket::UnixSocket;

pub(super) enum ListeningSocket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

impl ListeningSocket {
    pub(super) fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Stream, Addr)>> {
        match self {
            Self::Tcp(socket) => {
                let accepted = socket.poll_accept(context);
                accepted.map_ok(|(stream, peer)| (Stream::Tcp(stream), Addr::socket(peer)))
            }
            Self::Unix(socket) => {
                let accepted = socket.listener.poll_accept(context);
                accepted.map_ok(|(stream, peer)| (Stream::Unix(stream), Addr::unix(peer)))
            }
        }
    }
}

impl fmt::Display for ListeningSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(socket) => match socket.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(_) => f.write_str("unknown"),
            },
            Self::Unix(socket) => {
                let address = socket.listener.local_addr();
                match address.as_ref().ok().and_then(|one| one.as_pathname()) {
                    Some(path) => write!(f, "unix:{}", path.display()),
                    None => f.write_str("unix:"),
                }
            }
        }
    }
}
