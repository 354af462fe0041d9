//! A server in memory, called by HTTP requests, with a clock that the test moves.

pub mod audit;
pub mod browser;
pub mod certificate;
pub mod client;
pub mod database;
pub mod document;
pub mod file;
pub mod forwarder;
pub mod gate;
pub mod leak;
pub mod openapi;
pub mod peer;
mod session;

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::FutureExt as _;
use jeton::app::app;
use jeton::audit::Cause;
use jeton::bootstrap;
use jeton::client::secret::secret_digest;
use jeton::clock::{Clock, Timestamp, micros, time_ordered_id};
use jeton::config::Settings;
use jeton::key::{self, StoredKey, lifecycle};
use jeton::password::Password;
use jeton::root_secret::RootSecrets;
use jeton::server::AuthorizationServer;
use jeton::store::{Store, client_secret, signing_key, user};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode};
use poem::{Endpoint as _, EndpointExt as _, Request, Response};
use serde_json::Value;
use uuid::Uuid;

pub use session::{NO_DEVICE, forgiven, like, short_of};

/// 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
pub const ISSUER: &str = "https://jeton.test";
pub const ROOT_SECRET: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w";
/// A confidential client's secret.
pub const SECRET: &str = "jcs_0123456789abcdefghijklmnopqrstuv";
pub const ALICE: (&str, &str) = ("alice", "correct horse battery staple");
/// The sign-in of [`ALICE`] at the default client.
pub const SIGN_IN: [(&str, &str); 3] = [
    ("grant_type", "password"),
    ("username", ALICE.0),
    ("password", ALICE.1),
];

/// One server, or one of several nodes on the same store.
pub struct Jeton {
    pub server: Arc<AuthorizationServer>,
    app: BoxEndpoint<'static, Response>,
    _leaks: leak::Watch,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// The tokens of a successful response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
    pub expires_in: i64,
    pub scope: String,
}

impl Jeton {
    /// A server with the default settings, cheap password hashes, the user [`ALICE`] and the client
    /// `first-party`.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// [`Jeton::start`] with changed settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let store = database::store().await;
        let jeton = Self::on(store, Clock::standing_at(START), ROOT_SECRET, change).await;
        jeton.add_client("first-party", None, |_| {}).await;
        jeton.add_user(ALICE.0, ALICE.1).await;
        jeton
    }

    /// A node on a store, with its own clock and root secrets.
    pub async fn on(
        store: Store,
        clock: Clock,
        root_secret: &str,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::defaults().unwrap();
        ISSUER.clone_into(&mut settings.issuer);
        settings.password.memory_kib = 64;
        settings.password.iterations = 1;
        settings.password.threads = 1;
        change(&mut settings);
        let root_secrets = RootSecrets::parse(root_secret).unwrap();
        seed_signing_key(&store, &root_secrets, clock.now()).await;
        let server = bootstrap::assemble(settings, store, root_secrets, clock)
            .await
            .unwrap();
        Self::of(server)
    }

    /// A node with an assembled server.
    pub fn of(server: AuthorizationServer) -> Self {
        let server = Arc::new(server);
        let app = app(Arc::clone(&server)).boxed();
        Self {
            server,
            app,
            _leaks: leak::Watch::begin(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.server.clock.now()
    }

    /// The cause of a change that the test makes without a request.
    pub fn cause(&self) -> Cause {
        Cause::system(self.now())
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.server.clock.set(self.now().plus(duration));
    }

    pub async fn add_user(&self, username: &str, password: &str) -> Uuid {
        let hash = self
            .server
            .hasher
            .hash(Password::new(password))
            .await
            .unwrap();
        self.add_user_with_hash(username, &hash).await
    }

    pub async fn add_user_with_hash(&self, username: &str, hash: &str) -> Uuid {
        let row = user::Model::new(username, hash.to_owned(), self.now());
        let id = row.id;
        user::insert(&self.server.store, row, &self.cause())
            .await
            .unwrap();
        id
    }

    /// Runs `future` while the hasher's only thread is busy and its queue of one is full.
    pub async fn with_hasher_full<T>(&self, future: impl Future<Output = T>) -> T {
        let hasher = &self.server.hasher;
        let release = hasher.occupy().unwrap();
        let mut waiting = pin!(hasher.hash(Password::new("waiting")));
        assert!(waiting.as_mut().now_or_never().is_none());
        let output = future.await;
        drop(release);
        waiting.await.unwrap();
        output
    }

    /// Sends any request.
    pub async fn send(&self, mut request: Request) -> Answer {
        let host = request.headers_mut().entry("host");
        host.or_insert(HeaderValue::from_static("jeton.test"));
        leak::learn_headers(request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.app.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.into_string().await.unwrap(),
        };
        leak::learn_headers(&answer.headers);
        if answer.status.as_u16() < 400 {
            leak::learn_json(&answer.body);
        } else {
            leak::assert_none(&format!("{:?} {}", answer.headers, answer.body));
        }
        document::assert_declared(&method, &path, &answer);
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(
            Request::builder()
                .method(Method::GET)
                .uri(path.parse().unwrap())
                .finish(),
        )
        .await
    }

    /// `GET` with an access token.
    pub async fn get_with(&self, path: &str, access_token: &str) -> Answer {
        let request = Request::builder()
            .uri(path.parse().unwrap())
            .header("authorization", format!("Bearer {access_token}"));
        self.send(request.finish()).await
    }

    /// Posts a raw body to /token as a form.
    pub async fn post_raw(&self, body: impl Into<poem::Body>) -> Answer {
        self.send(form("/token").body(body)).await
    }

    /// Posts parameters to /token.
    pub async fn token(&self, parameters: &[(&str, &str)]) -> Answer {
        self.post_raw(encode(parameters)).await
    }

    /// Posts parameters to /token with `Authorization`.
    pub async fn token_as(&self, authorization: &str, parameters: &[(&str, &str)]) -> Answer {
        let request = form("/token").header("authorization", authorization);
        self.send(request.body(encode(parameters))).await
    }

    /// Posts parameters to a path, with `Authorization` unless it is empty.
    pub async fn post(
        &self,
        path: &str,
        authorization: &str,
        parameters: &[(&str, &str)],
    ) -> Answer {
        let mut request = form(path);
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        self.send(request.body(encode(parameters))).await
    }

    /// Signs [`ALICE`] in at the default client.
    pub async fn sign_in(&self) -> Tokens {
        self.sign_in_at("first-party").await
    }

    /// Signs [`ALICE`] in at a public client.
    pub async fn sign_in_at(&self, client_id: &str) -> Tokens {
        let answer = self
            .token(&[
                ("grant_type", "password"),
                ("username", ALICE.0),
                ("password", ALICE.1),
                ("client_id", client_id),
            ])
            .await;
        answer.tokens()
    }

    /// Refreshes at the default client.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ])
        .await
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    /// The value of a header, which may not be repeated.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?.to_str().unwrap();
        assert!(values.next().is_none(), "{name} is repeated");
        Some(first)
    }

    /// The sorted headers without `X-Request-Id`.
    pub fn steady_headers(&self) -> Vec<(String, String)> {
        let pairs = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "x-request-id")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort();
        pairs
    }

    /// The tokens of the response, which must be a success.
    pub fn tokens(&self) -> Tokens {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Tokens {
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            expires_in: json["expires_in"].as_i64().unwrap(),
            scope: text("scope"),
        }
    }

    /// Asserts the shape of RFC 6749 §5.2: this status, this code, a plain description, no caching.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.json()["error"], code, "{}", self.body);
        self.assert_error_shape();
    }

    /// [`Answer::assert_error`] with any status and code.
    #[track_caller]
    pub fn assert_error_shape(&self) {
        let json = self.json();
        assert!(json["error"].is_string(), "{}", self.body);
        let description = json["error_description"].as_str().unwrap();
        // "Values for the "error_description" parameter MUST NOT include characters outside the set
        // %x20-21 / %x23-5B / %x5D-7E."
        let plain = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(description.bytes().all(plain), "{description}");
        assert_eq!(json.as_object().unwrap().len(), 2, "{}", self.body);
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("pragma"), Some("no-cache"));
        assert!(
            self.header("content-type")
                .unwrap()
                .starts_with("application/json")
        );
    }
}

