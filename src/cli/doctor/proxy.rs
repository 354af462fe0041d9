//! The addresses of clients behind a proxy.

use std::net::IpAddr;

use super::finding::Finding;
use crate::audit::Action;
use crate::config::Settings;
use crate::device::TrustedProxies;
use crate::store::Store;
use crate::store::audit_event::{self, AuditFilter};

const CHECK: &str = "proxy";
/// The number of sign-ins whose addresses are compared.
const SIGN_INS: u64 = 20;

/// An issuer with https has a proxy, unless the server has TLS itself. The proxy must be trusted and must name the
/// clients.
pub async fn check(settings: &Settings, store: &Store) -> Option<Finding> {
    let trusted = &settings.server.trusted_proxies;
    let listen = &settings.server.listen;
    // The peers of a Unix socket are trusted.
    if *trusted == TrustedProxies::default() && !listen.has_file() {
        let needs_proxy = settings.issuer.starts_with("https:") && !settings.server.tls.is_on();
        return needs_proxy.then(|| {
            Finding::warning(
                CHECK,
                "server.trusted_proxies is empty, so all clients seem to have the proxy's address",
                "set server.trusted_proxies to the networks of the proxies",
            )
        });
    }
    let filter = AuditFilter {
        action: Some(Action::SignIn),
        ..AuditFilter::default()
    };
    let events = match audit_event::search(store, filter, None, SIGN_INS).await {
        Ok(events) => events,
        Err(error) => return Some(Finding::failed(CHECK, error.to_string())),
    };
    let addresses = events
        .iter()
        .filter_map(|event| event.address.parse::<IpAddr>().ok());
    let addresses: Vec<IpAddr> = addresses.collect();
    let is_proxy = |address: &IpAddr| {
        trusted.contain(*address) || (listen.has_file() && address.is_loopback())
    };
    let are_proxies = !addresses.is_empty() && addresses.iter().all(is_proxy);
    Some(if are_proxies {
        Finding::warning(
            CHECK,
            format!(
                "the last sign-ins ({}) came from the proxy's own address",
                addresses.len()
            ),
            "let the proxy set X-Forwarded-For or Forwarded, one of them only; without a proxy, leave \
             server.trusted_proxies empty",
        )
    } else {
        Finding::ok(CHECK, "the addresses of sign-ins are not those of proxies")
    })
}
