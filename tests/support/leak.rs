//! Searches every log line, metric label and error response of the test run for the secrets that the tests use.
//!
//! A secret is remembered when a test sends or receives it: a parameter, a JSON member or a header. A test fails if
//! one is found while its server exists; the secret may be that of another test.

use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Recorder, SharedString, Unit, set_global_recorder,
};
use poem::http::HeaderMap;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_global_default;
use tracing::{Event, Subscriber};

use super::audit::keep_second_subscriber;

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
static PRINTED: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

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

/// Searches what was logged since it was made, when it is dropped.
pub struct Watch(usize);

impl Watch {
    pub fn begin() -> Self {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            keep_second_subscriber();
            if cfg!(test) {
                set_global_default(Lines).unwrap();
                set_global_recorder(Labels).unwrap();
            }
        });
        Self(PRINTED.lock().unwrap().len())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let printed = PRINTED.lock().unwrap()[self.0..].to_vec();
            for text in &printed {
                assert_none(text);
            }
        }
    }
}

/// Keeps the fields of every log line and span, at any level. It needs no `Registry`: spans of one that is closed on a
/// thread whose default is another panic.
struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line(attributes.metadata().name().to_owned());
        attributes.record(&mut line);
        print(&line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        print(&line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        print_event(event);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Keeps the fields of a log line.
pub fn print_event(event: &Event<'_>) {
    let mut line = Line(event.metadata().target().to_owned());
    event.record(&mut line);
    print(&line.0);
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

fn print(text: &str) {
    PRINTED.lock().unwrap().push(text.into());
}

/// Keeps the names and labels of metrics.
struct Labels;

impl Recorder for Labels {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &metrics::Metadata<'_>) -> Counter {
        print(&key.to_string());
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &metrics::Metadata<'_>) -> Gauge {
        print(&key.to_string());
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &metrics::Metadata<'_>) -> Histogram {
        print(&key.to_string());
        Histogram::noop()
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
