//! A test issuer with its keys, and tokens.

pub mod issuer;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton_resource_server::{AccessToken, Refusal, Verifier};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub use issuer::Issuer;

pub const AUDIENCE: &str = "https://api.test";

/// A key pair of an issuer.
pub struct Signer {
    pub kid: String,
    pub jwk: Value,
    key: EncodingKey,
    algorithm: Algorithm,
}

/// RSA keys, generated once for all tests because that is slow.
pub fn rsa(number: usize) -> &'static Signer {
    static SIGNERS: OnceLock<Vec<Signer>> = OnceLock::new();
    let signers = SIGNERS.get_or_init(|| (0..3).map(|_| Signer::rsa()).collect());
    &signers[number]
}

impl Signer {
    fn rsa() -> Self {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        Self::new(
            EncodingKey::from_rsa_der(&pkcs1_of(der.as_ref())),
            Algorithm::RS256,
        )
    }

    pub fn es256() -> Self {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
        let random = aws_lc_rs::rand::SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::new(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256)
    }

    pub fn es384() -> Self {
        use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
        let random = aws_lc_rs::rand::SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        Self::new(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES384)
    }

    pub fn ed25519() -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let der = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8v1(&random).unwrap();
        Self::new(EncodingKey::from_ed_der(der.as_ref()), Algorithm::EdDSA)
    }

    fn new(key: EncodingKey, algorithm: Algorithm) -> Self {
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
        jwk.common.key_id = Some(kid.clone());
        Self {
            kid,
            jwk: serde_json::to_value(jwk).unwrap(),
            key,
            algorithm,
        }
    }

    /// The same key with another algorithm of its kind.
    pub fn by(&self, algorithm: Algorithm) -> Self {
        Self {
            kid: self.kid.clone(),
            jwk: self.jwk.clone(),
            key: self.key.clone(),
            algorithm,
        }
    }

    /// The same key with another `kid`.
    pub fn renamed(&self, kid: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = kid.into();
        jwk
    }

    /// The header of a valid token.
    pub fn header(&self) -> Value {
        let alg = serde_json::to_value(self.algorithm).unwrap();
        json!({ "alg": alg, "typ": "at+jwt", "kid": self.kid })
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }

    /// A token with this header, which need not match the key.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

pub fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The PKCS#1 key in PKCS#8: the last octet string, up to the end.
fn pkcs1_of(pkcs8: &[u8]) -> Vec<u8> {
    let start = pkcs8
        .windows(4)
        .position(|window| window[0] == 0x04 && window[1] == 0x82)
        .unwrap();
    pkcs8[start + 4..].to_vec()
}

/// The claims of a valid token.
pub fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer,
        "sub": "0195e7b6-8f3c-7bbb-9c57-0f6a1a2b3c4d",
        "aud": AUDIENCE,
        "client_id": "web",
        "jti": "T8zTq0cbPpQ1HZT2uWcWbg",
        "iat": now() - 10,
        "exp": now() + 890,
        "auth_time": now() - 10,
        "scope": "info:read info:write",
        "sid": "0195e7b6-8f3c-7bbb-9c57-000000000001",
        "roles": ["admin"],
    })
}

/// [`claims`] with one claim changed, or removed if the value is `null`.
pub fn claims_with(issuer: &str, name: &str, value: Value) -> Value {
    let mut claims = claims(issuer);
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

pub fn now() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "tokens are issued at the current time"
    )]
    let now = SystemTime::now();
    i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A verifier for the issuer's tokens.
pub async fn verifier(issuer: &Issuer) -> Verifier {
    Verifier::builder(&issuer.url, AUDIENCE)
        .build()
        .await
        .unwrap()
}

pub async fn verify(verifier: &Verifier, token: &str) -> Result<AccessToken, Refusal> {
    verifier.verify(token).await
}

/// Waits until this number of fetches has ended, then checks that no further one follows.
pub async fn settle(verifier: &Verifier, fetches: u64) {
    let settled = async {
        while verifier.status().issuers[0].fetches < fetches {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let settled = tokio::time::timeout(Duration::from_secs(5), settled).await;
    assert!(settled.is_ok(), "{:?}", verifier.status());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(verifier.status().issuers[0].fetches, fetches);
}
