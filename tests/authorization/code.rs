//! The authorization code at /token.

use std::time::Duration;

use jeton::store::session::Ending;

use crate::support::browser::{Browser, CALLBACK, VERIFIER, request};
use crate::support::{Jeton, SECRET, claims};

/// row 72, row 79, row 80: "If the values are not equal, an error response indicating "`invalid_grant`" [...] MUST be
/// returned", RFC 7636 §4.6. The code stays good for its owner.
#[tokio::test]
async fn a_wrong_redemption_is_refused_and_ends_nothing() {
    let jeton = Jeton::with_app().await;
    jeton.add_app("other", |_| {}).await;
    let code = Browser::default()
        .sign_in(&jeton, &request(&[]))
        .await
        .code();
    let other_verifier = VERIFIER.replace('d', "e");
    for more in [
        ("code_verifier", other_verifier.as_str()),
        ("code_verifier", &VERIFIER[..42]),
        ("code_verifier", ""),
        ("redirect_uri", "https://app.example/other"),
        ("client_id", "other"),
        ("code", "jac_AAAA"),
        ("code", "x"),
    ] {
        let answer = jeton.redeem_with(&code, &[more]).await;
        answer.assert_error(400, "invalid_grant");
    }
    let answer = jeton.redeem_with(&code, &[("code", "")]).await;
    answer.assert_error(400, "invalid_request");
    let tokens = jeton
        .redeem_with(&code, &[("redirect_uri", "")])
        .await
        .tokens();
    jeton.refresh_at("app", &tokens).await.tokens();
}

/// row 72, row 80: a code without a challenge. A verifier is a downgrade, RFC 9700 §4.8.2, and the redirect URI is
/// "REQUIRED, if the "`redirect_uri`" parameter was included in the authorization request", RFC 6749 §4.1.3.
#[tokio::test]
async fn a_code_without_a_challenge_needs_its_redirect_uri_and_no_verifier() {
    let jeton = Jeton::with_app().await;
    jeton
        .add_client("web", Some(SECRET), |client| {
            "authorization_code refresh_token".clone_into(&mut client.grant_types);
            CALLBACK.clone_into(&mut client.redirect_uris);
            client.pkce = Some("optional".to_owned());
        })
        .await;
    let query = request(&[
        ("client_id", "web"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ]);
    let code = Browser::default().sign_in(&jeton, &query).await.code();
    let redeem = async |redirect_uri, verifier| {
        let more = [
            ("client_id", "web"),
            ("client_secret", SECRET),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        jeton.redeem_with(&code, &more).await
    };
    for (redirect_uri, verifier) in [
        (CALLBACK, VERIFIER),
        ("", ""),
        ("https://app.example/other", ""),
    ] {
        let answer = redeem(redirect_uri, verifier).await;
        answer.assert_error(400, "invalid_grant");
    }
    redeem(CALLBACK, "").await.tokens();
}

/// row 76: it lives 60 seconds.
#[tokio::test]
async fn a_code_expires_after_a_minute() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let code = browser.sign_in(&jeton, &request(&[])).await.code();
    jeton.advance(Duration::from_mins(1));
    jeton.redeem(&code).await.assert_error(400, "invalid_grant");
    let code = browser.open(&jeton, &request(&[])).await.code();
    jeton.advance(Duration::from_secs(59));
    jeton.redeem(&code).await.tokens();
}

/// row 76: the clock of the node that issued it may be a minute ahead. A code from later would live for longer.
#[tokio::test]
async fn a_code_from_more_than_a_minute_ahead_is_refused() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let code = browser.sign_in(&jeton, &request(&[])).await.code();
    let before = jeton.now().minus(Duration::from_mins(1));
    jeton
        .server
        .clock
        .set(before.minus(Duration::from_micros(1)));
    jeton.redeem(&code).await.assert_error(400, "invalid_grant");
    jeton.server.clock.set(before);
    jeton.redeem(&code).await.tokens();
}

/// row 78: "If an authorization code is used more than once, the authorization server MUST deny the request and SHOULD
/// revoke (when possible) all tokens previously issued based on that authorization code", RFC 6749 §4.1.2.
#[tokio::test]
async fn a_second_redemption_after_the_retry_window_revokes_the_session() {
    let jeton = Jeton::with_app().await;
    let code = Browser::default()
        .sign_in(&jeton, &request(&[]))
        .await
        .code();
    let tokens = jeton.redeem(&code).await.tokens();
    // The default of the retry window.
    jeton.advance(Duration::from_secs(10));
    jeton.redeem(&code).await.assert_error(400, "invalid_grant");
    let session = jeton.session(&tokens).await;
    assert_eq!(session.revocation_reason, Some(Ending::CodeReplay));
}

/// row 78: the same device within the retry window: a page that runs twice, or a double click. Another device ends it.
#[tokio::test]
async fn a_second_redemption_within_the_retry_window_revokes_nothing_on_the_same_device() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let code = browser.sign_in(&jeton, &request(&[])).await.code();
    let tokens = jeton.redeem(&code).await.tokens();
    jeton.advance(Duration::from_secs(9));
    jeton.redeem(&code).await.assert_error(400, "invalid_grant");
    assert_eq!(jeton.session(&tokens).await.revocation_reason, None);
    let parameters = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    // Without a User-Agent.
    let other = jeton.token(&parameters);
    other.await.assert_error(400, "invalid_grant");
    let session = jeton.session(&tokens).await;
    assert_eq!(session.revocation_reason, Some(Ending::CodeReplay));
}

/// row 78: with window 0, every second redemption ends the session.
#[tokio::test]
async fn without_a_retry_window_each_second_redemption_revokes() {
    let jeton = Jeton::with_app().await;
    jeton
        .add_app("strict", |client| client.retry_window = Some(0))
        .await;
    let query = request(&[("client_id", "strict")]);
    let code = Browser::default().sign_in(&jeton, &query).await.code();
    let redeem = || jeton.redeem_with(&code, &[("client_id", "strict")]);
    let tokens = redeem().await.tokens();
    redeem().await.assert_error(400, "invalid_grant");
    let session = jeton.session(&tokens).await;
    assert_eq!(session.revocation_reason, Some(Ending::CodeReplay));
}

/// row 82: the session has the `auth_time` and `acr` of the sign-in, however late.
#[tokio::test]
async fn auth_time_is_that_of_the_sign_in_on_the_page() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    let signed_in = jeton.now();
    jeton.advance(Duration::from_hours(5));
    let code = browser.open(&jeton, &request(&[])).await.code();
    let tokens = jeton.redeem(&code).await.tokens();
    let tokens = jeton.refresh_at("app", &tokens).await.tokens();
    let claims = claims(&tokens.access_token);
    assert_eq!(claims["auth_time"], signed_in.as_seconds());
    assert_eq!(claims["acr"], "pwd");
}

/// row 85: the ID token repeats the nonce; row 98: without `openid` there is none.
#[tokio::test]
async fn the_id_token_repeats_the_nonce() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let query = request(&[("scope", "openid read"), ("nonce", "n-0S6_WzA2Mj")]);
    let code = browser.sign_in(&jeton, &query).await.code();
    let answer = jeton.redeem(&code).await;
    let id_token = answer.json()["id_token"].as_str().unwrap().to_owned();
    let claims = claims(&id_token);
    assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
    assert_eq!(claims["aud"], "app");
    let code = browser
        .open(&jeton, &request(&[("nonce", "n")]))
        .await
        .code();
    assert!(jeton.redeem(&code).await.json().get("id_token").is_none());
}
