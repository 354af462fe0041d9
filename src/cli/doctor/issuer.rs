//! The issuer as clients see it: metadata and JWKS.

use std::collections::BTreeSet;

use serde_json::Value;

use super::finding::Finding;
use crate::cli::http;
use crate::config::Settings;
use crate::device::printable_within;
use crate::endpoint::metadata;

const CHECK: &str = "issuer";
const JWKS: &str = "jwks";
/// What the library says of a certificate of a CA that this machine does not trust.
const UNKNOWN_CA: &str = "UnknownIssuer";
/// Maximum bytes of the URL of the JWKS.
const MAX_URL: usize = 2000;

/// Requests the metadata at the issuer and compares its keys with those of the store.
pub async fn check(settings: &Settings, published: Option<Vec<String>>) -> Vec<Finding> {
    let url = format!("{}{}", settings.issuer, metadata::OPENID);
    let document = match document(&url).await {
        Ok(document) => document,
        Err(why) => {
            let remedy = if why.contains(UNKNOWN_CA) {
                "add the certificate of the CA that issued it to those that this machine trusts, or name it in SSL_CERT_FILE"
            } else {
                "check DNS, the proxy and its certificate, and issuer (JETON_ISSUER)"
            };
            return vec![Finding::failure(CHECK, format!("{url}: {why}"), remedy)];
        }
    };
    let found = text(&document, "issuer");
    if found != settings.issuer {
        return vec![Finding::failure(
            CHECK,
            format!(
                "{url} is of the issuer {found:?}, not of {:?}",
                settings.issuer
            ),
            "another server responds there, or it runs with other settings: correct issuer, or restart it",
        )];
    }
    let reachable = Finding::ok(CHECK, format!("{} responds", settings.issuer));
    let Some(published) = published else {
        return vec![reachable];
    };
    // Control characters would change the terminal.
    let jwks = printable_within(text(&document, "jwks_uri"), MAX_URL);
    vec![reachable, compare_keys(&jwks, published).await]
}

async fn compare_keys(url: &str, published: Vec<String>) -> Finding {
    let jwks = match document(url).await {
        Ok(jwks) => jwks,
        Err(why) => {
            return Finding::failure(
                JWKS,
                format!("{url}: {why}"),
                "check the routes of the proxy",
            );
        }
    };
    let keys = jwks.get("keys").and_then(Value::as_array);
    let served: BTreeSet<&str> = keys
        .into_iter()
        .flatten()
        .map(|key| text(key, "kid"))
        .collect();
    let stored: BTreeSet<&str> = published.iter().map(String::as_str).collect();
    if served == stored {
        return Finding::ok(JWKS, format!("{url} has the keys of the store"));
    }
    let missing: Vec<&str> = stored.difference(&served).copied().collect();
    let surplus: Vec<&str> = served.difference(&stored).copied().collect();
    Finding::failure(
        JWKS,
        format!("{url} differs from the store: missing {missing:?}, surplus {surplus:?}"),
        "a cache keeps it for too long, or the server uses another database; try again after keys.refresh_interval \
         and keys.jwks_max_age",
    )
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    let value = object.get(member).and_then(Value::as_str);
    value.unwrap_or_default()
}

async fn document(url: &str) -> Result<Value, String> {
    let response = http::get(url).await?;
    if !response.status.is_success() {
        return Err(format!("the response is {}", response.status));
    }
    serde_json::from_str(&response.text).map_err(|_| "the response is not JSON".to_owned())
}
