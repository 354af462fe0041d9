//! `jeton healthcheck`: whether the server on this machine is ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{CommandError, http, output};
use crate::config::{ListenHost, Settings};

/// Requests `/readyz` of the running server.
pub async fn run(settings: &Settings) -> Result<(), CommandError> {
    let url = probe(settings);
    match readiness(&url).await {
        Ok(text) => output::line(&text),
        Err(why) => Err(CommandError::new(format!("not ready: {url}: {why}"))),
    }
}

/// What `/readyz` says if the server is ready, else why it is not.
pub async fn readiness(url: &str) -> Result<String, String> {
    let response = http::get_here(url).await?;
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let text = text.trim().to_owned();
    if status.is_success() {
        Ok(text)
    } else {
        Err(format!("{status}: {text}"))
    }
}

/// The URL of `/readyz` by the server's own settings: at `metrics.listen`, where clients take no connections from it,
/// else at `server.listen`.
pub fn probe(settings: &Settings) -> String {
    if let Ok(address) = settings.metrics.listen.parse() {
        return format!("http://{}/readyz", reachable(address));
    }
    let listen = &settings.server.listen;
    let host = match listen.host() {
        ListenHost::Name(name) => format!("{name}:{}", listen.port),
        ListenHost::Address(address) => reachable(SocketAddr::new(address.ip(), listen.port)),
    };
    let scheme = settings.server.scheme();
    format!("{scheme}://{host}/readyz")
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
    use crate::config::ListenAddress;

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
            ("", "localhost:8080", "http://localhost:8080/readyz"),
        ] {
            settings.metrics.listen = metrics.to_owned();
            settings.server.listen = ListenAddress::parse(listen).unwrap();
            assert_eq!(probe(&settings), url);
        }
        settings.server.tls.certificate = "certificate.pem".into();
        assert_eq!(probe(&settings), "https://localhost:8080/readyz");
    }
}
