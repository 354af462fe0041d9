//! The listening sockets of a host, one for each of its addresses.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;

use rustix::io::Errno;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::tls::Tls;
use crate::config::{ListenAddress, ListenHost, at_port};

/// How often other free ports are tried: one address may have a port free that another has in use.
const FREE_PORT_ATTEMPTS: usize = 10;

/// Listening sockets with one port.
pub struct Sockets {
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {error}")]
pub struct BindError {
    /// The address, or the name whose addresses are not known.
    pub address: String,
    /// The error of the system.
    pub error: io::Error,
}

impl Sockets {
    /// Listens on each address of the host. One that this machine does not have, such as an IPv6 address, is left out.
    /// One whose port is in use is an error: clients would reach the other process there.
    pub async fn bind(listen: &ListenAddress) -> Result<Self, BindError> {
        let addresses = addresses(listen).await.map_err(|error| BindError {
            address: listen.to_string(),
            error,
        })?;
        let mut attempts = 1..FREE_PORT_ATTEMPTS;
        loop {
            match bind_each(&addresses).await {
                Err(BindError { error, .. })
                    if listen.port == 0
                        && error.kind() == io::ErrorKind::AddrInUse
                        && attempts.next().is_some() => {}
                outcome => return outcome.map(Self::plain),
            }
        }
    }

    const fn plain(listeners: Vec<TcpListener>) -> Self {
        Self {
            listeners,
            tls: None,
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

    /// The port of all sockets.
    pub fn port(&self) -> io::Result<Option<u16>> {
        let address = self
            .listeners
            .first()
            .map(TcpListener::local_addr)
            .transpose()?;
        Ok(address.map(|address| address.port()))
    }

    /// The next connection of any socket. They take turns.
    pub(super) async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
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
}

impl From<TcpListener> for Sockets {
    fn from(socket: TcpListener) -> Self {
        Self::plain(vec![socket])
    }
}

/// The addresses of a host, each once. "Name resolution APIs and libraries SHOULD recognize localhost names as special
/// and SHOULD always return the IP loopback address for address queries", RFC 6761 §6.3; browsers do.
async fn addresses(listen: &ListenAddress) -> io::Result<Vec<SocketAddr>> {
    let port = listen.port;
    match listen.host() {
        ListenHost::Address(address) => Ok(vec![at_port(*address, port)]),
        ListenHost::Name(name) if name == "localhost" || name.ends_with(".localhost") => Ok(vec![
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ]),
        ListenHost::Name(name) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in lookup_host((name.as_str(), port)).await? {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        }
    }
}

/// Binds each address. If the port is 0, the first one gets a free port, and the others the same.
async fn bind_each(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut bound: Vec<TcpListener> = Vec::new();
    let mut missing = Vec::new();
    for address in addresses {
        let address = match bound.first().map(TcpListener::local_addr) {
            Some(Ok(first)) => at_port(*address, first.port()),
            _ => *address,
        };
        match TcpListener::bind(address).await {
            Ok(socket) => bound.push(socket),
            Err(error) => {
                let is_missing = is_missing(&error);
                let refused = BindError {
                    address: address.to_string(),
                    error,
                };
                if !is_missing {
                    return Err(refused);
                }
                missing.push(refused);
            }
        }
    }
    if bound.is_empty() {
        let none = || BindError {
            address: String::new(),
            error: io::ErrorKind::AddrNotAvailable.into(),
        };
        return Err(missing.pop().unwrap_or_else(none));
    }
    for refused in missing {
        tracing::info!("{refused}; the other addresses of the host are used");
    }
    Ok(bound)
}

/// Whether this machine does not have the address or its kind.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_address_that_the_machine_does_not_have_is_left_out() {
        // RFC 5737: an address for documentation.
        for addresses in [
            [LOCAL, address("192.0.2.1:0")],
            [address("192.0.2.1:0"), LOCAL],
        ] {
            let bound = bind_each(&addresses).await.unwrap();
            assert_eq!(bound.len(), 1);
            assert_eq!(bound[0].local_addr().unwrap().ip(), LOCAL.ip());
        }
        let none = bind_each(&[address("192.0.2.1:0")]).await.unwrap_err();
        assert_eq!(none.error.kind(), io::ErrorKind::AddrNotAvailable);
        assert_eq!(none.address, "192.0.2.1:0");
    }

    #[tokio::test]
    async fn all_addresses_have_one_port_and_take_turns() {
        let addresses = [LOCAL, address("127.0.0.2:0")];
        let bound = bind_each(&addresses).await.unwrap();
        let bound_at: Vec<SocketAddr> = bound.iter().map(|one| one.local_addr().unwrap()).collect();
        assert_eq!(bound_at[0].port(), bound_at[1].port());
        let mut sockets = Sockets::plain(bound);
        assert_eq!(sockets.port().unwrap(), Some(bound_at[0].port()));
        let mut clients = Vec::new();
        for address in [0, 0, 1, 1].map(|place| bound_at[place]) {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        for place in [0, 1, 0, 1] {
            let (accepted, _) = sockets.accept().await.unwrap();
            assert_eq!(accepted.local_addr().unwrap(), bound_at[place]);
        }
    }

    #[tokio::test]
    async fn a_port_in_use_at_one_address_is_an_error() {
        let other = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let in_use = other.local_addr().unwrap();
        let addresses = [SocketAddr::new(LOCAL.ip(), in_use.port()), in_use];
        let refused = bind_each(&addresses).await.unwrap_err();
        assert_eq!(refused.error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(refused.address, in_use.to_string());
    }
}
