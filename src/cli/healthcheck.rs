//! `jeton healthcheck`: whether the server on this machine is ready.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::{CommandError, http, output};
use crate::config::{ListenHost, ListenSocket, Settings};
use crate::device::printable_within;

/// Maximum bytes of the response that are printed.
const MAX_TEXT: usize = 1000;

/// Where the server responds to `/readyz`.
#[derive(Debug, PartialEq, Eq)]
pub enum Probe {
    /// At a URL.
    Url(String),
    /// At a Unix socket.
    Socket(PathBuf),
}

/// Requests `/readyz` of the running server.
pub async fn run(settings: &Settings) -> Result<(), CommandError> {
    let probe = probe(settings);
    match readiness(&probe).await {
        Ok(text) => output::line(&text),
        Err(why) => Err(CommandError::new(format!("not ready: {probe}: {why}"))),
    }
}

/// What `/readyz` says if the server is ready, else why it is not.
pub async fn readiness(probe: &Probe) -> Result<String, String> {
    let response = match probe {
        Probe::Url(url) => http::get_here(url).await?,
        Probe::Socket(path) => http::get_over(path, "http://localhost/readyz").await?,
    };
    // Another program than the server may respond, and control characters would change the terminal.
    let text = printable_within(response.text.trim(), MAX_TEXT);
    if response.status.is_success() {
        Ok(text)
    } else {
        Err(format!("{}: {text}", response.status))
    }
}

/// Where the server is by its own settings: at `metrics.listen`, where clients take no connections from it, else at the
/// first address of `server.listen`.
pub fn probe(settings: &Settings) -> Probe {
    if let Ok(address) = settings.metrics.listen.parse() {
        return Probe::Url(format!("http://{}/readyz", reachable(address)));
    }
    let scheme = settings.server.scheme();
    let host = match settings.server.listen.first() {
        ListenSocket::File(path) => return Probe::Socket(path.clone()),
        ListenSocket::Address(listen) => match listen.host() {
            ListenHost::Name(name) => format!("{name}:{}", listen.port),
            ListenHost::Address(address) => reachable(SocketAddr::new(address.ip(), listen.port)),
        },
    };
    Probe::Url(format!("{scheme}://{host}/readyz"))
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address to connect to: of all addresses of this machine, the loopback one.
fn reachable(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Listen;

    #[test]
    fn the_probe_is_at_an_address_that_can_be_connected_to() {
        let mut settings = Settings::defaults().unwrap();
        for (metrics, listen, url) in [
            (
                "127.0.0.1:9464",
                "0.0.0.0:80",
                "http://127.0.0.1:9464/readyz",
            ),
            ("0.0.0.0:9464", "0.0.0.0:80", "http://127.0.0.1:9464/readyz"),
            ("[::]:9464", "0.0.0.0:80", "http://[::1]:9464/readyz"),
            ("", "0.0.0.0:80", "http://127.0.0.1:80/readyz"),
            ("", "10.0.0.1:80", "http://10.0.0.1:80/readyz"),
            (
                "",
                "unix:/run/jeton.sock,10.0.0.1:80",
                "unix:/run/jeton.sock",
            ),
            (
                "",
                "localhost:8080,unix:/run/a",
                "http://localhost:8080/readyz",
            ),
        ] {
            settings.metrics.listen = metrics.to_owned();
            settings.server.listen = Listen::parse(listen).unwrap();
            assert_eq!(probe(&settings).to_string(), url);
        }
        settings.server.tls.certificate = "certificate.pem".into();
        assert_eq!(
            probe(&settings).to_string(),
            "https://localhost:8080/readyz"
        );
    }
}
