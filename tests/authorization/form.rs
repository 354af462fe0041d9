//! The forms of the pages: accepted from this server's own pages, at any time within a week.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::store::session::{self, SessionFilter};

use crate::support::browser::{Browser, credentials, request};
use crate::support::{ALICE, Answer, ISSUER, Jeton, ROOT_SECRET};

const WEEK: Duration = Duration::from_hours(7 * 24);

async fn sessions(jeton: &Jeton) -> usize {
    let filter = SessionFilter {
        user_id: None,
        client_id: None,
        active: None,
    };
    let found = session::search(&jeton.server.store, filter, None, 99).await;
    found.unwrap().len()
}

/// Sends the credentials with this token.
async fn send(
    jeton: &Jeton,
    browser: &Browser,
    query: &str,
    (token, origin): (&str, &str),
) -> Answer {
    let fields = [&[("form_token", token)], &credentials(ALICE)[..]].concat();
    let path = format!("/authorize?{query}");
    browser.post(jeton, &path, &fields, origin).await
}

/// row 101: "Otherwise 403 with a fresh page, and no effect. `Origin: null` is refused".
#[tokio::test]
async fn a_form_of_another_page_has_no_effect() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let query = request(&[]);
    let page = browser.open(&jeton, &query).await;
    let token = page.form_token();
    let other_query = request(&[("state", "s2")]);
    let other_token = browser.open(&jeton, &other_query).await.form_token();
    let other_cookie = {
        let other = Browser::default();
        other.open(&jeton, &query).await.form_token()
    };
    for (token, origin) in [
        (token.as_str(), "https://evil.example"),
        (&token, "https://jeton.test.evil.example"),
        (&token, "http://jeton.test"),
        (&token, "null"),
        ("x", ISSUER),
        (&other_token, ISSUER),
        (&other_cookie, ISSUER),
    ] {
        let answer = send(&jeton, &browser, &query, (token, origin)).await;
        answer.assert_page(403, "form_token");
        assert_eq!(browser.cookie("__Host-jeton"), None);
        assert_eq!(sessions(&jeton).await, 0, "{token} {origin}");
    }
    // Without the field it is an authorization request: row 55.
    let path = format!("/authorize?{query}");
    let fields = credentials(ALICE);
    let answer = browser.post(&jeton, &path, &fields, ISSUER).await;
    assert_eq!(answer.status, 303);
    assert_eq!(sessions(&jeton).await, 0);
    // "No cookie support in the browser: the page says so."
    let answer = send(&jeton, &Browser::default(), &query, (&token, ISSUER)).await;
    answer.assert_page(403, "cookie");
    let answer = send(&jeton, &browser, &query, (&token, ISSUER)).await;
    answer.code();
    assert_eq!(sessions(&jeton).await, 1);
}

/// row 101: the token of a form lives for 7 days.
#[tokio::test]
async fn a_form_is_refused_after_a_week() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let page = browser.open(&jeton, &request(&[])).await;
    jeton.advance(WEEK + Duration::from_secs(2));
    let answer = browser.submit(&jeton, &page, &credentials(ALICE)).await;
    answer.assert_page(403, "expired");
    assert_eq!(sessions(&jeton).await, 0);
    // The fresh page works.
    let answer = browser.submit(&jeton, &answer, &credentials(ALICE)).await;
    answer.code();
}

/// row 102: "it still works after a day, in ten tabs, after a restart and on another node. If another tab signed in
/// meanwhile, submitting it continues without asking again".
#[tokio::test]
async fn a_form_works_after_a_day_on_another_node_and_after_another_tab() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let states: Vec<String> = (0..10).map(|tab| format!("tab {tab}")).collect();
    let mut tabs = Vec::new();
    for state in &states {
        let query = request(&[("state", state)]);
        tabs.push(browser.open(&jeton, &query).await);
    }
    jeton.advance(Duration::from_hours(24));
    let store = jeton.server.store.clone();
    let clock = Clock::standing_at(jeton.now());
    let other = Jeton::on(store, clock, ROOT_SECRET, |_| {}).await;
    for (tab, state) in tabs.iter().zip(&states).rev() {
        let answer = browser.submit(&other, tab, &credentials(ALICE)).await;
        let parameters = answer.redirected();
        assert_eq!(&parameters["state"], state);
        assert!(parameters.contains_key("code"));
    }
    // One sign-in for all tabs.
    assert_eq!(sessions(&jeton).await, 1);
}
