//! The listening sockets of a host, one for each of its addresses.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use tokio::net::{TcpListener, lookup_host};

use super::listen_error::ListenError;
use crate::config::{ListenAddress, ListenHost, at_port};

/// How often other free ports are tried: one address may have a port free that another has in use.
const FREE_PORT_ATTEMPTS: usize = 10;

/// Listens on each address of the host. One that this machine does not have, such as an IPv6 address, is left out.
/// One whose port is in use is an error: clients would reach the other process there.
pub(super) async fn bind(listen: &ListenAddress) -> Result<Vec<TcpListener>, ListenError> {
    let addresses = addresses(listen).await;
    let addresses = addresses.map_err(|error| refused(listen.to_string(), error))?;
    let mut attempts = 1..FREE_PORT_ATTEMPTS;
    loop {
        match bind_each(&addresses).await {
            Err((_, error))
                if listen.port == 0
                    && error.kind() == io::ErrorKind::AddrInUse
                    && attempts.next().is_some() => {}
            outcome => {
                return outcome.map_err(|(address, error)| refused(address.to_string(), error));
            }
        }
    }
}

const fn refused(address: String, error: io::Error) -> ListenError {
    ListenError::Address { address, error }
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
async fn bind_each(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut bound: Vec<TcpListener> = Vec::new();
    let mut missing = Vec::new();
    for address in addresses {
        let address = match bound.first().map(TcpListener::local_addr) {
            Some(Ok(first)) => at_port(*address, first.port()),
            _ => *address,
        };
        match TcpListener::bind(address).await {
            Ok(socket) => bound.push(socket),
            Err(error) if is_missing(&error) => missing.push((address, error)),
            Err(error) => return Err((address, error)),
        }
    }
    if bound.is_empty()
        && let Some(refused) = missing.pop()
    {
        return Err(refused);
    }
    for (address, error) in missing {
        tracing::info!(
            "cannot listen on {address}: {error}; the other addresses of the host are used"
        );
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
        assert_eq!(none.1.kind(), io::ErrorKind::AddrNotAvailable);
        assert_eq!(none.0, address("192.0.2.1:0"));
    }

    #[tokio::test]
    async fn all_addresses_have_one_port() {
        let bound = bind_each(&[LOCAL, address("127.0.0.2:0")]).await.unwrap();
        let ports = bound.iter().map(|one| one.local_addr().unwrap().port());
        let ports: Vec<u16> = ports.collect();
        assert_eq!((ports.len(), ports[0]), (2, ports[1]));
    }

    #[tokio::test]
    async fn a_port_in_use_at_one_address_is_an_error() {
        let other = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let in_use = other.local_addr().unwrap();
        let addresses = [SocketAddr::new(LOCAL.ip(), in_use.port()), in_use];
        let refused = bind_each(&addresses).await.unwrap_err();
        assert_eq!(refused.1.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(refused.0, in_use);
    }
}
