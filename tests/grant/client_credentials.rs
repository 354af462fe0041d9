//! The client credentials grant, RFC 6749 §4.4.

use std::time::Duration;

use jeton::client::secret::NewSecret;
use jeton::store::client::Model as Client;
use jeton::store::client_secret;
use serde_json::json;
use uuid::Uuid;

use crate::support::client::delete;
use crate::support::{ALICE, Answer, ISSUER, Jeton, SECRET, basic_raw, claims};

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

/// row 24
#[tokio::test]
async fn a_client_gets_no_scope_of_openid_connect_that_it_is_not_registered_for() {
    let jeton = start().await;
    let answer = token_request(&jeton, &[("scope", "openid read profile")]).await;
    assert_eq!(answer.json()["scope"], "read");
    let answer = token_request(&jeton, &[("scope", "openid")]).await;
    answer.assert_error(400, "invalid_scope");
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
    claims["client_epoch"] = "[epoch]".into();
    claims["client_secret_id"] = "[id]".into();
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
      "jti": "[id]",
      "client_epoch": "[epoch]",
      "client_secret_id": "[id]"
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

/// Adds a secret to `job` and returns its id and its text.
async fn add_secret(jeton: &Jeton) -> (Uuid, String) {
    let (store, new) = (&jeton.server.store, NewSecret::random());
    let added = client_secret::add(store, "job", &new, &jeton.cause()).await;
    (added.unwrap().id, new.text().expose().to_owned())
}

/// A token of `job` for this server, with the scopes of its own APIs.
async fn own_token(jeton: &Jeton, secret: &str) -> String {
    let answer = jeton.token_as(&basic_raw("job", secret), &[GRANT]).await;
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// Whether the admin API and introspection accept the token. They must agree.
async fn is_accepted(jeton: &Jeton, token: &str) -> bool {
    let admin = jeton.get_with("/admin/users", token).await.status;
    assert!([200, 401].contains(&admin.as_u16()), "{admin}");
    let (api, parameters) = (basic_raw("api", SECRET), [("token", token)]);
    let introspected = jeton.post("/introspect", &api, &parameters).await;
    let is_active = introspected.json()["active"] == true;
    assert_eq!(admin == 200, is_active);
    is_active
}

/// A server with the API `api`, and the client `job` that may administer it.
async fn start_with_administrator() -> Jeton {
    let jeton = Jeton::start().await;
    add_administrator(&jeton).await;
    let for_issuer = |row: &mut Client| ISSUER.clone_into(&mut row.audience);
    jeton.add_client("api", Some(SECRET), for_issuer).await;
    jeton
}

async fn add_administrator(jeton: &Jeton) {
    jeton
        .add_client("job", Some(SECRET), |row| {
            "client_credentials".clone_into(&mut row.grant_types);
            "admin".clone_into(&mut row.scope);
        })
        .await;
}

/// row 50: "Times are not compared": all happens at one time.
#[tokio::test]
async fn a_token_is_refused_when_the_secret_that_obtained_it_is_removed() {
    let jeton = start_with_administrator().await;
    let (first, first_secret) = add_secret(&jeton).await;
    let (_, second_secret) = add_secret(&jeton).await;
    let by_first = own_token(&jeton, &first_secret).await;
    let by_second = own_token(&jeton, &second_secret).await;
    let store = &jeton.server.store;
    let removed = client_secret::remove(store, "job", first, &jeton.cause()).await;
    removed.unwrap();
    assert!(!is_accepted(&jeton, &by_first).await);
    assert!(is_accepted(&jeton, &by_second).await);
    jeton
        .change_client("job", json!({ "client_name": "Job" }))
        .await;
    assert!(is_accepted(&jeton, &by_second).await);
}

/// row 50: an expired secret is removed when another is added; the token does not depend on that moment.
#[tokio::test]
async fn a_token_is_refused_when_the_secret_that_obtained_it_has_expired() {
    let jeton = start_with_administrator().await;
    let hour = Duration::from_hours(1);
    jeton
        .change_client("job", json!({ "access_token_lifetime": 9999 }))
        .await;
    let new = NewSecret::random().expiring(Some(hour)).unwrap();
    let added = client_secret::add(&jeton.server.store, "job", &new, &jeton.cause()).await;
    added.unwrap();
    let token = own_token(&jeton, new.text().expose()).await;
    assert!(is_accepted(&jeton, &token).await);
    jeton.advance(hour);
    assert!(!is_accepted(&jeton, &token).await);
}

/// row 50: a client that is enabled or registered again has another epoch.
#[tokio::test]
async fn a_token_stays_refused_after_its_client_was_disabled_or_deleted() {
    let jeton = start_with_administrator().await;
    let token = own_token(&jeton, SECRET).await;
    assert!(is_accepted(&jeton, &token).await);
    jeton
        .change_client("job", json!({ "disabled": true }))
        .await;
    assert!(!is_accepted(&jeton, &token).await);
    jeton
        .change_client("job", json!({ "disabled": false }))
        .await;
    assert!(!is_accepted(&jeton, &token).await);
    let token = own_token(&jeton, SECRET).await;
    assert!(is_accepted(&jeton, &token).await);
    delete(&jeton.server.store, "job", &jeton.cause())
        .await
        .unwrap();
    add_administrator(&jeton).await;
    assert!(!is_accepted(&jeton, &token).await);
}

/// row 31: sessions depend on no secret.
#[tokio::test]
async fn replacing_a_secret_signs_no_user_out() {
    let jeton = Jeton::start().await;
    jeton.add_client("job", Some(SECRET), |_| {}).await;
    let user = [
        ("grant_type", "password"),
        ("username", ALICE.0),
        ("password", ALICE.1),
    ];
    let tokens = jeton
        .token_as(&basic_raw("job", SECRET), &user)
        .await
        .tokens();
    let store = &jeton.server.store;
    let old = client_secret::of_client(store, "job").await.unwrap()[0].id;
    let (_, new) = add_secret(&jeton).await;
    let removed = client_secret::remove(store, "job", old, &jeton.cause()).await;
    removed.unwrap();
    let account = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(account.status, 200, "{}", account.body);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh_token),
    ];
    jeton
        .token_as(&basic_raw("job", &new), &refresh)
        .await
        .tokens();
}
