//! The listening sockets of a server.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use poem::Addr;
use tokio::net::TcpListener;

use super::listen_error::ListenError;
use super::listening_socket::ListeningSocket;
use super::stream::Stream;
use super::tls::Tls;
use super::unix_socket::UnixSocket;
use super::{passed, tcp_sockets};
use crate::config::{Listen, ListenSocket};

/// Listening sockets, and the TLS of those that have an IP address.
pub struct Sockets {
    listeners: Vec<ListeningSocket>,
    tls: Option<Tls>,
    are_passed: bool,
}

impl Sockets {
    /// Takes the sockets of the service manager; without them, listens on the addresses.
    pub async fn open(listen: &Listen) -> Result<Self, ListenError> {
        let listeners = passed::passed()?;
        if !listeners.is_empty() {
            return Ok(Self {
                are_passed: true,
                ..Self::plain(listeners)
            });
        }
        let mut listeners = Vec::new();
        for socket in listen.iter() {
            match socket {
                ListenSocket::Address(address) => {
                    let bound = tcp_sockets::bind(address).await?;
                    listeners.extend(bound.into_iter().map(ListeningSocket::Tcp));
                }
                ListenSocket::File(path) => {
                    listeners.push(ListeningSocket::Unix(UnixSocket::bind(path).await?));
                }
            }
        }
        Ok(Self::plain(listeners))
    }

    const fn plain(listeners: Vec<ListeningSocket>) -> Self {
        Self {
            listeners,
            tls: None,
            are_passed: false,
        }
    }

    /// The same sockets, with TLS if it is set.
    #[must_use]
    pub fn with(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    pub(super) const fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Whether they are the service manager's, for which clients can wait while no process accepts connections.
    pub const fn are_passed(&self) -> bool {
        self.are_passed
    }

    /// The port of the first socket that has one.
    pub fn port(&self) -> io::Result<Option<u16>> {
        let mut sockets = self.listeners.iter();
        let address = sockets.find_map(|socket| match socket {
            ListeningSocket::Tcp(socket) => Some(socket.local_addr()),
            ListeningSocket::Unix(_) => None,
        });
        Ok(address.transpose()?.map(|address| address.port()))
    }

    /// The next connection of any socket. They take turns.
    pub(super) async fn accept(&mut self) -> io::Result<(Stream, Addr)> {
        let accepted = poll_fn(|context| {
            let mut polled = self
                .listeners
                .iter()
                .map(|socket| socket.poll_accept(context));
            polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await;
        self.listeners.rotate_left(1);
        accepted
    }

    /// Removes the files of Unix sockets.
    pub(super) fn remove_files(&mut self) {
        for socket in &mut self.listeners {
            if let ListeningSocket::Unix(socket) = socket {
                socket.remove_file();
            }
        }
    }
}

/// The addresses, separated by commas.
impl fmt::Display for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, socket) in self.listeners.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{socket}")?;
        }
        Ok(())
    }
}

impl From<TcpListener> for Sockets {
    fn from(socket: TcpListener) -> Self {
        Self::plain(vec![ListeningSocket::Tcp(socket)])
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn sockets_take_turns() {
        let mut bound = Vec::new();
        for address in ["127.0.0.1:0", "127.0.0.2:0"] {
            bound.push(TcpListener::bind(address).await.unwrap());
        }
        let bound_at: Vec<_> = bound.iter().map(|one| one.local_addr().unwrap()).collect();
        let mut sockets = Sockets::plain(bound.into_iter().map(ListeningSocket::Tcp).collect());
        assert_eq!(sockets.port().unwrap(), Some(bound_at[0].port()));
        let mut clients = Vec::new();
        for address in [0, 0, 1, 1].map(|place| bound_at[place]) {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        for place in [0, 1, 0, 1] {
            let (Stream::Tcp(accepted), _) = sockets.accept().await.unwrap() else {
                panic!("not TCP");
            };
            assert_eq!(accepted.local_addr().unwrap(), bound_at[place]);
        }
    }
}
