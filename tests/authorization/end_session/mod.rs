//! The end-session endpoint.

mod question;

use std::time::Duration;

use jeton::audit::Action;
use jeton::store::session::{self, Ending};
use poem::Request;
use serde_json::json;
use uuid::Uuid;

use crate::support::browser::{Browser, credentials, request};
use crate::support::{ALICE, Answer, ISSUER, Jeton, SECRET, Tokens, basic_raw, encode};

const BYE: &str = "https://app.example/bye";
const BOB: (&str, &str) = ("bob", "another long password");

/// A browser in which a user is signed in at the client `app`.
struct SignedIn {
    browser: Browser,
    tokens: Tokens,
    id_token: String,
}

async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    jeton
        .add_app("app", |client| {
            client.post_logout_redirect_uris = format!("{BYE} http://localhost/bye");
        })
        .await;
    jeton.add_user(BOB.0, BOB.1).await;
    jeton
}

async fn sign_in(jeton: &Jeton, user: (&str, &str), scope: &str) -> SignedIn {
    let browser = Browser::default();
    let query = request(&[("scope", scope)]);
    let page = browser.open(jeton, &query).await;
    let answer = browser.submit(jeton, &page, &credentials(user)).await;
    let answer = jeton.redeem(&answer.code()).await;
    SignedIn {
        browser,
        tokens: answer.tokens(),
        id_token: answer.json()["id_token"].as_str().unwrap().to_owned(),
    }
}

fn path(parameters: &[(&str, &str)]) -> String {
    format!("/end-session?{}", encode(parameters))
}

impl SignedIn {
    async fn visit(&self, jeton: &Jeton, parameters: &[(&str, &str)]) -> Answer {
        self.browser.visit(jeton, &path(parameters)).await
    }

    async fn press(&self, jeton: &Jeton, page: &Answer, action: &str) -> Answer {
        let fields = [("action", action)];
        self.browser
            .submit_to(jeton, "/end-session", page, &fields)
            .await
    }

    async fn assert_signed_in(&self, jeton: &Jeton) {
        self.browser.open(jeton, &request(&[])).await.code();
        assert_eq!(ending(jeton, self.tokens.session()).await, None);
    }

    async fn assert_signed_out(&self, jeton: &Jeton) {
        assert_eq!(self.browser.cookie("__Host-jeton"), None);
        let page = self.browser.open(jeton, &request(&[])).await;
        page.assert_page(200, "password");
        let ended = Some(Ending::SignOut);
        assert_eq!(ending(jeton, self.tokens.session()).await, ended);
        assert_eq!(
            ending(jeton, self.browser_session(jeton).await).await,
            ended
        );
    }

    async fn browser_session(&self, jeton: &Jeton) -> Uuid {
        let session = jeton.session(&self.tokens).await;
        session.browser_session_id.unwrap()
    }
}

async fn ending(jeton: &Jeton, session: Uuid) -> Option<Ending> {
    let found = session::find(&jeton.server.store, session).await.unwrap();
    found.unwrap().session.revocation_reason
}

async fn revoked_sessions(jeton: &Jeton) -> String {
    let request = Request::builder()
        .uri("/revoked-sessions".parse().unwrap())
        .header("authorization", basic_raw("api", SECRET));
    jeton.send(request.finish()).await.body
}

fn assert_returned(answer: &Answer, location: &str) {
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(answer.header("location"), Some(location));
}

/// row 112, row 114, row 115: "the OP SHOULD accept ID Tokens [...] even when the exp time has passed", OpenID Connect
/// RP-Initiated Logout §2. Both sessions stand in the list of revoked sessions at once.
#[tokio::test]
async fn a_good_hint_signs_out_at_once() {
    let jeton = start().await;
    jeton
        .add_client("api", Some(SECRET), |client| {
            ISSUER.clone_into(&mut client.audience);
        })
        .await;
    let user = sign_in(&jeton, ALICE, "openid read").await;
    let browser_session = user.browser_session(&jeton).await;
    jeton.advance(Duration::from_hours(5));
    let answer = user
        .visit(
            &jeton,
            &[
                ("id_token_hint", &user.id_token),
                ("client_id", "app"),
                ("post_logout_redirect_uri", BYE),
                ("state", "a&b"),
                ("logout_hint", "x"),
                ("ui_locales", "fr"),
            ],
        )
        .await;
    assert_returned(&answer, &format!("{BYE}?state=a%26b"));
    user.assert_signed_out(&jeton).await;
    let revoked = revoked_sessions(&jeton).await;
    for session in [browser_session, user.tokens.session()] {
        assert!(revoked.contains(&session.to_string()), "{revoked}");
    }
    let answer = jeton.refresh_at("app", &user.tokens).await;
    answer.assert_error(400, "invalid_grant");
    let events = jeton.audit_events(Action::SignOut).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].detail, r#"{"sessions_ended":1}"#);
}

/// row 114: a disabled client has no registered redirect URIs.
#[tokio::test]
async fn the_browser_does_not_return_to_a_disabled_client() {
    let jeton = start().await;
    let user = sign_in(&jeton, ALICE, "openid read").await;
    jeton
        .change_client("app", json!({ "disabled": true }))
        .await;
    let hint = ("id_token_hint", user.id_token.as_str());
    for (client, reason) in [
        (hint, "The client of id_token_hint is disabled"),
        (("client_id", "app"), "No client"),
    ] {
        let parameters = [client, ("post_logout_redirect_uri", BYE)];
        let answer = user.visit(&jeton, &parameters).await;
        answer.assert_page(400, reason);
    }
}

