/// The user's own password change.
mod password;
/// Registration.
mod registration;
/// The user's own sessions.
mod sessions;

use std::time::Duration;

use jeton::error::OTHER_AUDIENCE;
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change};
use poem::Request;

use crate::support::{ALICE, Answer, Jeton, SIGN_IN, and, claims, part};

#[track_caller]
fn assert_challenge(answer: &Answer, status: u16, challenge: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.json()["status"], status);
}

const NO_TOKEN: &str = r#"Bearer realm="jeton""#;
const INVALID_TOKEN: &str = r#"Bearer realm="jeton", error="invalid_token""#;
const INVALID_REQUEST: &str = r#"Bearer realm="jeton", error="invalid_request""#;
const INSUFFICIENT: &str = r#"Bearer realm="jeton", error="insufficient_scope", scope="account""#;

async fn with_authorization(jeton: &Jeton, values: &[&str]) -> Answer {
    let mut request = Request::builder().uri("/account".parse().unwrap());
    for value in values {
        request = request.header("authorization", *value);
    }
    jeton.send(request.finish()).await
}

#[tokio::test]
async fn an_access_token_reads_its_own_account() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let answer = jeton.get_with("/account", &tokens.access_token).await;
    let claims = claims(&tokens.access_token);
    let mut json = answer.json();
    for name in ["sub", "sid"] {
        assert_eq!(json[name], claims[name]);
        json[name] = "[uuid]".into();
    }
    insta::assert_json_snapshot!(json, @r#"
    {
      "sub": "[uuid]",
      "username": "alice",
      "roles": [],
      "client_id": "first-party",
      "sid": "[uuid]",
      "scope": "account read write",
      "auth_time": 1767225600
    }
    "#);
}

/// row 54: "If the request lacks any authentication information [...], the resource server SHOULD
/// NOT include an error code or other error information", RFC 6750 §3.1.
#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    let jeton = Jeton::start().await;
    let token = jeton.sign_in().await.access_token;
    assert_challenge(&jeton.get("/account").await, 401, NO_TOKEN);
    for authorization in ["Basic YTpi", "Bearer", "Bearer ", "", "é"] {
        let answer = with_authorization(&jeton, &[authorization]).await;
        assert_challenge(&answer, 401, NO_TOKEN);
    }
    // A token in the query is ignored, because URLs are logged and shared.
    let answer = jeton.get(&format!("/account?access_token={token}")).await;
    assert_challenge(&answer, 401, NO_TOKEN);
}

/// row 54: "The access token provided is expired, revoked, malformed, or invalid for other
/// reasons", RFC 6750 §3.1.
#[tokio::test]
async fn a_bad_token_is_401_invalid_token() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("api", None, |client| {
            client.audience = "https://api.test".to_owned();
        })
        .await;
    let good = jeton.sign_in().await.access_token;
    let elsewhere = jeton.sign_in_at("api").await.access_token;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let damaged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    for token in ["x", "a.b.c", "é", &damaged, signed, &format!("{good} x")] {
        let answer = jeton.get_with("/account", token).await;
        assert_challenge(&answer, 401, INVALID_TOKEN);
    }
    // Its bearer can read the audience: the answer says what is wrong.
    let answer = jeton.get_with("/account", &elsewhere).await;
    let challenge = format!("{INVALID_TOKEN}, error_description=\"{OTHER_AUDIENCE}\"");
    assert_challenge(&answer, 401, &challenge);
    assert_eq!(answer.json()["detail"], OTHER_AUDIENCE);
    assert_eq!(jeton.get_with("/account", &good).await.status, 200);
    jeton.advance(Duration::from_mins(15));
    let answer = jeton.get_with("/account", &good).await;
    assert_challenge(&answer, 401, INVALID_TOKEN);
}

/// row 54: at once after a revocation and after disabling the user.
#[tokio::test]
async fn a_token_of_a_revoked_session_is_401_invalid_token() {
    let jeton = Jeton::start().await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let first = jeton.sign_in().await.access_token;
    let second = jeton.sign_in().await.access_token;
    let id = |name: &str| claims(&first)[name].as_str().unwrap().parse().unwrap();
    let revoked = session::revoke(store, id("sid"), Ending::Operator, &cause).await;
    assert!(revoked.unwrap());
    let answer = jeton.get_with("/account", &first).await;
    assert_challenge(&answer, 401, INVALID_TOKEN);
    assert_eq!(jeton.get_with("/account", &second).await.status, 200);
    let ended = user::change(store, id("sub"), Change::DISABLE, &cause).await;
    assert_eq!(ended.unwrap().sessions_ended, 1);
    let answer = jeton.get_with("/account", &second).await;
    assert_challenge(&answer, 401, INVALID_TOKEN);
}

/// row 54: "The request requires higher privileges than provided by the access token. [...] MAY
/// include the "scope" attribute", RFC 6750 §3.1.
#[tokio::test]
async fn too_little_scope_is_403_and_names_the_scope() {
    let jeton = Jeton::start().await;
    let narrow = jeton
        .token(&and(&SIGN_IN, &[("scope", "read write")]))
        .await
        .tokens();
    let answer = jeton.get_with("/account", &narrow.access_token).await;
    assert_challenge(&answer, 403, INSUFFICIENT);
}

/// row 54: "uses more than one method for including an access token", RFC 6750 §3.1.
#[tokio::test]
async fn two_tokens_in_one_request_are_400() {
    let jeton = Jeton::start().await;
    let token = jeton.sign_in().await.access_token;
    let bearer = format!("Bearer {token}");
    let answer = with_authorization(&jeton, &[&bearer, &bearer]).await;
    assert_challenge(&answer, 400, INVALID_REQUEST);
    let path = format!("/account?access_token={token}");
    let answer = jeton.get_with(&path, &token).await;
    assert_challenge(&answer, 400, INVALID_REQUEST);
}

/// row 33: RFC 8725 §3.12.
#[tokio::test]
async fn an_access_token_is_no_refresh_token_and_a_refresh_token_is_no_access_token() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    assert_eq!(part(&tokens.access_token, 0)["typ"], "at+jwt");
    let answer = jeton.refresh(&tokens.access_token).await;
    answer.assert_error(400, "invalid_grant");
    let answer = jeton.refresh(&format!("jrt_{}", tokens.access_token)).await;
    answer.assert_error(400, "invalid_grant");
    let answer = jeton.get_with("/account", &tokens.refresh_token).await;
    assert_challenge(&answer, 401, INVALID_TOKEN);
    // The session is still active.
    jeton.refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(
        jeton
            .get_with("/account", &tokens.access_token)
            .await
            .json()["username"],
        ALICE.0
    );
}
