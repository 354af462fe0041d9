//! Opaque access tokens: introspection, our own API, narrower tokens, expiry, the MAC.

use std::time::Duration;

use crate::support::{Answer, Jeton, SECRET, Tokens, basic_raw, claims};

/// A server with a client that gets opaque tokens for two audiences, and an API that introspects them.
async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    jeton
        .add_client("opaque", None, |row| {
            row.access_token_format = Some("opaque".to_owned());
            "https://jeton.test https://api.test".clone_into(&mut row.audience);
        })
        .await;
    jeton
        .add_client("api", Some(SECRET), |row| {
            "https://api.test".clone_into(&mut row.audience);
        })
        .await;
    jeton
}

/// A refresh for the server's own API, which accepts no token for another audience beside it.
async fn refresh_for_own_api(jeton: &Jeton, tokens: &Tokens) -> Tokens {
    let more = [("client_id", "opaque"), ("resource", "https://jeton.test")];
    let answer = jeton.refresh_with(&tokens.refresh_token, &more).await;
    answer.tokens()
}

async fn introspect(jeton: &Jeton, token: &str) -> Answer {
    let authorization = basic_raw("api", SECRET);
    jeton
        .post("/introspect", &authorization, &[("token", token)])
        .await
}

/// row 32: 54 bytes, of which 22 are the MAC.
#[tokio::test]
async fn introspection_returns_all_claims_of_an_opaque_token() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("opaque").await;
    assert_eq!(tokens.access_token.len(), 4 + 54 / 3 * 4);
    assert!(tokens.access_token.starts_with("jat_"));
    assert_eq!(tokens.expires_in, 900);
    let mut json = introspect(&jeton, &tokens.access_token).await.json();
    for name in ["sub", "sid", "jti"] {
        assert!(json[name].is_string());
        json[name] = "[id]".into();
    }
    insta::assert_json_snapshot!(json, @r#"
    {
      "active": true,
      "iss": "https://jeton.test",
      "sub": "[id]",
      "aud": [
        "https://jeton.test",
        "https://api.test"
      ],
      "client_id": "opaque",
      "username": "alice",
      "scope": "account read write",
      "token_type": "Bearer",
      "iat": 1767225600,
      "exp": 1767226500,
      "auth_time": 1767225600,
      "acr": "pwd",
      "jti": "[id]",
      "sid": "[id]"
    }
    "#);
}

/// When the session has ended, the token is inactive at introspection too.
#[tokio::test]
async fn the_account_api_accepts_an_opaque_token_until_its_session_ends() {
    let jeton = start().await;
    let first = jeton.sign_in_at("opaque").await;
    let tokens = refresh_for_own_api(&jeton, &first).await;
    let answer = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(answer.json()["username"], "alice");
    let parameters = [
        ("token", tokens.access_token.as_str()),
        ("client_id", "opaque"),
    ];
    assert_eq!(jeton.post("/revoke", "", &parameters).await.status, 200);
    assert_eq!(
        jeton
            .get_with("/account", &tokens.access_token)
            .await
            .status,
        401
    );
    let answer = introspect(&jeton, &first.access_token).await;
    assert_eq!(answer.body, r#"{"active":false}"#);
    assert_eq!(jeton.refresh_at("opaque", &tokens).await.status, 400);
}

/// row 24 and row 42: it is narrowed like a JWT. The server's own API checks what is left.
#[tokio::test]
async fn an_opaque_token_is_narrowed_by_scope_and_resource() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("opaque").await;
    let narrow = async |scope: &str, resource: &str| {
        let more = [
            ("client_id", "opaque"),
            ("scope", scope),
            ("resource", resource),
        ];
        jeton
            .refresh_with(&tokens.refresh_token, &more)
            .await
            .tokens()
    };
    let narrowed = narrow("write", "https://api.test").await;
    let json = introspect(&jeton, &narrowed.access_token).await.json();
    assert_eq!(json["scope"], "write");
    assert_eq!(json["aud"], "https://api.test");
    assert_eq!(
        jeton
            .get_with("/account", &narrowed.access_token)
            .await
            .status,
        401
    );
    let ours = narrow("read", "https://jeton.test").await;
    assert_eq!(
        jeton.get_with("/account", &ours.access_token).await.status,
        403
    );
}