/// The row of a client's secret.
pub fn secret_row(client_id: &str, secret: &str, now: Timestamp) -> client_secret::Model {
    client_secret::Model {
        id: time_ordered_id(now),
        client_id: client_id.to_owned(),
        digest: secret_digest(secret).to_vec(),
        created_at: now,
        expires_at: None,
    }
}

/// A request with a form's content type.
pub fn form(path: &str) -> poem::RequestBuilder {
    Request::builder()
        .method(Method::POST)
        .uri(path.parse().unwrap())
        .header("content-type", "application/x-www-form-urlencoded")
}

/// Parameters as a form.
pub fn encode(parameters: &[(&str, &str)]) -> String {
    for (name, value) in parameters {
        leak::learn(name, value);
    }
    let escape =
        |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Parameters with more appended.
pub fn and<'a>(
    parameters: &[(&'a str, &'a str)],
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    [parameters, more].concat()
}

/// `Authorization: Basic` with the id and secret unencoded.
pub fn basic_raw(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// The header or the claims of a JWT, unverified.
pub fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// Inserts the same key in every test: generating one takes longer than most tests.
async fn seed_signing_key(store: &Store, root_secrets: &RootSecrets, now: Timestamp) {
    static PAIR: OnceLock<(String, String, Vec<u8>)> = OnceLock::new();
    let (id, public_jwk, pkcs8) = PAIR.get_or_init(|| {
        let (jwk, pkcs8) = key::generate(2048).unwrap();
        let id = jwk.common.key_id.clone().unwrap();
        (id, serde_json::to_string(&jwk).unwrap(), pkcs8.to_vec())
    });
    let stored = StoredKey {
        id: id.clone(),
        public_jwk: public_jwk.clone(),
        sealed_private_key: Some(root_secrets.seal(id, pkcs8).unwrap()),
        created_at: now,
        activates_at: now,
        longest_lifetime: micros(Duration::from_mins(15)),
        revoked_at: None,
    };
    signing_key::insert(store, &stored, lifecycle::ANY_TIME, &Cause::system(now))
        .await
        .unwrap();
}
