//! The refresh token grant: the bound client, narrower scopes, refused tokens.

mod active;
mod cached_client;
mod ending;
mod group_commit;
mod lost_rotations;
mod nodes;
mod registered;
mod replay;
mod retry;
mod slow_write;
mod without_rotation;

use std::time::Duration;

use jeton::token::refresh_token::RefreshToken;
use uuid::Uuid;

use crate::support::{Jeton, SECRET, basic_raw, claims};

/// row 25: "`refresh_token` REQUIRED.", RFC 6749 §6.
#[tokio::test]
async fn a_refresh_token_is_required() {
    let jeton = Jeton::start().await;
    let answer = jeton.token(&[("grant_type", "refresh_token")]).await;
    answer.assert_error(400, "invalid_request");
    jeton.refresh("").await.assert_error(400, "invalid_request");
}

/// row 23: "the refresh token is bound to the client to which it was issued", RFC 6749 §6.
#[tokio::test]
async fn another_client_cannot_use_a_refresh_token_and_does_not_end_its_session() {
    let jeton = Jeton::start().await;
    jeton.add_client("public", None, |_| {}).await;
    jeton.add_client("confidential", Some(SECRET), |_| {}).await;
    let old = jeton.sign_in().await;
    let current = jeton.refresh(&old.refresh_token).await.tokens();
    let newest = jeton.refresh(&current.refresh_token).await.tokens();
    let row = jeton.session(&newest).await;
    // Also a token that would be a replay at its own client. Otherwise a thief could sign the user out by using it at
    // another client.
    for tokens in [&old, &current, &newest] {
        for more in [vec![], vec![("scope", "read")], vec![("scope", "admin")]] {
            let more = [&more[..], &[("client_id", "public")]].concat();
            let answer = jeton.refresh_with(&tokens.refresh_token, &more).await;
            answer.assert_error(400, "invalid_grant");
        }
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh_token),
        ];
        let authorization = basic_raw("confidential", SECRET);
        let answer = jeton.token_as(&authorization, &parameters).await;
        answer.assert_error(400, "invalid_grant");
    }
    assert_eq!(jeton.session(&newest).await, row);
    jeton.refresh(&newest.refresh_token).await.tokens();
}

/// row 24: "if omitted is treated as equal to the scope originally granted by the resource owner",
/// RFC 6749 §6. A narrower scope is granted for this access token only.
#[tokio::test]
async fn a_narrower_scope_applies_to_one_access_token_and_not_to_the_session() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let narrow = jeton
        .refresh_with(&first.refresh_token, &[("scope", "write read")])
        .await
        .tokens();
    assert_eq!(narrow.scope, "write read");
    assert_eq!(claims(&narrow.access_token)["scope"], "write read");
    // "the refresh token scope MUST be identical to that of the refresh token included by the
    // client in the request."
    assert_eq!(jeton.session(&narrow).await.scope, "account read write");
    let whole = jeton.refresh(&narrow.refresh_token).await.tokens();
    assert_eq!(whole.scope, "account read write");
    assert_eq!(claims(&whole.access_token)["scope"], "account read write");
}

/// row 24: "The requested scope MUST NOT include any scope not originally granted by the resource
/// owner", RFC 6749 §6.
#[tokio::test]
async fn a_scope_that_the_session_was_not_granted_is_refused_without_a_rotation() {
    let jeton = Jeton::start().await;
    let first = jeton
        .token(&[
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "correct horse battery staple"),
            ("scope", "read"),
        ])
        .await
        .tokens();
    let row = jeton.session(&first).await;
    // The client is registered for `write`, but this session was not granted it.
    for scope in [
        "write",
        "read write",
        "admin",
        "read\"",
        "read  read",
        "openid",
        "openid write",
    ] {
        let answer = jeton
            .refresh_with(&first.refresh_token, &[("scope", scope)])
            .await;
        answer.assert_error(400, "invalid_scope");
    }
    assert_eq!(jeton.session(&first).await, row);
    jeton.advance(Duration::from_hours(1));
    let second = jeton
        .refresh_with(
            &first.refresh_token,
            &[("scope", "openid read offline_access")],
        )
        .await
        .tokens();
    assert_eq!(second.scope, "read", "scopes of OpenID Connect are ignored");
    assert_eq!(jeton.session(&second).await.generation, 1);
}

/// row 24: a retry with another scope gets another access token with another `jti`.
#[tokio::test]
async fn a_retry_with_another_scope_gets_the_same_refresh_token() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let whole = jeton.refresh(&first.refresh_token).await.tokens();
    let narrow = jeton
        .refresh_with(&first.refresh_token, &[("scope", "read")])
        .await
        .tokens();
    assert_eq!(narrow.refresh_token, whole.refresh_token);
    assert_eq!(narrow.scope, "read");
    let id = |token: &str| claims(token)["jti"].clone();
    assert_ne!(id(&narrow.access_token), id(&whole.access_token));
}

/// row 25: "`invalid_grant`: The provided [...] refresh token is invalid, expired, revoked", RFC 6749
/// §5.2. All of them get the same response.
#[tokio::test]
async fn malformed_and_unknown_refresh_tokens_get_the_same_invalid_grant() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let row = jeton.session(&tokens).await;
    let encode = |session, generation| {
        let token = RefreshToken {
            session,
            generation,
        };
        token.encode(&jeton.server.root_secrets).expose().to_owned()
    };
    let valid = &tokens.refresh_token;
    let invalid = [
        encode(Uuid::from_u128(1), 0),
        encode(tokens.session(), u32::MAX),
        valid.to_uppercase(),
        valid[4..].to_owned(),
        format!("{valid} "),
        format!("{valid}A"),
        format!("{valid}=="),
        valid[..67].to_owned(),
        valid.replacen("jrt_", "JRT_", 1),
        "x".repeat(68),
        "jrt_".to_owned(),
        "é🦀".to_owned(),
        "' OR 1=1 --".to_owned(),
        tokens.access_token.clone(),
    ];
    let mut bodies = Vec::new();
    for token in invalid {
        let answer = jeton.refresh(&token).await;
        answer.assert_error(400, "invalid_grant");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(jeton.session(&tokens).await, row);
    jeton.refresh(valid).await.tokens();
}
