//! Consents and browser sessions in the account API.

use std::time::Duration;

use jeton::audit::Action;
use jeton::store::session::Ending;
use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::browser::{Browser, credentials, request};
use crate::support::{ALICE, Answer, Jeton, Tokens};

const BOB: (&str, &str) = ("bob", "another long password");

async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    jeton
        .add_app("app", |client| {
            client.consent = None;
            "The app".clone_into(&mut client.name);
        })
        .await;
    jeton
}

async fn delete(jeton: &Jeton, path: &str, tokens: &Tokens) -> Answer {
    let request = Request::builder()
        .method(Method::DELETE)
        .uri(path.parse().unwrap())
        .header("authorization", format!("Bearer {}", tokens.access_token));
    jeton.send(request.finish()).await
}

/// row 108: "listed and withdrawn by `GET`, `DELETE /account/consents/{client_id}`; withdrawal revokes its sessions".
#[tokio::test]
async fn a_user_lists_and_withdraws_a_consent() {
    let jeton = start().await;
    jeton.add_user(BOB.0, BOB.1).await;
    let browser = Browser::default();
    let query = request(&[("scope", "read write")]);
    let page = browser.sign_in(&jeton, &query).await;
    jeton.advance(Duration::from_mins(1));
    let answer = browser.submit(&jeton, &page, &[("action", "allow")]).await;
    let granted_at = jeton.now().as_seconds();
    let session = jeton.redeem(&answer.code()).await.tokens();

    let own = jeton.sign_in().await;
    let list = jeton.get_with("/account/consents", &own.access_token).await;
    let expected = json!({ "consents": [{
        "client_id": "app",
        "client_name": "The app",
        "scope": "read write",
        "granted_at": granted_at,
    }] });
    assert_eq!(list.json(), expected);
    let sign_in = [
        ("grant_type", "password"),
        ("username", BOB.0),
        ("password", BOB.1),
    ];
    let other = jeton.token(&sign_in).await.tokens();
    let list = jeton.get_with("/account/consents", &other.access_token);
    assert_eq!(list.await.json(), json!({ "consents": [] }));
    let path = "/account/consents/app";
    assert_eq!(delete(&jeton, path, &other).await.status, 404);
    assert_eq!(jeton.session(&session).await.revocation_reason, None);

    // A code that is redeemed after the withdrawal is refused: row 81.
    let code = browser.open(&jeton, &query).await.code();
    assert_eq!(delete(&jeton, path, &own).await.status, 204);
    assert_eq!(delete(&jeton, path, &own).await.status, 404);
    let ended = jeton.session(&session).await.revocation_reason;
    assert_eq!(ended, Some(Ending::ConsentWithdrawn));
    jeton.redeem(&code).await.assert_error(400, "invalid_grant");
    let page = browser.open(&jeton, &query).await;
    page.assert_page(200, "Allow");
    let list = jeton.get_with("/account/consents", &own.access_token).await;
    assert_eq!(list.json(), json!({ "consents": [] }));
}

/// row 100, row 115: a browser session is listed and revoked like any other, and ends those that were begun from it.
#[tokio::test]
async fn a_user_revokes_a_browser_session() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let page = browser.open(&jeton, &request(&[])).await;
    let answer = browser.submit(&jeton, &page, &credentials(ALICE)).await;
    let begun = jeton.redeem(&answer.code()).await.tokens();
    let own = jeton.sign_in().await;
    let list = jeton.get_with("/account/sessions", &own.access_token).await;
    let list = list.json();
    let mut listed = list["sessions"].as_array().unwrap().iter();
    let found = listed.find(|one| one["client_id"] == "jeton:browser");
    let id = found.unwrap()["id"].as_str().unwrap();
    let browser_session = jeton.session(&begun).await.browser_session_id;
    assert_eq!(Some(id.parse().unwrap()), browser_session);
    let path = format!("/account/sessions/{id}");
    assert_eq!(delete(&jeton, &path, &own).await.status, 204);
    let ended = jeton.session(&begun).await.revocation_reason;
    assert_eq!(ended, Some(Ending::SignOut));
    assert_eq!(jeton.session(&own).await.revocation_reason, None);
    let page = browser.open(&jeton, &request(&[])).await;
    page.assert_page(200, "password");
}

/// A revoked browser session and a withdrawn consent end only sessions that are still active: the others keep the time
/// at which they ended.
#[tokio::test]
async fn sessions_that_ended_by_time_are_not_revoked() {
    let jeton = start().await;
    jeton
        .add_app("brief", |client| {
            client.consent = None;
            client.session_lifetime = Some(3_600_000_000);
        })
        .await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    let begin = async |client| {
        let client = [("client_id", client)];
        let mut page = browser.open(&jeton, &request(&client)).await;
        if page.status == 200 && page.body.contains("name=\"password\"") {
            page = browser.submit(&jeton, &page, &credentials(ALICE)).await;
        }
        if page.status == 200 {
            page = browser.submit(&jeton, &page, &[("action", "allow")]).await;
        }
        jeton.redeem_with(&page.code(), &client).await.tokens()
    };
    let sessions_ended = async |action| {
        let event = jeton.audit_event(action).await;
        serde_json::from_str::<Value>(&event.detail).unwrap()["sessions_ended"].clone()
    };
    let over = begin("brief").await;
    jeton.advance(Duration::from_hours(2));
    let other = begin("app").await;
    let (first, second) = (jeton.session(&over).await, jeton.session(&other).await);
    assert_eq!(first.browser_session_id, second.browser_session_id);
    let own = jeton.sign_in().await;
    let path = format!("/account/sessions/{}", first.browser_session_id.unwrap());
    assert_eq!(delete(&jeton, &path, &own).await.status, 204);
    assert_eq!(sessions_ended(Action::SignOut).await, 1);

    let active = begin("brief").await;
    let path = "/account/consents/brief";
    assert_eq!(delete(&jeton, path, &own).await.status, 204);
    assert_eq!(sessions_ended(Action::ConsentWithdrawn).await, 1);
    let why = [
        (over, None),
        (other, Some(Ending::SignOut)),
        (active, Some(Ending::ConsentWithdrawn)),
    ];
    for (tokens, expected) in why {
        assert_eq!(jeton.session(&tokens).await.revocation_reason, expected);
    }
}