/// A refresh does not change the expiry of older tokens.
#[tokio::test]
async fn an_opaque_token_expires_after_its_expires_in() {
    let jeton = start().await;
    let old = jeton.sign_in_at("opaque").await;
    jeton.advance(Duration::from_mins(10));
    let new = jeton.refresh_at("opaque", &old).await.tokens();
    jeton.advance(Duration::from_secs(299));
    for tokens in [&old, &new] {
        assert_eq!(
            introspect(&jeton, &tokens.access_token).await.json()["active"],
            true
        );
    }
    jeton.advance(Duration::from_secs(1));
    let active = async |tokens: &Tokens| {
        introspect(&jeton, &tokens.access_token).await.json()["active"] == true
    };
    assert_eq!((active(&old).await, active(&new).await), (false, true));
}

/// row 32: the MAC covers the expiry. A longer lifetime, of the client or of the server, does not change issued tokens;
/// nor does a shorter one.
#[tokio::test]
async fn an_expired_opaque_token_stays_expired_when_the_lifetime_is_raised() {
    let jeton = start().await;
    let expired = jeton.sign_in_at("opaque").await;
    jeton.advance(Duration::from_mins(15));
    let fresh = jeton.refresh_at("opaque", &expired).await.tokens();
    for lifetime in [3600, 60] {
        let patch = serde_json::json!({"access_token_lifetime": lifetime});
        jeton.change_client("opaque", patch).await;
        jeton.advance(Duration::from_secs(61));
        let (old, new) = (&expired.access_token, &fresh.access_token);
        let answer = introspect(&jeton, old).await;
        assert_eq!(answer.body, r#"{"active":false}"#, "{lifetime}");
        assert_eq!(jeton.get_with("/account", old).await.status, 401);
        let answer = introspect(&jeton, new).await.json();
        assert_eq!(answer["exp"], answer["iat"].as_i64().unwrap() + 900);
    }
    // As with a JWT, no session is looked up by an expired token.
    let parameters = [
        ("token", expired.access_token.as_str()),
        ("client_id", "opaque"),
    ];
    assert_eq!(jeton.post("/revoke", "", &parameters).await.status, 200);
    assert_eq!(jeton.refresh_at("opaque", &fresh).await.status, 200);
}

/// rows 28, 32 and 33: a retry gets the same token. A token with any changed character is refused. An access token is
/// refused as a refresh token, and the reverse.
#[tokio::test]
async fn an_opaque_token_is_authenticated_by_its_mac() {
    let jeton = start().await;
    let first = jeton.sign_in_at("opaque").await;
    let answers = [
        jeton.refresh_at("opaque", &first).await.tokens(),
        jeton.refresh_at("opaque", &first).await.tokens(),
    ];
    assert_eq!(answers[0], answers[1]);
    let token = &answers[0].access_token;
    for at in 0..token.len() {
        let mut damaged = token.as_bytes().to_vec();
        damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
        let damaged = String::from_utf8(damaged).unwrap();
        let answer = introspect(&jeton, &damaged).await;
        assert_eq!(answer.body, r#"{"active":false}"#, "at {at}");
    }
    let swapped = token.replace("jat_", "jrt_");
    let answer = jeton
        .refresh_with(&swapped, &[("client_id", "opaque")])
        .await;
    answer.assert_error(400, "invalid_grant");
    let swapped = answers[0].refresh_token.replace("jrt_", "jat_");
    assert_eq!(jeton.get_with("/account", &swapped).await.status, 401);
    // Another client of the same server still gets a JWT.
    assert_eq!(
        claims(&jeton.sign_in().await.access_token)["client_id"],
        "first-party"
    );
}
