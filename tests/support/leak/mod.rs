//! Searches every log line, metric label and error response of the test run for the secrets that the tests use.
//!
//! A secret is remembered when a test sends or receives it: a parameter, a JSON member or a header. A test fails if
//! one is found while its server exists; the secret may be that of another test.

mod printed;

use std::sync::{LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::HeaderMap;
use serde_json::Value;

pub use self::printed::{Watch, print_event};

/// Parameters and members with these names have secrets.
const NAMES: [&str; 12] = [
    "access_token",
    "client_secret",
    "code",
    "code_verifier",
    "current_password",
    "id_token",
    "new_password",
    "password",
    "password_hash",
    "refresh_token",
    "secret",
    "token",
];
/// Shorter values occur by chance.
const SHORTEST: usize = 12;
const SLOT_BITS: u32 = 16;

static SECRETS: LazyLock<Mutex<Secrets>> = LazyLock::new(Mutex::default);

/// The secrets, in slots by their last eight bytes: a `HashMap` takes too long without optimizations.
struct Secrets(Vec<Vec<String>>);

impl Default for Secrets {
    fn default() -> Self {
        Self(vec![Vec::new(); 1 << SLOT_BITS])
    }
}

impl Secrets {
    fn add(&mut self, secret: &str) {
        // The header and the claims of a JWT are not secret.
        let secret = match secret.rsplit_once('.') {
            Some((_, signature)) if secret.starts_with("eyJ") => signature,
            _ => secret,
        };
        // As in the names of the protocol.
        let is_word = secret
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
        if secret.len() >= SHORTEST && !is_word {
            let end = secret.bytes().fold(0, shift);
            let slot = &mut self.0[slot(end)];
            if !slot.iter().any(|known| known == secret) {
                slot.push(secret.to_owned());
            }
        }
    }

    fn find(&self, text: &str) -> Option<&str> {
        let mut end = 0;
        for (position, byte) in text.bytes().enumerate() {
            end = shift(end, byte);
            for secret in &self.0[slot(end)] {
                if text.as_bytes()[..=position].ends_with(secret.as_bytes()) {
                    return Some(secret);
                }
            }
        }
        None
    }
}

/// The last eight bytes, after one more.
fn shift(end: u64, byte: u8) -> u64 {
    end << 8 | u64::from(byte)
}

fn slot(end: u64) -> usize {
    // The multiplier of a multiplicative hash: 2^64 divided by the golden ratio.
    (end.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOT_BITS)) as usize
}

/// Remembers the value of a parameter if its name is that of a secret.
pub fn learn(name: &str, value: &str) {
    if NAMES.contains(&name) {
        add(value);
    }
}

/// Remembers a secret. The fuzz targets, which share this file and have no end, remember none.
pub fn add(secret: &str) {
    if cfg!(test) {
        SECRETS.lock().unwrap().add(secret);
    }
}

/// Remembers the secrets in a JSON text; any other text has none.
pub fn learn_json(text: &str) {
    fn learn_value(value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if let Value::String(text) = value {
                        learn(name, text);
                    }
                    learn_value(value);
                }
            }
            Value::Array(values) => values.iter().for_each(learn_value),
            _ => {}
        }
    }
    if let Ok(value) = serde_json::from_str(text) {
        learn_value(&value);
    }
}

/// Remembers tokens, secrets and cookies.
pub fn learn_headers(headers: &HeaderMap) {
    let texts = |name| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    };
    for text in texts("authorization") {
        match text.split_once(' ') {
            Some(("Bearer", token)) => add(token),
            Some(("Basic", encoded)) => {
                add(encoded);
                let decoded = STANDARD.decode(encoded).unwrap_or_default();
                let decoded = String::from_utf8(decoded).unwrap_or_default();
                if let Some((_, secret)) = decoded.split_once(':') {
                    add(secret);
                }
            }
            _ => {}
        }
    }
    let cookies = texts("cookie").chain(texts("set-cookie"));
    for pair in cookies.flat_map(|text| text.split("; ")) {
        if let Some((name, value)) = pair.split_once('=')
            && name.contains("jeton")
        {
            add(value);
        }
    }
}

/// Asserts that no secret is in a text that a server has printed or sent.
#[track_caller]
pub fn assert_none(text: &str) {
    let secrets = SECRETS.lock().unwrap();
    if let Some(secret) = secrets.find(text) {
        let message = format!("the secret {secret:?} is in: {text}");
        drop(secrets);
        panic!("{message}");
    }
}

/// The search finds a secret at any position, and no part of one.
#[test]
fn a_secret_is_found_in_a_text() {
    let mut secrets = Secrets::default();
    secrets.add("0123456789abcdef");
    secrets.add("eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJlMTIz");
    secrets.add("too short");
    secrets.add("refresh_token");
    assert_eq!(
        secrets.find("x=0123456789abcdef."),
        Some("0123456789abcdef")
    );
    assert_eq!(secrets.find("c2lnbmF0dXJlMTIz"), Some("c2lnbmF0dXJlMTIz"));
    for text in [
        "",
        "89abcdef",
        "123456789abcdef",
        "eyJhbGciOiJSUzI1NiJ9.e30.",
        "too short",
    ] {
        assert_eq!(secrets.find(text), None, "{text}");
    }
}
