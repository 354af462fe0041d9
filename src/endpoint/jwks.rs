//! The JSON Web Key Set for verifying access tokens, RFC 7517.

use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use poem::web::Data;
use poem_openapi::param::Header;
use poem_openapi::{Object, OpenApi};

use super::Tag;
use super::caching::{Cached, Prebuilt};
use crate::response::oauth_error::OAuthError;
use crate::server::AuthorizationServer;

/// The path.
pub const PATH: &str = "/.well-known/jwks.json";

/// The JWKS endpoint.
#[derive(Default)]
pub struct JwksEndpoint(Mutex<Option<PublishedKeys>>);

/// The document for these keys. The keys of a `kid` never change.
struct PublishedKeys {
    ids: Vec<String>,
    document: Prebuilt<JsonWebKeySet>,
}

impl JwksEndpoint {
    /// The document, built again only if the keys are others than at the last request.
    pub fn document(&self, server: &AuthorizationServer) -> Prebuilt<JsonWebKeySet> {
        let ring = server.keys.ring();
        let now = server.clock.at_most_trusted(server.clock.now());
        let published = ring.published(now);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = || published.iter().map(|key| &key.id);
        if let Some(last) = last.as_ref().filter(|last| ids().eq(&last.ids)) {
            return last.document.clone();
        }
        let keys = published.iter();
        let keys = keys.filter_map(|key| JsonWebKey::from(&key.jwk)).collect();
        let age = server.settings.keys.jwks_max_age.0;
        let document = Prebuilt::new(&JsonWebKeySet { keys }, age);
        *last = Some(PublishedKeys {
            ids: ids().cloned().collect(),
            document: document.clone(),
        });
        document
    }
}

/// A JSON Web Key Set, RFC 7517 section 5. The active key comes first.
#[derive(Object)]
pub struct JsonWebKeySet {
    /// The keys.
    keys: Vec<JsonWebKey>,
}

/// The public half of a signing key, RFC 7517 section 4.
#[derive(Object)]
struct JsonWebKey {
    /// `RSA`.
    kty: String,
    /// `sig`.
    #[oai(rename = "use")]
    public_key_use: String,
    /// `RS256`.
    alg: String,
    /// The thumbprint of RFC 7638; the `kid` of the tokens that the key signed.
    kid: String,
    /// The modulus, in base64url.
    n: String,
    /// The exponent, in base64url.
    e: String,
}

impl JsonWebKey {
    fn from(jwk: &Jwk) -> Option<Self> {
        let AlgorithmParameters::RSA(rsa) = &jwk.algorithm else {
            return None;
        };
        Some(Self {
            kty: "RSA".to_owned(),
            public_key_use: "sig".to_owned(),
            alg: "RS256".to_owned(),
            kid: jwk.common.key_id.clone()?,
            n: rsa.n.clone(),
            e: rsa.e.clone(),
        })
    }
}

#[OpenApi]
#[expect(clippy::unused_async, reason = "poem-openapi requires async")]
impl JwksEndpoint {
    /// Keys for verifying access tokens
    ///
    /// A JSON Web Key Set (RFC 7517). Cache it as `Cache-Control` says, and fetch it again for an unknown
    /// `kid`: a key is published before it signs.
    #[oai(
        path = "/.well-known/jwks.json",
        method = "get",
        operation_id = "fetchJsonWebKeySet",
        tag = "Tag::Keys"
    )]
    async fn jwks(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        /// The ETag of the cached set.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Cached<JsonWebKeySet>, OAuthError> {
        let document = self.document(&server);
        Ok(Cached::answer(&document, if_none_match.0.as_deref()))
    }
}
