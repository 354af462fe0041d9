use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton_resource_server::{Algorithm, BuildError, Refusal, Verifier};
use jsonwebtoken::Algorithm as Signed;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Signer, claims, encode, rsa, verify};

const ISSUER: &str = "https://issuer.test";
const ALL: [Algorithm; 9] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

async fn with_keys(keys: &[Value]) -> Result<Verifier, BuildError> {
    let jwks = json!({ "keys": keys }).to_string();
    let builder = Verifier::builder(ISSUER, AUDIENCE).algorithms(ALL);
    builder.fixed_jwks(jwks).build().await
}

fn with(signer: &Signer, members: &Value) -> Value {
    let mut jwk = signer.jwk.clone();
    for (name, value) in members.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
}

/// RFC 7518 §3.3 to §3.5, RFC 8037 §3.1.
#[tokio::test]
async fn each_algorithm_verifies_its_own_signatures_and_no_other() {
    let family = [
        Signed::RS256,
        Signed::RS384,
        Signed::RS512,
        Signed::PS256,
        Signed::PS384,
        Signed::PS512,
    ];
    // A key without `alg` verifies with every algorithm of its kind.
    let verifier = with_keys(&[with(rsa(0), &json!({ "alg": null }))]).await;
    let verifier = verifier.unwrap();
    for signed in family {
        let signer = rsa(0).by(signed);
        verify(&verifier, &signer.token(&claims(ISSUER)))
            .await
            .unwrap();
        for named in family.into_iter().filter(|named| *named != signed) {
            let token = signer.sign(&rsa(0).by(named).header(), &claims(ISSUER));
            let refusal = verify(&verifier, &token).await.unwrap_err();
            assert_eq!(refusal, Refusal::WrongSignature, "{signed:?} as {named:?}");
        }
    }
    for signer in [Signer::es256(), Signer::es384(), Signer::ed25519()] {
        let verifier = with_keys(std::slice::from_ref(&signer.jwk)).await.unwrap();
        verify(&verifier, &signer.token(&claims(ISSUER)))
            .await
            .unwrap();
    }
}

/// `Ed25519` by RFC 9864 §2.2, `EdDSA` by RFC 8037.
#[tokio::test]
async fn ed25519_is_accepted_under_both_names() {
    let signer = Signer::ed25519();
    for in_key in ["EdDSA", "Ed25519"] {
        let jwk = with(&signer, &json!({ "alg": in_key }));
        let verifier = with_keys(&[jwk]).await.unwrap();
        for in_token in ["EdDSA", "Ed25519"] {
            let mut header = signer.header();
            header["alg"] = in_token.into();
            let token = signer.sign(&header, &claims(ISSUER));
            verify(&verifier, &token).await.unwrap();
        }
    }
}

/// Some issuers write the leading zero of ASN.1, against which RFC 7518 §6.3.1.1 warns.
#[tokio::test]
async fn leading_zeros_of_a_key_are_ignored() {
    let zeros = |name| encode([&[0, 0], bytes(&rsa(0).jwk, name).as_slice()].concat());
    let jwk = with(rsa(0), &json!({ "n": zeros("n"), "e": zeros("e") }));
    let verifier = with_keys(&[jwk]).await.unwrap();
    verify(&verifier, &rsa(0).token(&claims(ISSUER)))
        .await
        .unwrap();
}

/// RFC 7517 §4.1, RFC 7518 §3.3 and §6.2.1.2.
#[tokio::test]
async fn a_key_that_does_not_match_its_type_is_not_used() {
    let (curve, edwards) = (Signer::es256(), Signer::ed25519());
    let mut short = bytes(&rsa(0).jwk, "n");
    short[0] = 0x40 | (short[0] & 0x3f);
    let (x, y) = (bytes(&curve.jwk, "x"), bytes(&curve.jwk, "y"));
    let shifted = json!({ "x": encode([&x[..], &y[..1]].concat()), "y": encode(&y[1..]) });
    let cut = encode(&bytes(&edwards.jwk, "x")[1..]);
    for useless in [
        with(rsa(0), &json!({ "kty": "EC", "crv": "P-256", "alg": null })),
        with(rsa(0), &json!({ "kty": "rsa" })),
        with(rsa(0), &json!({ "n": encode(&short) })),
        with(&curve, &json!({ "crv": "P-384", "alg": null })),
        with(&curve, &json!({ "crv": "secp256k1", "alg": null })),
        with(&curve, &json!({ "kty": "OKP", "alg": null })),
        with(&curve, &shifted),
        with(&edwards, &json!({ "crv": "X25519" })),
        with(&edwards, &json!({ "x": cut })),
    ] {
        let error = with_keys(std::slice::from_ref(&useless)).await.unwrap_err();
        assert_eq!(error, BuildError::FixedJwks, "{useless}");
    }
}
