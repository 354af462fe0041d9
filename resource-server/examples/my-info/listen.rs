//! The listening sockets: one for each address of the host.

use std::io;

use poem::listener::{AcceptorExt as _, BoxAcceptor, TcpAcceptor};
use tokio::net::{TcpListener, lookup_host};

use crate::Failure;

/// Listens on each address of `host:port`, and returns the port. An address that this machine does not have, such as an
/// IPv6 address, is left out.
pub async fn listen(host_and_port: &str) -> Result<(BoxAcceptor, u16), Failure> {
    let cannot = |error: io::Error| {
        Failure::Message(format!(
            "cannot listen on {host_and_port}: {error}; stop the other process, or choose another address \
             with --listen"
        ))
    };
    let mut bound: Option<(BoxAcceptor, u16)> = None;
    let mut missing = io::ErrorKind::AddrNotAvailable.into();
    for mut address in lookup_host(host_and_port).await.map_err(cannot)? {
        if let Some((_, port)) = &bound {
            address.set_port(*port);
        }
        let socket = match TcpListener::bind(address).await {
            Ok(socket) => socket,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(cannot(error)),
            Err(error) => {
                missing = error;
                continue;
            }
        };
        let port = socket.local_addr()?.port();
        let socket = TcpAcceptor::from_tokio(socket)?;
        bound = Some(match bound {
            Some((others, port)) => (others.combine(socket).boxed(), port),
            None => (socket.boxed(), port),
        });
    }
    bound.ok_or_else(|| cannot(missing))
}
