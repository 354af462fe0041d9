//! The cookie of a browser session: its attributes, and its rotation.

use std::time::Duration;

use jeton::store::session::{self, ActiveAt, Ending, SessionFilter};
use uuid::Uuid;

use crate::support::browser::{Browser, credentials, request};
use crate::support::{ALICE, Answer, Jeton, Tokens};

pub const COOKIE: &str = "__Host-jeton";
const BOB: (&str, &str) = ("bob", "another long password");
const HOUR: Duration = Duration::from_hours(1);

/// The line that sets the cookie of the session.
fn set_cookie(answer: &Answer) -> Option<String> {
    let mut lines = answer.headers.get_all("set-cookie").iter();
    lines.find_map(|line| {
        let line = line.to_str().unwrap();
        line.starts_with("__Host-jeton=").then(|| line.to_owned())
    })
}

async fn begin(jeton: &Jeton, browser: &Browser, scope: &str) -> Tokens {
    let query = request(&[("scope", scope)]);
    let code = browser.open(jeton, &query).await.code();
    jeton.redeem(&code).await.tokens()
}

async fn row(jeton: &Jeton, id: Uuid) -> session::Model {
    let found = session::find(&jeton.server.store, id).await.unwrap();
    found.unwrap().session
}

/// The browser session that is not revoked.
async fn browser_session(jeton: &Jeton) -> session::Model {
    let filter = SessionFilter {
        user_id: None,
        client_id: Some("jeton:browser"),
        active: Some((true, ActiveAt::new(jeton.now(), &jeton.server.settings))),
    };
    let found = session::search(&jeton.server.store, filter, None, 9).await;
    let mut found = found.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// row 99: "Secure, `HttpOnly`, SameSite=Lax, Path=/, no Domain, no Expires unless "stay signed in"".
#[tokio::test]
async fn the_browser_keeps_the_cookie_only_if_the_user_stays_signed_in() {
    let jeton = Jeton::with_app().await;
    let answer = Browser::default().sign_in(&jeton, &request(&[])).await;
    let line = set_cookie(&answer).unwrap();
    let (_, attributes) = line.split_once("; ").unwrap();
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/");

    let browser = Browser::default();
    let page = browser.open(&jeton, &request(&[])).await;
    let fields = [&credentials(ALICE)[..], &[("stay_signed_in", "on")]].concat();
    let answer = browser.submit(&jeton, &page, &fields).await;
    let line = set_cookie(&answer).unwrap();
    let (_, attributes) = line.split_once("; ").unwrap();
    let seconds = jeton.server.settings.session.lifetime.0.as_secs();
    let expected = format!("HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age={seconds}");
    assert_eq!(attributes, expected);
}

/// row 100: a sign-in gives a new cookie. The session before it ends, and its sessions move to the new one.
#[tokio::test]
async fn each_sign_in_gives_a_new_cookie() {
    let jeton = Jeton::with_app().await;
    jeton.add_user(BOB.0, BOB.1).await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    let first = browser.cookie(COOKIE).unwrap();
    let before = browser_session(&jeton).await.id;
    let begun = begin(&jeton, &browser, "read").await;
    let offline = begin(&jeton, &browser, "read offline_access").await;
    let other = jeton.sign_in().await;

    let login = request(&[("prompt", "login")]);
    browser.sign_in(&jeton, &login).await.code();
    let second = browser.cookie(COOKIE).unwrap();
    assert_ne!(first, second);
    let ended = row(&jeton, before).await.revocation_reason;
    assert_eq!(ended, Some(Ending::SignedInAgain));
    let after = browser_session(&jeton).await.id;
    assert_eq!(jeton.session(&begun).await.browser_session_id, Some(after));
    assert_eq!(jeton.session(&begun).await.revocation_reason, None);
    assert_eq!(jeton.session(&other).await.browser_session_id, None);

    // An attacker who has planted the first cookie is not signed in.
    let attacker = Browser::default();
    attacker.set_cookie(COOKIE, &first);
    let page = attacker.open(&jeton, &request(&[])).await;
    page.assert_page(200, "password");

    // Another user first signs the first one out.
    let page = browser.open(&jeton, &login).await;
    browser
        .submit(&jeton, &page, &credentials(BOB))
        .await
        .code();
    let ended = row(&jeton, after).await.revocation_reason;
    assert_eq!(ended, Some(Ending::SignOut));
    let ended = jeton.session(&begun).await.revocation_reason;
    assert_eq!(ended, Some(Ending::SignOut));
    // A session that lives on stays with the user who began it.
    let offline = jeton.session(&offline).await;
    assert_eq!(offline.revocation_reason, None);
    assert_eq!(offline.browser_session_id, Some(after));
}

/// row 100: it "rotates when its generation is older than an hour", and nothing is written before.
#[tokio::test]
async fn the_cookie_rotates_once_an_hour() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    let begun = browser_session(&jeton).await;
    for _ in 0..5 {
        jeton.advance(Duration::from_secs(700));
        let answer = browser.open(&jeton, &request(&[])).await;
        assert_eq!(set_cookie(&answer), None);
        assert_eq!(browser_session(&jeton).await, begun);
    }
    for generation in 1..4 {
        let before = browser.cookie(COOKIE);
        jeton.advance(HOUR);
        let answer = browser.open(&jeton, &request(&[])).await;
        assert!(set_cookie(&answer).is_some());
        assert_ne!(browser.cookie(COOKIE), before);
        assert_eq!(browser_session(&jeton).await.generation, generation);
        let answer = browser.open(&jeton, &request(&[])).await;
        assert_eq!(set_cookie(&answer), None);
        assert_eq!(browser_session(&jeton).await.generation, generation);
    }
}

/// row 100: it "follows the rotation rules of refresh tokens". Two tabs send the old cookie at once, or the response is
/// lost.
#[tokio::test]
async fn the_old_cookie_gets_the_current_one() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    let old = browser.cookie(COOKIE).unwrap();
    jeton.advance(HOUR);
    browser.open(&jeton, &request(&[])).await.code();
    let current = browser.cookie(COOKIE);
    for wait in [Duration::from_secs(5), Duration::from_mins(20)] {
        jeton.advance(wait);
        browser.set_cookie(COOKIE, &old);
        browser.open(&jeton, &request(&[])).await.code();
        assert_eq!(browser.cookie(COOKIE), current, "{wait:?}");
    }
    assert_eq!(browser_session(&jeton).await.generation, 1);
}

/// row 100: a cookie that is two generations old was stolen: the browser session ends, and all that were begun from it, also
/// with `offline_access`.
#[tokio::test]
async fn a_replay_of_the_cookie_ends_the_browser_session_and_all_others() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    let old = browser.cookie(COOKIE).unwrap();
    let begun = [
        begin(&jeton, &browser, "read").await,
        begin(&jeton, &browser, "offline_access read").await,
    ];
    let id = browser_session(&jeton).await.id;
    for _ in 0..2 {
        jeton.advance(HOUR);
        browser.open(&jeton, &request(&[])).await.code();
    }
    let thief = Browser::default();
    thief.set_cookie(COOKIE, &old);
    let page = thief.open(&jeton, &request(&[])).await;
    page.assert_page(200, "password");
    let ended = row(&jeton, id).await.revocation_reason;
    assert_eq!(ended, Some(Ending::Replay));
    for tokens in &begun {
        let ended = jeton.session(tokens).await.revocation_reason;
        assert_eq!(ended, Some(Ending::Replay));
    }
    let page = browser.open(&jeton, &request(&[])).await;
    page.assert_page(200, "password");
}
