//! Browser sessions: how they begin and end.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jeton::store::user::{self, Change};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_default;

use crate::support::audit::keep_second_subscriber;
use crate::support::browser::{Browser, credentials, request};
use crate::support::client::disable;
use crate::support::peer;
use crate::support::{ALICE, Answer, Jeton, short_of};

const HOUR: Duration = Duration::from_hours(1);
const BOB: (&str, &str) = ("bob", "another long password");

async fn enter(jeton: &Jeton, browser: &Browser, username: &str, password: &str) -> Answer {
    let page = browser.open(jeton, &request(&[])).await;
    let fields = credentials((username, password));
    browser.submit(jeton, &page, &fields).await
}

async fn is_signed_in(jeton: &Jeton, browser: &Browser) -> bool {
    browser.open(jeton, &request(&[])).await.status == 303
}

/// design.md: "Its session ends after 12 h without use or after 24 h; "stay signed in" gives [...] the server's session
/// lifetimes".
#[tokio::test]
async fn a_browser_session_ends_after_a_day_or_twelve_hours_without_use() {
    let jeton = Jeton::with_app().await;
    let idle = Browser::default();
    idle.sign_in(&jeton, &request(&[])).await;
    jeton.advance(short_of(12 * HOUR));
    assert!(is_signed_in(&jeton, &idle).await);
    jeton.advance(12 * HOUR);
    assert!(!is_signed_in(&jeton, &idle).await);

    let busy = Browser::default();
    busy.sign_in(&jeton, &request(&[])).await;
    let staying = Browser::default();
    let page = staying.open(&jeton, &request(&[])).await;
    let fields = [&credentials(ALICE)[..], &[("stay_signed_in", "on")]].concat();
    staying.submit(&jeton, &page, &fields).await.code();
    for _ in 0..3 {
        jeton.advance(short_of(8 * HOUR));
        assert!(is_signed_in(&jeton, &busy).await);
    }
    jeton.advance(Duration::from_secs(3));
    assert!(!is_signed_in(&jeton, &busy).await);
    for _ in 0..5 {
        jeton.advance(5 * 24 * HOUR);
        assert!(is_signed_in(&jeton, &staying).await);
    }
}

/// row 81: "Between code and redemption the password changed, the user or client was disabled, the browser signed out:
/// `invalid_grant`". The first two also sign the browser out.
#[tokio::test]
async fn a_change_of_the_user_or_client_refuses_the_code() {
    for change in ["password", "user", "client", "sign-out"] {
        let jeton = Jeton::with_app().await;
        // Another user, who is enabled and stays signed in.
        jeton.add_user(BOB.0, BOB.1).await;
        enter(&jeton, &Browser::default(), BOB.0, BOB.1)
            .await
            .code();
        let browser = Browser::default();
        let code = browser.sign_in(&jeton, &request(&[])).await.code();
        let code_before = browser.open(&jeton, &request(&[])).await.code();
        let session = jeton.redeem(&code_before).await.tokens();
        let (store, cause) = (&jeton.server.store, jeton.cause());
        let user = |change| user::change(store, session.user(), change, &cause);
        match change {
            "password" => drop(user(Change::password("x".to_owned())).await.unwrap()),
            "user" => drop(user(Change::DISABLE).await.unwrap()),
            "client" => drop(disable(store, "app", &cause).await.unwrap()),
            _ => {
                let page = browser.visit(&jeton, "/end-session").await;
                let fields = [("action", "sign_out")];
                let page = browser.submit_to(&jeton, "/end-session", &page, &fields);
                page.await.assert_page(200, "signed out");
            }
        }
        let answer = jeton.redeem(&code).await;
        let expected = match change {
            "client" => (401, "invalid_client"),
            _ => (400, "invalid_grant"),
        };
        answer.assert_error(expected.0, expected.1);
        if change == "user" {
            user(Change::ENABLE).await.unwrap();
        }
        if change == "client" {
            jeton
                .change_client("app", serde_json::json!({ "disabled": false }))
                .await;
        }
        jeton.redeem(&code).await.assert_error(400, "invalid_grant");
        let page = browser.open(&jeton, &request(&[])).await;
        assert_eq!(page.status == 303, change == "client", "{change}");
    }
}

/// row 105: "Unknown user and wrong password: the same page, words, status (200)".
#[tokio::test]
async fn an_unknown_user_looks_like_a_wrong_password() {
    let jeton = Jeton::with_app().await;
    let mut pages = Vec::new();
    for (username, password) in [(ALICE.0, "wrong"), ("mallory", "wrong"), (ALICE.0, "")] {
        let page = enter(&jeton, &Browser::default(), username, password).await;
        page.assert_page(200, "Wrong username or password.");
        let token = page.form_token();
        pages.push(page.body.replace(&token, "").replace(username, ""));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[0], pages[2]);
}

/// row 20, row 105: the counts "are shared by `/token`, page and challenge: ten in all, not ten each".
#[tokio::test]
async fn failed_sign_ins_count_on_the_page_and_at_the_token_endpoint() {
    let jeton = Jeton::with_app().await;
    for username in [ALICE.0, "mallory"] {
        let browser = Browser::default();
        for attempt in 0..10 {
            let wrong = format!("wrong-{attempt}");
            if attempt % 2 == 0 {
                let page = enter(&jeton, &browser, username, &wrong).await;
                page.assert_page(200, "Wrong username or password.");
            } else {
                let answer = jeton.token(&peer::credentials(username, &wrong)).await;
                answer.assert_error(400, "invalid_grant");
            }
        }
        let page = enter(&jeton, &browser, username, ALICE.1).await;
        page.assert_page(429, "Too many attempts");
        assert!(page.header("retry-after").is_some());
        let answer = jeton.token(&peer::credentials(username, ALICE.1)).await;
        answer.assert_error(429, "temporarily_unavailable");
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// row 107: "The query of `/authorize` (it holds `login_hint`, `id_token_hint`) is in no log, metric or Referer".
#[tokio::test]
async fn the_query_is_in_no_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    keep_second_subscriber();
    let _guard = set_default(subscriber);
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let mark = "b7c1f0e2d94a".to_owned();
    let with = |name| request(&[(name, mark.as_str())]);
    for name in ["login_hint", "state", "nonce", "other"] {
        let page = browser.open(&jeton, &with(name)).await;
        page.assert_page(200, "password");
        assert!(page.header("referrer-policy").is_some());
    }
    for name in ["id_token_hint", "prompt", "max_age", "scope"] {
        let answer = browser.open(&jeton, &with(name)).await;
        answer.assert_redirect_error(match name {
            "scope" => "invalid_scope",
            _ => "invalid_request",
        });
    }
    for name in ["client_id", "redirect_uri"] {
        let page = browser.open(&jeton, &with(name)).await;
        page.assert_page(400, "");
    }
    let query = with("state");
    let page = browser.open(&jeton, &query).await;
    let fields = credentials((&mark, &mark));
    browser.submit(&jeton, &page, &fields).await;
    browser.sign_in(&jeton, &query).await.code();
    for name in ["id_token_hint", "state", "client_id"] {
        let path = format!("/end-session?{name}={mark}");
        browser.visit(&jeton, &path).await;
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/authorize"), "{text}");
    let mut found = text.lines().filter(|line| line.contains(&mark));
    assert_eq!(found.next(), None);
}
