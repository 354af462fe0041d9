//! JWTs: access tokens and ID tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

use super::{CommandError, Finding, session, times};
use crate::clock::Timestamp;
use crate::key::{Key, StoredKey, lifecycle};
use crate::server::AuthorizationServer;
use crate::store::signing_key;
use crate::token::active::{ActiveToken, Inactive};

const FORM: &str = "form";

/// Header and claims of a text, neither of which is trusted.
struct Parts {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Parts {
    fn of(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err("it does not have three parts separated by periods");
        };
        if signature.is_empty() {
            return Err("it has no signature");
        }
        Ok(Self {
            header: object(header).ok_or("its header is not base64url of a JSON object")?,
            claims: object(claims).ok_or("its claims are not base64url of a JSON object")?,
        })
    }

    fn header(&self, name: &str) -> &str {
        let value = self.header.get(name).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    fn claim(&self, name: &str) -> &str {
        let value = self.claims.get(name).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        let seconds = self.claims.get(name)?.as_i64()?;
        Some(Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
    }

    /// The claims by which ID tokens and access tokens differ.
    fn is_id_token(&self) -> bool {
        let has = |name| self.claims.contains_key(name);
        has("at_hash") || !has("client_id") && !has("jti")
    }

    fn audience(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Each check of a JWT.
pub async fn inspect(
    text: &str,
    audience: Option<&str>,
    server: &AuthorizationServer,
) -> Result<Vec<Finding>, CommandError> {
    let parts = match Parts::of(text) {
        Ok(parts) => parts,
        Err(why) => {
            let remedy = "it may have been cut; it must be exactly as in the response";
            return Ok(vec![Finding::failure(FORM, why, remedy)]);
        }
    };
    let mut findings = vec![check_form(&parts), check_typ(&parts), check_alg(&parts)];
    findings.extend(check_key(text, &parts, server).await?);
    findings.push(check_issuer(&parts, server));
    findings.push(check_audience(&parts, audience));
    findings.push(match parts.time("exp") {
        Some(expires_at) => times::check(parts.time("iat"), expires_at, server),
        None => Finding::failed("times", "exp is missing"),
    });
    findings.extend(check_not_before(&parts, server));
    findings.extend(check_session(text, &parts, server).await?);
    Ok(findings)
}

fn check_form(parts: &Parts) -> Finding {
    if parts.header.contains_key("crit") {
        let text = "its header has crit, which no token of Jeton has";
        return Finding::failed(FORM, text);
    }
    let kind = if parts.is_id_token() {
        "an ID token"
    } else {
        "an access token"
    };
    Finding::ok(FORM, format!("it is a JWT, by its claims {kind}"))
}

fn check_typ(parts: &Parts) -> Finding {
    const CHECK: &str = "typ";
    if parts.is_id_token() {
        return Finding::failure(
            CHECK,
            "it is an ID token, which is for the client alone: /userinfo, the APIs of this server and other APIs \
             refuse it",
            "send the access_token of the response, not the id_token",
        );
    }
    match parts.header("typ") {
        typ if typ.eq_ignore_ascii_case("at+jwt")
            || typ.eq_ignore_ascii_case("application/at+jwt") =>
        {
            Finding::ok(CHECK, "at+jwt; some libraries refuse it: see docs/apis.md")
        }
        typ if typ.eq_ignore_ascii_case("JWT") => Finding::warning(
            CHECK,
            "JWT, as Jeton writes for clients and audiences that do not accept at+jwt",
            "an API that requires at+jwt (RFC 9068) refuses it: see access_token.jwt_typ_audiences",
        ),
        _ => Finding::failed(CHECK, "the typ is that of no access token"),
    }
}

fn check_alg(parts: &Parts) -> Finding {
    if parts.header("alg") == "RS256" {
        Finding::ok("alg", "RS256")
    } else {
        Finding::failed("alg", "the alg is not RS256, with which this server signs")
    }
}

/// The key and the signature.
async fn check_key(
    text: &str,
    parts: &Parts,
    server: &AuthorizationServer,
) -> Result<Vec<Finding>, CommandError> {
    const CHECK: &str = "kid";
    let kid = parts.header("kid");
    let ring = server.keys.ring();
    if let Some(key) = ring.find(kid, server.clock.trusted_now()) {
        let known = format!("key {} is published", key.id);
        return Ok(vec![Finding::ok(CHECK, known), check_signature(text, key)]);
    }
    let keys = signing_key::list(&server.store).await?;
    let why = match keys.iter().find(|key| key.id == kid) {
        Some(key) => describe_dropped(key, &keys),
        None => {
            "no key of this database has its kid: another server signed it, or the key was dropped"
                .to_owned()
        }
    };
    let remedy = "get a new token by a refresh; check that client and API use this issuer";
    Ok(vec![Finding::failure(CHECK, why, remedy)])
}

fn describe_dropped(key: &StoredKey, all: &[StoredKey]) -> String {
    let id = &key.id;
    if let Some(at) = key.revoked_at {
        return format!("key {id} was revoked at {at}, by an emergency rotation");
    }
    let until = lifecycle::expires_at(key, lifecycle::superseded_at(key, all));
    format!("key {id} was published until {until}")
}

fn check_signature(text: &str, key: &Key) -> Finding {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match jsonwebtoken::decode::<Value>(text, &key.verifying, &validation) {
        Ok(_) => Finding::ok("signature", "the key verifies it"),
        Err(_) => Finding::failed(
            "signature",
            "the key does not verify it: the token was changed, or it is forged",
        ),
    }
}

fn check_issuer(parts: &Parts, server: &AuthorizationServer) -> Finding {
    let (issuer, own) = (parts.claim("iss"), &server.settings.issuer);
    if issuer == own {
        return Finding::ok("iss", own.as_str());
    }
    Finding::failure(
        "iss",
        format!("it is of the issuer {issuer:?}, and this server is {own}"),
        "set issuer to the URL that clients use, the same on all nodes; APIs compare it byte by byte",
    )
}

fn check_audience(parts: &Parts, expected: Option<&str>) -> Finding {
    const CHECK: &str = "aud";
    let audience = parts.audience();
    // Of a forged token it could have control characters of a terminal.
    let shown = audience.join(" ").escape_debug().to_string();
    match expected {
        None => Finding::ok(
            CHECK,
            format!("{shown}; --audience URI checks that of an API"),
        ),
        Some(expected) if audience.contains(&expected) => Finding::ok(CHECK, shown),
        Some(expected) => Finding::failure(
            CHECK,
            format!("it is for {shown}, not for {expected}"),
            "register the audience with the client (`jeton client update CLIENT --audience URI`), and request it with \
             resource if there are several",
        ),
    }
}

fn check_not_before(parts: &Parts, server: &AuthorizationServer) -> Option<Finding> {
    let begins = parts.time("nbf")?;
    let now = server.clock.now();
    (begins > now)
        .then(|| Finding::failed("times", format!("it is not valid before {begins} (nbf)")))
}

/// The session, and what the server's own check says. A text without a valid signature gets no lookup.
async fn check_session(
    text: &str,
    parts: &Parts,
    server: &AuthorizationServer,
) -> Result<Vec<Finding>, CommandError> {
    const CHECK: &str = "server";
    let mut findings = Vec::new();
    let sid = parts.claim("sid").parse();
    if let Ok(sid) = sid {
        findings.extend(session::check(sid, server).await?.0);
    }
    if parts.is_id_token() {
        return Ok(findings);
    }
    findings.push(match ActiveToken::find(text, server).await {
        Ok(token) => Finding::ok(
            CHECK,
            format!(
                "this server accepts it: client {}, subject {}, scope {:?}",
                token.claims.client_id, token.claims.sub, token.claims.scope
            ),
        ),
        Err(Inactive::Unknown(error)) => return Err(error.into()),
        Err(why) => Finding::failed(CHECK, format!("this server refuses it: {why}")),
    });
    Ok(findings)
}
