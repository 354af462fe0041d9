//! The client credentials grant, RFC 6749 §4.4.

use serde_json::json;

use crate::support::{Answer, Jeton, SECRET, basic_raw, claims};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A server with the confidential client `job`.
async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    jeton
        .add_client("job", Some(SECRET), |row| {
            "client_credentials".clone_into(&mut row.grant_types);
            "read write".clone_into(&mut row.scope);
            "https://a.test https://b.test".clone_into(&mut row.audience);
        })
        .await;
    jeton
}

async fn token_request(jeton: &Jeton, more: &[(&str, &str)]) -> Answer {
    let parameters = [&[GRANT], more].concat();
    jeton.token_as(&basic_raw("job", SECRET), &parameters).await
}

/// RFC 6749 §4.4.3: "A refresh token SHOULD NOT be included"; RFC 9068 §2.2: `sub` is the client.
#[tokio::test]
async fn a_client_gets_an_access_token_for_itself_and_no_refresh_token() {
    let jeton = start().await;
    let answer = token_request(&jeton, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["access_token", "token_type", "expires_in", "scope"]
    );
    assert_eq!(json["expires_in"], 900);
    let mut claims = claims(json["access_token"].as_str().unwrap());
    assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
    claims["jti"] = "[id]".into();
    insta::assert_json_snapshot!(claims, @r#"
    {
      "iss": "https://jeton.test",
      "sub": "job",
      "aud": [
        "https://a.test",
        "https://b.test"
      ],
      "client_id": "job",
      "scope": "read write",
      "iat": 1767225600,
      "exp": 1767226500,
      "jti": "[id]"
    }
    "#);
    let other = token_request(&jeton, &[]).await.json();
    assert_ne!(other["access_token"], json["access_token"]);
}

/// row 42: RFC 8707 §2.2, and RFC 6749 §3.3.
#[tokio::test]
async fn scope_and_resource_narrow_the_access_token() {
    let jeton = start().await;
    let answer = token_request(&jeton, &[("scope", "read"), ("resource", "https://b.test")]).await;
    let json = answer.json();
    assert_eq!(json["scope"], "read");
    let claims = claims(json["access_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "https://b.test");
    let more = token_request(&jeton, &[("scope", "read admin")]).await;
    more.assert_error(400, "invalid_scope");
    let elsewhere = token_request(&jeton, &[("resource", "https://c.test")]).await;
    elsewhere.assert_error(400, "invalid_target");
}

/// "The client credentials grant type MUST only be used by confidential clients", RFC 6749 §4.4.
#[tokio::test]
async fn public_clients_and_clients_without_this_grant_are_refused() {
    let jeton = start().await;
    jeton
        .add_client("public", None, |row| {
            "client_credentials".clone_into(&mut row.grant_types);
        })
        .await;
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    let answer = jeton.token(&[GRANT, ("client_id", "public")]).await;
    answer.assert_error(400, "unauthorized_client");
    let answer = jeton.token_as(&basic_raw("web", SECRET), &[GRANT]).await;
    answer.assert_error(400, "unauthorized_client");
    let answer = jeton.token_as(&basic_raw("job", "wrong"), &[GRANT]).await;
    answer.assert_error(401, "invalid_client");
}

/// The token is active while its client is enabled, and has no username.
#[tokio::test]
async fn a_clients_own_token_is_active_until_the_client_is_disabled() {
    let jeton = start().await;
    let job = basic_raw("job", SECRET);
    let json = token_request(&jeton, &[]).await.json();
    let access_token = json["access_token"].as_str().unwrap();
    jeton
        .add_client("api", Some(SECRET), |row| {
            "https://a.test".clone_into(&mut row.audience);
        })
        .await;
    let api = basic_raw("api", SECRET);
    let token = [("token", access_token)];
    let answer = jeton.post("/introspect", &api, &token).await.json();
    assert_eq!(
        (&answer["active"], &answer["sub"]),
        (&true.into(), &"job".into())
    );
    assert_eq!(answer.get("username"), None);
    let answer = jeton.post("/introspect", &job, &token).await;
    assert_eq!(answer.json()["active"], true);
    jeton
        .change_client("job", json!({ "disabled": true }))
        .await;
    let answer = jeton.post("/introspect", &api, &token).await;
    assert_eq!(answer.body, r#"{"active":false}"#);
}

#[tokio::test]
async fn a_clients_own_token_is_refused_by_the_account_api() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("job", Some(SECRET), |row| {
            "client_credentials".clone_into(&mut row.grant_types);
        })
        .await;
    let json = token_request(&jeton, &[]).await.json();
    let access_token = json["access_token"].as_str().unwrap();
    assert_eq!(jeton.get_with("/account", access_token).await.status, 401);
}
