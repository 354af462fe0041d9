//! The statements of a sign-in by code: their number, and that a request which is abandoned stores nothing.

use jeton::audit::{Actor, Cause};
use jeton::database_url::Engine;
use jeton::device::Device;
use jeton::scope::Scope;
use jeton::store::{consent, user};

use crate::support::audit::AuditLog;
use crate::support::browser::{Browser, request};
use crate::support::database::engine;
use crate::support::{ALICE, Answer, Jeton};

/// The statements of an authorization request in a browser that is signed in: the client, the reserved client of browser
/// sessions, the browser session, its user and the consent.
const OF_SIGNED_IN: [&str; 5] = [
    "SELECT clients",
    "SELECT clients",
    "SELECT sessions",
    "SELECT users",
    "SELECT consents",
];

/// The result of the future, and its statements, each as the verb and the first table.
async fn statements<T>(run: impl Future<Output = T>) -> (T, Vec<String>) {
    let log = AuditLog::listen_to("jeton::store::pool");
    let result = run.await;
    let texts = log.values("sql");
    (result, texts.iter().map(|text| summary(text)).collect())
}

/// The table is that of the statement itself, not of a subquery.
fn summary(sql: &str) -> String {
    let mut words = sql.split_whitespace();
    let verb = words.next().unwrap();
    let mut depth = 0;
    let mut table = words.skip_while(|word| {
        depth += word.matches('(').count();
        depth -= word.matches(')').count();
        depth > 0 || !matches!(*word, "FROM" | "INTO")
    });
    match table.nth(1) {
        Some(table) => format!("{verb} {}", table.trim_matches(['"', '`'])),
        None => verb.to_owned(),
    }
}

async fn start(consent: &str) -> Jeton {
    let jeton = Jeton::start().await;
    let consent = Some(consent.to_owned());
    jeton
        .add_app("app", |client| client.consent = consent)
        .await;
    jeton
}

/// Signs in, and consents if the page asks.
async fn sign_in(jeton: &Jeton, browser: &Browser, query: &str) -> Answer {
    let answer = browser.sign_in(jeton, query).await;
    if answer.status == 200 {
        browser.submit(jeton, &answer, &[("action", "allow")]).await
    } else {
        answer
    }
}

/// MySQL has no `INSERT … RETURNING`: there the roles are a second SELECT.
#[tokio::test]
async fn an_exchange_is_one_select_and_a_transaction_of_two_insertions() {
    for consent in ["skip", "required"] {
        let jeton = start(consent).await;
        let answer = sign_in(&jeton, &Browser::default(), &request(&[])).await;
        let code = answer.code();
        let (answer, executed) = statements(jeton.redeem(&code)).await;
        answer.tokens();
        let mut expected = vec![
            "SELECT clients",
            "BEGIN",
            "INSERT sessions",
            "INSERT audit_events",
            "COMMIT",
        ];
        if engine() == Some(Engine::MySql) {
            expected.insert(3, "SELECT users");
        }
        assert_eq!(executed, expected, "{consent}");
    }
}

/// Nothing is written, so a sign-in that is abandoned leaves nothing in the database.
#[tokio::test]
async fn a_page_of_an_authorization_request_only_reads() {
    let jeton = start("required").await;
    let browser = Browser::default();
    let (page, executed) = statements(browser.open(&jeton, &request(&[]))).await;
    page.assert_page(200, "password");
    assert_eq!(executed, ["SELECT clients"]);
    let page = browser.sign_in(&jeton, &request(&[])).await;
    page.assert_page(200, "value=\"allow\"");
    let (page, executed) = statements(browser.open(&jeton, &request(&[]))).await;
    page.assert_page(200, "value=\"allow\"");
    assert_eq!(executed, OF_SIGNED_IN);
}

/// "At `/authorize` with a signed-in browser: no write but the hourly rotation of the cookie".
#[tokio::test]
async fn a_request_of_a_signed_in_browser_only_reads() {
    let jeton = start("required").await;
    let browser = Browser::default();
    sign_in(&jeton, &browser, &request(&[])).await.code();
    let (answer, executed) = statements(browser.open(&jeton, &request(&[]))).await;
    answer.code();
    assert_eq!(executed, OF_SIGNED_IN);
}

/// row 108: the consent must cover the scope when the code is exchanged, value by value and with regard to case.
#[tokio::test]
async fn a_code_is_refused_when_the_consent_covers_its_scope_no_more() {
    let jeton = start("required").await;
    let store = &jeton.server.store;
    let alice = user::find_by_username(store, ALICE.0)
        .await
        .unwrap()
        .unwrap();
    let cause = Cause {
        at: jeton.server.clock.now(),
        actor: Actor::User(alice.id),
        device: Device::default(),
    };
    let browser = Browser::default();
    let query = request(&[("scope", "read")]);
    for (scope, is_covered) in [
        ("READ", false),
        ("write reader", false),
        ("write", false),
        ("a read b", true),
        ("write read", true),
        ("read", true),
    ] {
        let code = sign_in(&jeton, &browser, &query).await.code();
        let withdrawn = consent::withdraw(store, alice.id, "app", &cause).await;
        assert!(withdrawn.unwrap().is_some());
        let scope = Scope::from_stored(scope);
        assert!(
            consent::give(store, alice.id, "app", &scope, &cause)
                .await
                .unwrap()
        );
        let answer = jeton.redeem(&code).await;
        if is_covered {
            answer.tokens();
        } else {
            answer.assert_error(400, "invalid_grant");
        }
        consent::withdraw(store, alice.id, "app", &cause)
            .await
            .unwrap();
    }
}