/// row 115: a session that ended by time stays as it ended, and an API need not hear of it.
#[tokio::test]
async fn a_sign_out_does_not_revoke_a_session_that_has_ended() {
    let jeton = start().await;
    jeton
        .add_app("short", |client| {
            client.session_lifetime = Some(60_000_000);
        })
        .await;
    let user = sign_in(&jeton, ALICE, "openid read").await;
    let query = request(&[("client_id", "short")]);
    let code = user.browser.open(&jeton, &query).await.code();
    let short = jeton.redeem_with(&code, &[("client_id", "short")]).await;
    let short = short.tokens().session();
    jeton.advance(Duration::from_mins(1));
    let hint = ("id_token_hint", user.id_token.as_str());
    user.visit(&jeton, &[hint]).await;
    user.assert_signed_out(&jeton).await;
    assert_eq!(ending(&jeton, short).await, None);
}

/// row 114: "the OP MUST NOT perform post-logout redirection unless the OP has other means of confirming the legitimacy of
/// the post-logout redirection target", §3.
#[tokio::test]
async fn without_a_hint_the_browser_returns_only_to_a_client_that_is_named() {
    let jeton = start().await;
    for (client, location) in [("app", Some(BYE)), ("", None)] {
        let user = sign_in(&jeton, ALICE, "openid read").await;
        let parameters = [("client_id", client), ("post_logout_redirect_uri", BYE)];
        let page = user.visit(&jeton, &parameters).await;
        page.assert_page(200, client);
        let answer = user.press(&jeton, &page, "sign_out").await;
        assert_eq!(answer.header("location"), location);
        user.assert_signed_out(&jeton).await;
        // Without a browser session, only the return needs an answer.
        let page = user.visit(&jeton, &parameters).await;
        page.assert_page(200, "out");
        assert_eq!(page.body.contains("form_token"), location.is_some());
    }
}

/// row 113, row 114: "the OP MUST verify that the Client Identifier matches the one used when issuing the ID Token", §2;
/// the redirect URI must "exactly match", §3.
#[tokio::test]
async fn an_invalid_sign_out_request_gets_a_page_and_ends_nothing() {
    let jeton = start().await;
    jeton
        .add_app("other", |client| {
            client.post_logout_redirect_uris = BYE.to_owned();
        })
        .await;
    let user = sign_in(&jeton, ALICE, "openid read").await;
    let hint = ("id_token_hint", user.id_token.as_str());
    let long = "s".repeat(2049);
    let uri = |uri| ("post_logout_redirect_uri", uri);
    for (parameters, reason) in [
        (vec![hint, ("client_id", "other")], "client_id is not"),
        (vec![("client_id", "unknown")], "No client"),
        (vec![hint, uri("https://app.example/bye/")], "registered"),
        (vec![hint, uri("https://app.example/bye?x=1")], "registered"),
        (vec![hint, uri("https://evil.example/bye")], "registered"),
        (vec![hint, uri("javascript:alert(1)")], "registered"),
        (vec![hint, uri(BYE), uri(BYE)], "twice"),
        (vec![hint, ("state", &long)], "state"),
    ] {
        let answer = user.visit(&jeton, &parameters).await;
        answer.assert_page(400, reason);
    }
    // The longest state.
    let answer = user.visit(&jeton, &[("state", &long[1..])]).await;
    answer.assert_page(200, "Sign out");
    for query in ["state=%ZZ", "state=%FF", "state=%00"] {
        let path = format!("/end-session?{query}");
        let answer = user.browser.visit(&jeton, &path).await;
        answer.assert_page(400, "malformed");
    }
    let path = path(&[("x", &"x".repeat(8 * 1024))]);
    user.browser.visit(&jeton, &path).await.assert_page(414, "");
    user.assert_signed_in(&jeton).await;
    // The port of a loopback address may differ.
    let native = uri("http://localhost:5123/bye");
    let answer = user.visit(&jeton, &[hint, native]).await;
    assert_returned(&answer, "http://localhost:5123/bye");
}

/// row 112: "A good hint also revokes the session of its `sid`", also without the browser session.
#[tokio::test]
async fn a_good_hint_ends_its_session_without_a_browser_session() {
    let jeton = start().await;
    let user = sign_in(&jeton, ALICE, "openid offline_access read").await;
    let browser = Browser::default();
    let parameters = [
        ("id_token_hint", user.id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    let answer = browser.visit(&jeton, &path(&parameters)).await;
    assert_returned(&answer, BYE);
    let ended = ending(&jeton, user.tokens.session()).await;
    assert_eq!(ended, Some(Ending::SignOut));
    assert_eq!(jeton.audit_event(Action::SignOut).await.detail, "{}");
    // The user's own browser stays signed in.
    user.browser.open(&jeton, &request(&[])).await.code();
}

/// row 97, row 115: sessions with `offline_access` stay.
#[tokio::test]
async fn a_session_with_offline_access_outlives_the_sign_out() {
    let jeton = start().await;
    let user = sign_in(&jeton, ALICE, "openid offline_access read").await;
    let query = request(&[("scope", "read")]);
    let code = user.browser.open(&jeton, &query).await.code();
    let online = jeton.redeem(&code).await.tokens();
    let page = user.visit(&jeton, &[]).await;
    let answer = user.press(&jeton, &page, "sign_out").await;
    answer.assert_page(200, "You are signed out");
    assert_eq!(ending(&jeton, user.tokens.session()).await, None);
    let ended = ending(&jeton, online.session()).await;
    assert_eq!(ended, Some(Ending::SignOut));
    jeton.refresh_at("app", &user.tokens).await.tokens();
}
