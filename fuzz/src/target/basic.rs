//! The header `Authorization: Basic` of a confidential client at /token.
//!
//! The first byte selects whether the input is the whole header or the credentials before Base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use poem::http::HeaderValue;

use super::server::Server;
use super::{Target, selected};
use crate::support::{Jeton, SECRET, form};

/// Clients and secrets. Those of the others differ between the forms of RFC 6749 §2.3.1: encoded and as they are.
const CLIENTS: [(&str, &str); 3] = [
    ("service", SECRET),
    ("two words", "100%41+percent plus and more letters"),
    ("a%62c", "%3A:%3a colons and more letters, many"),
];

pub struct Basic(Server);

impl Target for Basic {
    const INPUTS: u32 = 20_000;

    fn start() -> Self {
        Self(Server::start(add_clients))
    }

    fn run(&mut self, input: &[u8]) {
        let Some((is_encoded, text)) = selected(input, 2) else {
            return;
        };
        let header = if is_encoded == 0 {
            text.to_vec()
        } else {
            format!("Basic {}", STANDARD.encode(text)).into_bytes()
        };
        let Ok(value) = HeaderValue::from_bytes(&header) else {
            return;
        };
        let request = form("/token").header("authorization", value);
        let body = b"grant_type=client_credentials".to_vec();
        let answer = self.0.send(request, body);
        if answer.status == 200 {
            assert!(is_client(&header), "{:?}", String::from_utf8_lossy(&header));
            return;
        }
        answer.assert_error_shape();
        if answer.status == 401 {
            // "the authorization server MUST [...] include the "WWW-Authenticate" response header field matching the
            // authentication scheme used by the client", RFC 6749 §5.2.
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.starts_with("Basic "), "{challenge}");
        }
    }
}

async fn add_clients(jeton: &Jeton) {
    for (id, secret) in CLIENTS {
        jeton
            .add_client(id, Some(secret), |client| {
                "client_credentials".clone_into(&mut client.grant_types);
                "read".clone_into(&mut client.scope);
                client.first_party = false;
            })
            .await;
    }
}

/// Whether the header has the credentials of a client, read more leniently than the server does.
fn is_client(header: &[u8]) -> bool {
    let text = str::from_utf8(header).unwrap_or_default().trim();
    let (scheme, credentials) = text.split_once(' ').unwrap_or_default();
    let credentials = credentials.trim().trim_end_matches('=');
    let decoded = STANDARD_NO_PAD.decode(credentials).unwrap_or_default();
    let decoded = String::from_utf8(decoded).unwrap_or_default();
    let (id, secret) = decoded.split_once(':').unwrap_or_default();
    let is = |own: &str, given: &str| own == given || own == decode(given);
    scheme.eq_ignore_ascii_case("basic")
        && CLIENTS.iter().any(|own| is(own.0, id) && is(own.1, secret))
}

fn decode(text: &str) -> String {
    let pair = format!("x={text}").replace('&', "%26");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    let first = pairs.next();
    first
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
