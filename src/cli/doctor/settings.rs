//! Settings that are valid but do not fit production.

use super::finding::Finding;
use crate::config::{ListenAddress, Settings};
use crate::web_origin::is_loopback;

const CHECK: &str = "settings";

pub fn check(settings: &Settings) -> Vec<Finding> {
    let issuer = &settings.issuer;
    let is_local = is_loopback(issuer);
    let mut findings = Vec::new();
    let listen = settings.server.listen.address();
    let is_unspecified = listen.is_some_and(ListenAddress::is_unspecified);
    if is_unspecified && *issuer == settings.issuer_of_listener() {
        findings.push(Finding::failure(
            CHECK,
            format!("the issuer is {issuer}, which no client can reach"),
            "set issuer (JETON_ISSUER) to the public URL",
        ));
    } else if issuer.starts_with("http:") && !is_local {
        findings.push(Finding::warning(
            CHECK,
            format!("the issuer is {issuer}: passwords and tokens are not encrypted on the way"),
            "put a proxy with TLS in front of it and set issuer (JETON_ISSUER) to its https URL",
        ));
    }
    if !settings.bootstrap.admin_password.0.expose().is_empty() {
        findings.push(Finding::warning(
            CHECK,
            "bootstrap.admin_password is still set; it has an effect at the first start only",
            "remove JETON_BOOTSTRAP__ADMIN_PASSWORD",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("valid; the issuer is {issuer}")));
    }
    findings
}
