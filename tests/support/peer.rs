//! Requests with an address, a `User-Agent` or proxy headers.

use std::net::SocketAddr;

use poem::http::Method;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Request, RequestParts};

use super::{Answer, Jeton, SIGN_IN, Tokens, encode, form};

/// The same request on a connection from `address`.
pub fn sent_from(address: &str, request: Request) -> Request {
    let (sent, body) = request.into_parts();
    let mut parts = poem::http::Request::new(()).into_parts().0;
    parts.method = sent.method;
    parts.uri = sent.uri;
    parts.headers = sent.headers;
    let peer = SocketAddr::new(address.parse().unwrap(), 40_000);
    let remote = RemoteAddr(Addr::SocketAddr(peer));
    let parts = RequestParts::from((parts, LocalAddr::default(), remote, Scheme::HTTP));
    Request::from_parts(parts, body)
}

impl Jeton {
    /// Posts parameters to /token from an address, with a `User-Agent`.
    pub async fn token_from(
        &self,
        (address, user_agent): (&str, &str),
        parameters: &[(&str, &str)],
    ) -> Answer {
        let request = form("/token").header("user-agent", user_agent);
        self.send(sent_from(address, request.body(encode(parameters))))
            .await
    }
}

/// An address and a `User-Agent`.
pub type Sender = (&'static str, &'static str);

/// The device of a user.
pub const OWNER: Sender = ("192.0.2.1", "Owner/1");
/// The same device in another network.
pub const OWNER_ABROAD: Sender = ("198.51.100.1", "Owner/1");
/// The device of an attacker in the owner's network.
pub const THIEF: Sender = ("192.0.2.1", "Thief/1");
/// The device of an attacker elsewhere.
pub const THIEF_ABROAD: Sender = ("203.0.113.1", "Thief/1");

impl Jeton {
    /// Signs [`ALICE`](super::ALICE) in on a device.
    pub async fn sign_in_on(&self, device: Sender) -> Tokens {
        self.token_from(device, &SIGN_IN).await.tokens()
    }

    /// Refreshes on a device.
    pub async fn refresh_on(&self, device: Sender, refresh_token: &str) -> Answer {
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.token_from(device, &parameters).await
    }
}

/// A request with a JSON body, and an access token unless it is empty.
pub fn json(method: Method, path: &str, access_token: &str, body: &str) -> Request {
    let mut request = Request::builder()
        .method(method)
        .uri(path.parse().unwrap())
        .content_type("application/json");
    if !access_token.is_empty() {
        request = request.header("authorization", format!("Bearer {access_token}"));
    }
    request.body(body.to_owned())
}

/// The parameters of a sign-in.
pub fn credentials<'a>(username: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ]
}
