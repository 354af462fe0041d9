//! The caller's device, read from headers and connection.

use poem::http::header::{self, HeaderName};
use poem::{Addr, Request};

use crate::config::Settings;
use crate::device::{Device, Forwarding};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The device of the caller: the peer, or the address in a trusted proxy's header.
pub fn device(request: &Request, settings: &Settings) -> Device {
    let values = |name: HeaderName| {
        let values = request.headers().get_all(name).iter();
        values.map(poem::http::HeaderValue::as_bytes).collect()
    };
    let forwarding = || Forwarding {
        forwarded: values(header::FORWARDED),
        x_forwarded_for: values(X_FORWARDED_FOR),
    };
    let proxies = &settings.server.trusted_proxies;
    let address = match &**request.remote_addr() {
        Addr::SocketAddr(peer) => Some(proxies.client(peer.ip(), &forwarding())),
        Addr::Unix(_) => Some(proxies.client_of_unix_socket(&forwarding())),
        Addr::Custom(..) => None,
    };
    let user_agent = request.headers().get(header::USER_AGENT);
    Device::new(
        user_agent.map_or(b"", poem::http::HeaderValue::as_bytes),
        address,
    )
}
