use std::time::Duration;

use crate::support::{ALICE, Jeton, SECRET, basic_raw};

async fn revoke(jeton: &Jeton, parameters: &[(&str, &str)]) -> crate::support::Answer {
    jeton.post("/revoke", "", parameters).await
}

/// row 50: "If the particular token is a refresh token and the authorization server supports the
/// revocation of access tokens, then the authorization server SHOULD also invalidate all access tokens
/// based on the same authorization grant", RFC 7009 §2.1.
#[tokio::test]
async fn revoking_a_refresh_token_revokes_the_session_and_its_access_tokens() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let refreshed = jeton.refresh_after(&tokens, Duration::from_mins(1)).await;
    let answer = revoke(&jeton, &[("token", &refreshed.refresh_token)]).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "{}"));
    // Some libraries fail at an answer without a type, although the token is revoked.
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    jeton.assert_refresh_refused(&refreshed).await;
    for access_token in [&tokens.access_token, &refreshed.access_token] {
        assert_eq!(jeton.get_with("/account", access_token).await.status, 401);
    }
    let session = jeton.session(&tokens).await;
    assert!(session.revoked_at.is_some());
}

/// An older refresh token and an access token revoke the session too.
#[tokio::test]
async fn any_token_of_a_session_revokes_it() {
    let jeton = Jeton::start().await;
    let old = jeton.sign_in().await;
    let new = jeton.refresh_after(&old, Duration::from_hours(1)).await;
    let answer = revoke(&jeton, &[("token", &old.refresh_token)]).await;
    assert_eq!(answer.status, 200);
    jeton.assert_refresh_refused(&new).await;
    let tokens = jeton.sign_in().await;
    let answer = revoke(&jeton, &[("token", &tokens.access_token)]).await;
    assert_eq!(answer.status, 200);
    jeton.assert_refresh_refused(&tokens).await;
}

/// row 48: "The authorization server responds with HTTP status code 200 if the token has been revoked
/// successfully or if the client submitted an invalid token", RFC 7009 §2.2.
#[tokio::test]
async fn an_invalid_token_gets_the_response_of_a_valid_one() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let forged = tokens.refresh_token.replace("jrt_A", "jrt_B");
    let jat = tokens.refresh_token.replace("jrt_", "jat_");
    revoke(&jeton, &[("token", &tokens.refresh_token)]).await;
    jeton.advance(Duration::from_hours(1));
    for token in [
        "garbage",
        "a.b.c",
        "\u{1F600}",
        &forged,
        &jat,
        &tokens.refresh_token,
        &tokens.access_token,
    ] {
        let answer = revoke(&jeton, &[("token", token)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "{}"));
        // Some libraries fail at an answer without a type, although the token is revoked.
        let content_type = answer.header("content-type").unwrap();
        assert!(content_type.starts_with("application/json"));
    }
}

/// row 49: "An invalid token type hint value is ignored by the authorization server and does not
/// influence the revocation response", RFC 7009 §2.2.
#[tokio::test]
async fn a_wrong_token_type_hint_is_ignored() {
    let jeton = Jeton::start().await;
    for hint in ["access_token", "refresh_token", "mac", ""] {
        let tokens = jeton.sign_in().await;
        let parameters = [
            ("token", tokens.refresh_token.as_str()),
            ("token_type_hint", hint),
        ];
        assert_eq!(revoke(&jeton, &parameters).await.status, 200);
        jeton.assert_refresh_refused(&tokens).await;
    }
}

/// row 51: for another client's token, "the request is refused and the client is informed of the
/// error", RFC 7009 §2.1.
#[tokio::test]
async fn another_clients_token_is_not_revoked() {
    let jeton = Jeton::start().await;
    jeton.add_client("other", None, |_| {}).await;
    jeton.add_client("api", Some(SECRET), |_| {}).await;
    let tokens = jeton.sign_in().await;
    for token in [&tokens.refresh_token, &tokens.access_token] {
        let answer = revoke(&jeton, &[("token", token), ("client_id", "other")]).await;
        answer.assert_error(400, "invalid_grant");
        let authorization = basic_raw("api", SECRET);
        let answer = jeton
            .post("/revoke", &authorization, &[("token", token)])
            .await;
        answer.assert_error(400, "invalid_grant");
    }
    jeton.refresh(&tokens.refresh_token).await.tokens();
}

/// rows 13 and 14: as at /token.
#[tokio::test]
async fn a_confidential_client_authenticates_to_revoke() {
    let jeton = Jeton::start().await;
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    let authorization = basic_raw("web", SECRET);
    let sign_in = [
        ("grant_type", "password"),
        ("username", ALICE.0),
        ("password", ALICE.1),
    ];
    let tokens = jeton.token_as(&authorization, &sign_in).await.tokens();
    let token = [("token", tokens.refresh_token.as_str())];
    for parameters in [
        &[token[0], ("client_id", "web")][..],
        &[token[0], ("client_id", "web"), ("client_secret", "wrong")],
        &[token[0], ("client_id", "unknown")],
    ] {
        revoke(&jeton, parameters)
            .await
            .assert_error(401, "invalid_client");
    }
    let wrong = basic_raw("web", "wrong");
    let answer = jeton.post("/revoke", &wrong, &token).await;
    answer.assert_error(401, "invalid_client");
    let answer = jeton.post("/revoke", &authorization, &token).await;
    assert_eq!(answer.status, 200);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh_token.as_str()),
    ];
    let answer = jeton.token_as(&authorization, &refresh).await;
    answer.assert_error(400, "invalid_grant");
}

/// row 1 and row 3.
#[tokio::test]
async fn a_malformed_request_is_refused_in_the_oauth_shape() {
    let jeton = Jeton::start().await;
    let answer = jeton.get("/revoke").await;
    answer.assert_error(405, "invalid_request");
    assert_eq!(answer.header("allow"), Some("POST"));
    revoke(&jeton, &[])
        .await
        .assert_error(400, "invalid_request");
    revoke(&jeton, &[("token", "")])
        .await
        .assert_error(400, "invalid_request");
    let twice = [("token", "a"), ("token", "b")];
    revoke(&jeton, &twice)
        .await
        .assert_error(400, "invalid_request");
}

/// `unsupported_token_type`, RFC 7009 §2.2.1.
#[tokio::test]
async fn a_clients_own_access_token_cannot_be_revoked() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("job", Some(SECRET), |row| {
            "client_credentials".clone_into(&mut row.grant_types);
        })
        .await;
    let authorization = basic_raw("job", SECRET);
    let grant = [("grant_type", "client_credentials")];
    let answer = jeton.token_as(&authorization, &grant).await.json();
    let token = [("token", answer["access_token"].as_str().unwrap())];
    let answer = jeton.post("/revoke", &authorization, &token).await;
    answer.assert_error(400, "unsupported_token_type");
    revoke(&jeton, &token)
        .await
        .assert_error(400, "invalid_grant");
}
