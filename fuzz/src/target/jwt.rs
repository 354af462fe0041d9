//! JWTs: access tokens, also at /forward-auth, and ID tokens as `id_token_hint`.
//!
//! The first byte selects whether the input is a text, changes of a genuine token, or a header and claims (one line
//! each) that are signed with the server's key. `{k}` stands for the id of that key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton::token::{access_token, id_token};
use poem::Request;
use poem::http::HeaderValue;
use serde_json::Value;

use super::server::{Server, filled};
use super::{Target, changed, halves, selected};
use crate::support::browser::{Browser, request};
use crate::support::{ISSUER, Jeton};

pub struct Jwts {
    server: Server,
    access_token: String,
    id_token: String,
    key: String,
}

impl Target for Jwts {
    fn start() -> Self {
        let server = Server::start(async |jeton| jeton.add_app("app", |_| {}).await);
        let (access_token, id_token) = server.run(issue(&server.jeton));
        let now = server.jeton.now();
        let ring = server.jeton.server.keys.ring();
        let key = ring.signer(now).unwrap().id.clone();
        Self {
            server,
            access_token,
            id_token,
            key,
        }
    }

    fn run(&mut self, input: &[u8]) {
        let Some((choice, rest)) = selected(input, 4) else {
            return;
        };
        let (text, signed) = match choice {
            0 => (rest.to_vec(), None),
            1 => (changed(&self.access_token, rest), None),
            2 => (changed(&self.id_token, rest), None),
            _ => {
                let rest = filled(rest, &[("{k}", &self.key)]);
                let (header, claims) = halves(&rest);
                let parts = (header.to_vec(), claims.to_vec());
                (self.sign(header, claims), Some(parts))
            }
        };
        let Ok(text) = str::from_utf8(&text).map(str::trim) else {
            return;
        };
        let is_access_token = self.verify_access_token(text, signed.as_ref());
        let is_hint = self.verify_hint(text, signed.as_ref());
        assert!(!(is_access_token && is_hint), "one token of two kinds");
        self.ask_for_permission(text, is_access_token);
    }
}

/// An access token and an ID token.
async fn issue(jeton: &Jeton) -> (String, String) {
    let browser = Browser::default();
    let query = request(&[("scope", "openid read")]);
    let code = browser.sign_in(jeton, &query).await.code();
    let answer = jeton.redeem(&code).await.json();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("access_token"), text("id_token"))
}

/// The header and the claims of a token that the server's key has signed.
type Parts = (Vec<u8>, Vec<u8>);

impl Jwts {
    fn sign(&self, header: &[u8], claims: &[u8]) -> Vec<u8> {
        let now = self.server.jeton.now();
        let ring = self.server.jeton.server.keys.ring();
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = ring.signer(now).unwrap().sign(message.as_bytes()).unwrap();
        format!("{message}.{}", encode(&signature)).into_bytes()
    }

    /// Whether a text is an access token: the genuine one, or one with right claims that the server's key has signed.
    fn verify_access_token(&self, text: &str, signed: Option<&Parts>) -> bool {
        let jeton = &self.server.jeton;
        let Ok(claims) = access_token::verify(text, jeton.now(), &jeton.server) else {
            assert_ne!(text, self.access_token);
            return false;
        };
        assert_eq!(claims.iss, ISSUER);
        assert!(claims.exp > jeton.now().as_seconds());
        match signed {
            None => assert_eq!(text, self.access_token),
            Some(parts) => assert_header(parts, &["at+jwt", "jwt"]),
        }
        true
    }

    fn verify_hint(&self, text: &str, signed: Option<&Parts>) -> bool {
        let Ok(claims) = id_token::verify_hint(text, &self.server.jeton.server) else {
            assert_ne!(text, self.id_token);
            return false;
        };
        assert!(text.len() <= 8 * 1024);
        match signed {
            None => assert_eq!((text, claims.aud.as_str()), (self.id_token.as_str(), "app")),
            Some(parts) => assert_header(parts, &["jwt"]),
        }
        true
    }

    /// /forward-auth permits a request only with an access token, and says which user has it.
    fn ask_for_permission(&self, text: &str, is_access_token: bool) {
        let Ok(value) = HeaderValue::try_from(format!("Bearer {text}")) else {
            return;
        };
        let audience =
            percent_encoding::utf8_percent_encode(ISSUER, percent_encoding::NON_ALPHANUMERIC);
        let uri = format!("/forward-auth?audience={audience}")
            .parse()
            .unwrap();
        let request = Request::builder().uri(uri).header("authorization", value);
        let answer = self.server.send(request, Vec::new());
        if answer.status == 204 {
            assert!(is_access_token, "{text}");
            assert!(answer.header("x-auth-subject").is_some());
        } else {
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(
                challenge.starts_with("Bearer "),
                "{} {challenge}",
                answer.status
            );
            assert_ne!(text, self.access_token);
        }
    }
}

/// The algorithm is the server's, and the type one of these.
fn assert_header((header, _): &Parts, types: &[&str]) {
    let header: Value = serde_json::from_slice(header).unwrap();
    assert_eq!(header["alg"], "RS256", "{header}");
    let typ = header["typ"].as_str().unwrap_or_default().to_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    assert!(types.contains(&typ), "{header}");
}
