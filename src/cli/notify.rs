//! The state of the server for systemd, if it started the server with `Type=notify`: `sd_notify(3)`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// The stop is given up some time after `server.shutdown_timeout`.
const RESERVE: Duration = Duration::from_secs(15);

/// The server accepts connections.
pub(super) fn ready() {
    notify("READY=1\n");
}

/// The server stops, which takes this time or less. So `TimeoutStopSec` of the unit need not follow the setting.
pub(super) fn stopping(timeout: Duration) {
    let microseconds = (timeout + RESERVE).as_micros();
    notify(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={microseconds}\n"));
}

fn notify(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        let socket = socket.display();
        tracing::warn!(%socket, %error, "cannot notify the service manager (NOTIFY_SOCKET)");
    }
}

/// Sends to a path, or, after `@`, to an abstract socket, which Linux has.
fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::SocketAddr;

        let address = SocketAddr::from_abstract_name(name)?;
        return sender.send_to_addr(state.as_bytes(), &address).map(drop);
    }
    sender.send_to(state.as_bytes(), socket).map(drop)
}
