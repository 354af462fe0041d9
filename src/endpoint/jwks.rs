//! The JSON Web Key Set: how resource servers verify access tokens, RFC 7517.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use poem::web::Data;
use poem_openapi::param::Header;
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::caching::{entity_tag, matches, max_age};
use crate::server::AuthorizationServer;

/// The path.
pub const PATH: &str = "/jwks.json";

/// The door.
pub struct JwksEndpoint;

/// RFC 7517 section 5. The key that signs stands first.
#[derive(Object)]
struct JsonWebKeySet {
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

#[derive(ApiResponse)]
enum JwksAnswer {
    /// The keys.
    #[oai(status = 200)]
    Ok(
        Json<JsonWebKeySet>,
        /// Names this version of the set.
        #[oai(header = "ETag")]
        String,
        /// How long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The set is the one that `If-None-Match` names.
    #[oai(status = 304)]
    NotModified(
        /// Names this version of the set.
        #[oai(header = "ETag")]
        String,
        /// How long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

#[OpenApi]
#[expect(clippy::unused_async, reason = "the framework asks for async")]
impl JwksEndpoint {
    /// Keys to verify access tokens with
    ///
    /// A JSON Web Key Set (RFC 7517). Keep it for as long as `Cache-Control` says, and ask again
    /// for a `kid` that you do not know: a key is published before it signs.
    #[oai(
        path = "/jwks.json",
        method = "get",
        operation_id = "fetchJsonWebKeySet",
        tag = "Tag::Discovery"
    )]
    async fn jwks(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        /// The ETag of the set that you hold.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> JwksAnswer {
        let ring = server.keys.ring();
        let published = ring.published(server.clock.now());
        let set = JsonWebKeySet {
            keys: published
                .iter()
                .filter_map(|key| JsonWebKey::from(&key.jwk))
                .collect(),
        };
        let tag = entity_tag(&set.to_json_string());
        let age = max_age(server.settings.keys.jwks_max_age.0);
        if matches(if_none_match.0.as_deref(), &tag) {
            JwksAnswer::NotModified(tag, age)
        } else {
            JwksAnswer::Ok(Json(set), tag, age)
        }
    }
}
