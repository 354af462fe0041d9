//! ID tokens: who gets one, its claims, what it is not accepted for, and its use as a hint.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton::client_authentication::AuthenticatedClient;
use jeton::maintenance;
use jeton::store::client;
use jeton::token::access::{Access, SessionAccess};
use jeton::token::id_token::{InvalidHint, verify_hint};
use jeton::token::response::TokenResponse;
use serde_json::{Value, json};

use crate::support::{
    Answer, ISSUER, Jeton, ROOT_SECRET, SECRET, SIGN_IN, START, and, basic_raw, claims, part,
};

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);
const OPENID: (&str, &str) = ("scope", "openid account");

/// A server with the client `oidc`, which is registered for `openid`.
async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    add_client(&jeton, "oidc", |_| {}).await;
    jeton
}

async fn add_client(jeton: &Jeton, id: &str, change: impl FnOnce(&mut client::Model)) {
    jeton
        .add_client(id, None, |row| {
            "openid account read".clone_into(&mut row.scope);
            change(row);
        })
        .await;
}

async fn sign_in(jeton: &Jeton, client: &str, more: &[(&str, &str)]) -> Answer {
    let more = and(&[("client_id", client)], more);
    let answer = jeton.token(&and(&SIGN_IN, &more)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

fn id_token(answer: &Answer) -> String {
    let json = answer.json();
    let token = json["id_token"].as_str();
    token
        .unwrap_or_else(|| panic!("no ID token: {json}"))
        .to_owned()
}

fn at_hash(access_token: &str) -> String {
    let digest = digest(&SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// row 85: "iss REQUIRED [...] sub REQUIRED [...] aud REQUIRED [...] exp REQUIRED [...] iat REQUIRED", OpenID Connect
/// Core §2; `at_hash`, §3.1.3.6. The profile is at `/userinfo`.
#[tokio::test]
async fn an_id_token_contains_these_claims_and_no_others() {
    let jeton = start().await;
    let answer = sign_in(&jeton, "oidc", &[OPENID]).await;
    let (access, token) = (answer.tokens().access_token, id_token(&answer));
    let mut header = part(&token, 0);
    assert_eq!(header["kid"], part(&access, 0)["kid"]);
    header["kid"] = "[kid]".into();
    let mut own = claims(&token);
    for name in ["sub", "sid", "iat", "exp", "auth_time", "acr"] {
        assert_eq!(own[name], claims(&access)[name], "{name}");
    }
    assert_eq!(own["at_hash"], at_hash(&access));
    for name in ["sub", "sid", "at_hash"] {
        own[name] = format!("[{name}]").into();
    }
    insta::assert_json_snapshot!([header, own], @r#"
    [
      {
        "typ": "JWT",
        "alg": "RS256",
        "kid": "[kid]"
      },
      {
        "iss": "https://jeton.test",
        "sub": "[sub]",
        "aud": "oidc",
        "exp": 1767226500,
        "iat": 1767225600,
        "auth_time": 1767225600,
        "acr": "pwd",
        "sid": "[sid]",
        "at_hash": "[at_hash]"
      }
    ]
    "#);
}

/// row 85: "If present in the Authentication Request, Authorization Servers MUST include a nonce Claim in the ID Token
/// with the Claim Value being the nonce value sent", OpenID Connect Core §2.
#[tokio::test]
async fn an_id_token_repeats_the_nonce_of_the_authorization_request() {
    let jeton = start().await;
    let tokens = sign_in(&jeton, "oidc", &[OPENID]).await.tokens();
    let session = jeton.session(&tokens).await;
    let (store, settings) = (&jeton.server.store, &jeton.server.settings);
    let row = client::find(store, "oidc").await.unwrap().unwrap();
    let access = Access::still_granted(&session, &row, ISSUER).unwrap();
    let client = AuthenticatedClient {
        policy: row.policy(settings),
        client: Arc::new(row),
        secret: None,
    };
    for nonce in [None, Some("n-0S6_WzA2Mj \"é\"")] {
        let content = SessionAccess {
            session: &session,
            roles: "",
            access: &access,
            nonce,
        };
        let response = TokenResponse::for_session(content, &client, &jeton.server).unwrap();
        let own = claims(&response.id_token.unwrap());
        assert_eq!(own.get("nonce"), nonce.map(Value::from).as_ref());
    }
}

/// row 84: a client that does not request `openid` gets no ID token, and the server makes no second signature.
#[tokio::test]
async fn only_a_request_that_names_openid_gets_an_id_token() {
    let jeton = start().await;
    for (client, scope, has_one) in [
        ("oidc", "openid", true),
        ("oidc", "read openid profile", true),
        ("oidc", "read", false),
        ("oidc", "", false),
        ("first-party", "openid read", false),
    ] {
        let answer = sign_in(&jeton, client, &[("scope", scope)]).await;
        let has = |answer: &Answer| answer.json().get("id_token").is_some();
        assert_eq!(has(&answer), has_one, "{client} {scope:?}");
        let refreshed = jeton.refresh_at(client, &answer.tokens()).await;
        assert_eq!(has(&refreshed), has_one, "{client} {scope:?}");
    }
    let whole = sign_in(&jeton, "oidc", &[OPENID]).await.tokens();
    let more = [("client_id", "oidc"), ("scope", "account")];
    let narrow = jeton.refresh_with(&whole.refresh_token, &more).await;
    assert_eq!(narrow.json().get("id_token"), None);
    assert_eq!(narrow.json()["scope"], "account");
}

/// row 84: a client's own token is about no user.
#[tokio::test]
async fn a_client_gets_no_id_token_for_itself() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("job", Some(SECRET), |row| {
            "client_credentials".clone_into(&mut row.grant_types);
            "openid profile read".clone_into(&mut row.scope);
        })
        .await;
    let basic = basic_raw("job", SECRET);
    for scope in ["", "openid read"] {
        let parameters = [("grant_type", "client_credentials"), ("scope", scope)];
        let json = jeton.token_as(&basic, &parameters).await.json();
        assert_eq!(json["scope"], "read");
        assert_eq!(json.get("id_token"), None);
    }
}

/// row 87: "its iss Claim Value MUST be the same as in the ID Token issued when the original authentication occurred
/// [...] its `auth_time` Claim Value MUST represent the time of the original authentication", OpenID Connect Core §12.2.
#[tokio::test]
async fn a_refresh_returns_an_id_token_of_the_same_sign_in() {
    let jeton = start().await;
    let first = sign_in(&jeton, "oidc", &[OPENID]).await;
    jeton.advance(DAY);
    let second = jeton.refresh_at("oidc", &first.tokens()).await;
    let (old, new) = (claims(&id_token(&first)), claims(&id_token(&second)));
    for name in ["iss", "sub", "aud", "auth_time", "acr", "sid"] {
        assert_eq!(old[name], new[name], "{name}");
    }
    assert_eq!(new["iat"], jeton.now().as_seconds());
    assert_eq!(new["at_hash"], at_hash(&second.tokens().access_token));
    assert_eq!(new.get("nonce"), None);
    jeton.advance(Duration::from_secs(9));
    let again = jeton.refresh_at("oidc", &first.tokens()).await;
    assert_eq!(id_token(&again), id_token(&second), "the same to the byte");
    jeton.advance(Duration::from_secs(2));
    let late = jeton.refresh_at("oidc", &first.tokens()).await;
    assert_ne!(id_token(&late), id_token(&second));
}

/// row 85: also beside an opaque access token, which cannot be read.
#[tokio::test]
async fn a_client_with_opaque_access_tokens_gets_an_id_token() {
    let jeton = Jeton::start().await;
    add_client(&jeton, "opaque", |row| {
        row.access_token_format = Some("opaque".to_owned());
    })
    .await;
    let answer = sign_in(&jeton, "opaque", &[OPENID]).await;
    let access = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert!(access.starts_with("jat_"));
    assert_eq!(claims(&id_token(&answer))["at_hash"], at_hash(&access));
}

/// The tokens of a changed password are those of a new session.
#[tokio::test]
async fn a_password_change_returns_an_id_token_of_the_new_session() {
    let jeton = start().await;
    let answer = sign_in(&jeton, "oidc", &[OPENID]).await;
    let old = claims(&id_token(&answer));
    let change = json!({
        "current_password": crate::support::ALICE.1,
        "new_password": "nine old owls hoot at noon",
    });
    let access = answer.tokens().access_token;
    let request = poem::Request::builder()
        .method(poem::http::Method::PUT)
        .uri("/account/password".parse().unwrap())
        .header("authorization", format!("Bearer {access}"))
        .header("content-type", "application/json")
        .body(change.to_string());
    let changed = jeton.send(request).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let new = claims(&id_token(&changed));
    assert_eq!(new["sid"], claims(&changed.tokens().access_token)["sid"]);
    assert_ne!(new["sid"], old["sid"]);
}

/// row 86: "JWT access tokens [...] an ID Token cannot be used as an access token", RFC 9068 §5; "mutually exclusive
/// validation rules", RFC 8725 §3.12. Also where access tokens have the same `typ`.
#[tokio::test]
async fn an_id_token_is_no_access_token_and_no_refresh_token() {
    let jeton = Jeton::with(|settings| {
        settings.access_token.jwt_typ_audiences = ISSUER.to_owned();
    })
    .await;
    let as_jwt = |row: &mut client::Model| row.access_token_type = Some("JWT".to_owned());
    add_client(&jeton, "oidc", as_jwt).await;
    // Its own token would be active for it.
    jeton.add_client("api", Some(SECRET), |_| {}).await;
    jeton
        .change_client("api", json!({ "audience": [ISSUER] }))
        .await;
    let answer = sign_in(&jeton, "oidc", &[OPENID]).await;
    let (access, token) = (answer.tokens().access_token, id_token(&answer));
    assert_eq!(part(&access, 0)["typ"], part(&token, 0)["typ"]);
    for path in ["/account", "/account/sessions", "/admin/users"] {
        let refused = jeton.get_with(path, &token).await;
        assert_eq!(refused.status, 401, "{path}: {}", refused.body);
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
    let basic = basic_raw("api", SECRET);
    let active = async |token: &str| {
        let answer = jeton.post("/introspect", &basic, &[("token", token)]).await;
        answer.json()
    };
    assert_eq!(active(&token).await, json!({ "active": false }));
    assert_eq!(active(&access).await["active"], true);
    let bearer = format!("Bearer {token}");
    let parameters = [("token", access.as_str())];
    let caller = jeton.post("/introspect", &bearer, &parameters).await;
    caller.assert_error(401, "invalid_token");
    jeton
        .refresh_with(&token, &[("client_id", "oidc")])
        .await
        .assert_error(400, "invalid_grant");
    let revocation = [("client_id", "oidc"), ("token", token.as_str())];
    assert_eq!(jeton.post("/revoke", "", &revocation).await.status, 200);
    assert_eq!(active(&access).await["active"], true, "nothing is revoked");
}

/// rows 91 and 112: "The OP SHOULD accept ID Tokens when the RP identified by the ID Token's aud claim and/or sid claim
/// has a current session or had a recent session at the OP, even when the exp time has passed", RP-Initiated Logout §2.
#[tokio::test]
async fn a_hint_is_accepted_after_its_expiry_and_after_its_key_is_retired() {
    let jeton = start().await;
    let takes_over = START.plus(DAY * 90);
    let move_to = async |time| {
        jeton.server.clock.set(time);
        maintenance::refresh_keys(&jeton.server).await.unwrap();
    };
    move_to(takes_over.minus(DAY * 7)).await;
    let answer = sign_in(&jeton, "oidc", &[OPENID]).await;
    let (tokens, token) = (answer.tokens(), id_token(&answer));
    let hint = verify_hint(&token, &jeton.server).unwrap();
    assert_eq!(hint.sub, tokens.user());
    assert_eq!(hint.sid, tokens.session());
    assert_eq!(hint.aud, "oidc");
    move_to(takes_over.plus(MINUTE * 10)).await;
    assert_ne!(jeton.signs_with().await, part(&token, 0)["kid"]);
    assert_eq!(verify_hint(&token, &jeton.server), Ok(hint));
    move_to(takes_over.plus(DAY)).await;
    let unknown = verify_hint(&token, &jeton.server).unwrap_err();
    assert!(unknown.to_string().contains("unknown key"), "{unknown}");
}

/// row 86: an access token is no hint, whatever its `typ`; nor is a token of another issuer, a changed or an unsigned
/// one.
#[tokio::test]
async fn a_text_that_is_no_id_token_of_this_server_is_no_hint() {
    let jeton = start().await;
    let as_jwt = |row: &mut client::Model| row.access_token_type = Some("JWT".to_owned());
    add_client(&jeton, "typ-jwt", as_jwt).await;
    let answer = sign_in(&jeton, "oidc", &[OPENID]).await;
    let token = id_token(&answer);
    let parts: Vec<&str> = token.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let other_user = {
        let mut claims = claims(&token);
        claims["sub"] = "00000000-0000-0000-0000-000000000007".into();
        URL_SAFE_NO_PAD.encode(claims.to_string())
    };
    let elsewhere = {
        let (store, clock) = (jeton.server.store.clone(), jeton.server.clock.clone());
        let other = Jeton::on(store, clock, ROOT_SECRET, |settings| {
            "https://other.test".clone_into(&mut settings.issuer);
        })
        .await;
        id_token(&sign_in(&other, "oidc", &[OPENID]).await)
    };
    let typ_jwt = sign_in(&jeton, "typ-jwt", &[OPENID]).await.tokens();
    for (what, text) in [
        ("an access token", answer.tokens().access_token),
        ("an access token with typ JWT", typ_jwt.access_token),
        ("a refresh token", answer.tokens().refresh_token),
        ("of another issuer", elsewhere),
        ("unsigned", format!("{none}.{}.", parts[1])),
        ("changed", format!("{}.{other_user}.{}", parts[0], parts[2])),
        (
            "not signed by the key",
            format!("{}.{}.", parts[0], parts[1]),
        ),
        ("empty", String::new()),
    ] {
        let refused = verify_hint(&text, &jeton.server);
        assert!(matches!(refused, Err(InvalidHint::Foreign(_))), "{what}");
    }
    let long = format!("{token}{}", "A".repeat(8 * 1024));
    assert_eq!(verify_hint(&long, &jeton.server), Err(InvalidHint::TooLong));
    verify_hint(&token, &jeton.server).unwrap();
}
