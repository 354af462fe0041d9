//! The sockets that a service manager has opened for this process: `sd_listen_fds(3)`.
//!
//! They stay open when the server restarts, so clients wait for the next process instead of being refused.

use std::io;
use std::os::fd::AsFd;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use tokio::net::{TcpListener, UnixListener};

use super::listen_error::ListenError;
use super::listening_socket::ListeningSocket;
use super::unix_socket::UnixSocket;

/// The variables, of which systemd sets all three.
const PROCESS: &str = "LISTEN_PID";
const NUMBER: &str = "LISTEN_FDS";
const NAMES: &str = "LISTEN_FDNAMES";
/// More is a mistake.
const MAX_NUMBER: usize = 1000;
/// The first descriptor, `SD_LISTEN_FDS_START`.
const FIRST: usize = 3;

/// The sockets; none if the variables are not set or are for another process, such as the one that started this one.
pub(super) fn passed() -> Result<Vec<ListeningSocket>, ListenError> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if variable(PROCESS) != std::process::id().to_string() {
        return Ok(Vec::new());
    }
    let number = variable(NUMBER);
    let names = variable(NAMES);
    let number = number.parse().ok().filter(|number| *number <= MAX_NUMBER);
    let number = number.ok_or(ListenError::NumberPassed)?;
    let names: Vec<&str> = names.split(':').collect();
    // Removes the variables, so that no other process takes the sockets as its own.
    let mut descriptors = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..number {
        let socket = take(&mut descriptors, index);
        sockets.push(socket.map_err(|error| ListenError::Passed {
            descriptor: FIRST + index,
            name: names.get(index).copied().unwrap_or_default().to_owned(),
            error,
        })?);
    }
    Ok(sockets)
}

/// A listening TCP or Unix socket.
fn take(descriptors: &mut ListenFd, index: usize) -> io::Result<ListeningSocket> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    if let Ok(socket) = descriptors.take_unix_listener(index) {
        let socket = socket.ok_or_else(gone)?;
        check(&socket)?;
        socket.set_nonblocking(true)?;
        let socket = UnixListener::from_std(socket)?;
        return Ok(ListeningSocket::Unix(UnixSocket::passed(socket)));
    }
    let socket = descriptors.take_tcp_listener(index)?.ok_or_else(gone)?;
    check(&socket)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket).map(ListeningSocket::Tcp)
}

fn check(socket: impl AsFd) -> io::Result<()> {
    if socket_acceptconn(socket)? {
        Ok(())
    } else {
        Err(io::Error::other("it does not listen"))
    }
}
