//! The certificate of the listener.

use super::finding::Finding;
use crate::clock::Clock;
use crate::config::Settings;
use crate::listener::{CERTIFICATE_EXPIRES_SOON, Tls};

const CHECK: &str = "certificate";

/// Whether the server could use certificate and key, when it expires, and whether it is for the issuer's host; nothing
/// without TLS.
pub fn check(settings: &Settings) -> Vec<Finding> {
    match Tls::open(&settings.server.tls, Clock::system()) {
        Ok(None) => Vec::new(),
        Err(error) => vec![Finding::failed(CHECK, error.to_string())],
        Ok(Some(tls)) => [Some(check_expiry(&tls)), check_host(&tls, settings)]
            .into_iter()
            .flatten()
            .collect(),
    }
}

fn check_expiry(tls: &Tls) -> Finding {
    let expires = tls.expires();
    let text = format!("the certificate of server.tls.certificate expires at {expires}");
    if Clock::system().now().plus(CERTIFICATE_EXPIRES_SOON) < expires {
        return Finding::ok(CHECK, text);
    }
    let remedy = "renew it: replace both files, which a running server reads by itself";
    Finding::warning(CHECK, format!("{text}, in less than 7 days"), remedy)
}

/// A proxy may pass other names, so this is no failure.
fn check_host(tls: &Tls, settings: &Settings) -> Option<Finding> {
    let host = settings.issuer_host()?;
    (!tls.is_for(&host)).then(|| {
        Finding::warning(
            CHECK,
            format!("the certificate is not for the issuer's host, {host}: clients refuse it"),
            "set issuer to the URL by which clients reach this server, or renew the certificate with this name",
        )
    })
}
