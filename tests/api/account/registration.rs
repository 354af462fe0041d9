use std::time::Duration;

use futures_util::future::join_all;
use jeton::audit::Action;
use jeton::config::{RegistrationPolicy, Settings};
use jeton::store::user;
use poem::http::Method;
use serde_json::{Value, json};

use crate::api::admin::assert_problem;
use crate::support::peer::{credentials, json as json_request, sent_from};
use crate::support::{ALICE, Answer, Jeton, SECRET, claims};

const PASSWORD: &str = "orbit velvet cactus mumble";
const HOME: &str = "203.0.113.9";
/// `sign_in.address_burst`.
const BURST: usize = 100;

async fn start() -> Jeton {
    start_with(|_| {}).await
}

async fn start_with(change: impl FnOnce(&mut Settings)) -> Jeton {
    Jeton::with(|settings| {
        settings.account.registration = RegistrationPolicy::Open;
        change(settings);
    })
    .await
}

async fn register(jeton: &Jeton, body: Value) -> Answer {
    register_from(jeton, HOME, body).await
}

async fn register_from(jeton: &Jeton, address: &str, body: Value) -> Answer {
    let mut request = json_request(Method::POST, "/account", "", &body.to_string());
    let headers = request.headers_mut();
    headers.insert("user-agent", "curl/8".parse().unwrap());
    jeton.send(sent_from(address, request)).await
}

fn new_account(username: &str) -> Value {
    json!({"username": username, "password": PASSWORD})
}

async fn exists(jeton: &Jeton, username: &str) -> bool {
    let found = user::find_by_username(&jeton.server.store, username).await;
    found.unwrap().is_some()
}

#[tokio::test]
async fn registration_is_closed_by_default() {
    let jeton = Jeton::start().await;
    let answer = register(&jeton, new_account("bob")).await;
    assert_problem(&answer, 403, &[]);
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "title": "Forbidden",
      "status": 403,
      "detail": "Registration is closed. Ask the operator of this server for an account."
    }
    "#);
    assert!(!exists(&jeton, "bob").await);
    // A closed registration does not reveal usernames.
    let taken = register(&jeton, new_account(ALICE.0)).await;
    assert_eq!((taken.status, taken.body), (answer.status, answer.body));
}

#[tokio::test]
async fn a_user_registers_and_signs_in() {
    let jeton = start().await;
    let answer = register(&jeton, new_account("Bob.Builder@Example.com")).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let json = answer.json();
    assert_eq!(json["username"], "bob.builder@example.com");
    let sign_in = credentials("bob.builder@example.com", PASSWORD);
    let tokens = jeton.token(&sign_in).await.tokens();
    let claims = claims(&tokens.access_token);
    assert_eq!(claims["sub"], json["sub"]);
    assert_eq!(claims.get("roles"), None);

    let bob = tokens.user();
    let events = jeton.audit_events(Action::UserCreated).await;
    let row = events.iter().find(|row| row.user_id == Some(bob)).unwrap();
    assert_eq!((&*row.actor_kind, &*row.address), ("client", HOME));
    assert_eq!(row.actor_id.as_deref(), Some("first-party"));
    assert_eq!(row.user_agent, "curl/8");
    assert_eq!(
        row.detail,
        r#"{"roles":"","username":"bob.builder@example.com"}"#
    );
}

/// In any spelling, and by concurrent requests.
#[tokio::test]
async fn a_username_is_registered_once() {
    let jeton = start().await;
    for taken in ["alice", "ALICE", "ａｌｉｃｅ"] {
        let answer = register(&jeton, new_account(taken)).await;
        assert_problem(&answer, 409, &[]);
        assert_eq!(answer.json()["detail"], "That name is taken.");
    }
    jeton.token(&credentials(ALICE.0, ALICE.1)).await.tokens();
    let requests = ["bob", "Bob", "BOB"].map(|name| register(&jeton, new_account(name)));
    let mut statuses: Vec<_> = join_all(requests)
        .await
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
}

/// Control characters, direction overrides, invisible characters and mixed directions: RFC 8264 §4.2.3,
/// §9; RFC 5893 §2.
#[tokio::test]
async fn a_username_with_deceptive_characters_is_refused() {
    let jeton = start().await;
    for username in [
        "",
        "bob\u{0}",
        "bob\nbuilder",
        "bob\r",
        "bob\u{1b}[31m",
        "bob\u{7f}",
        "bob\u{9b}31m",
        "\u{202e}bob",
        "b\u{200f}ob",
        "b\u{2066}ob\u{2069}",
        "b\u{200b}ob",
        "b\u{ad}ob",
        "\u{feff}bob",
        "bob\u{2028}",
        "bob builder",
        "bob\u{5d1}",
        "b\u{e000}ob",
        "🦀",
        &"b".repeat(256),
    ] {
        let answer = register(&jeton, new_account(username)).await;
        assert_problem(&answer, 422, &["username"]);
        assert!(
            username.is_empty() || !answer.body.contains(username),
            "{}",
            answer.body
        );
    }
    assert_eq!(jeton.audit_events(Action::UserCreated).await.len(), 1);
    let answer = register(&jeton, new_account("דוד")).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// NIST SP 800-63B-4 §3.1.1.2, and context-specific words: "the username, and derivatives thereof".
#[tokio::test]
async fn a_weak_password_is_refused_and_creates_no_account() {
    let jeton = start().await;
    for weak in ["", "fourteen chars", "passwordpassword", "Bob.The.Builder"] {
        let body = json!({"username": "bob.the.builder", "password": weak});
        let answer = register(&jeton, body).await;
        assert_problem(&answer, 422, &["password"]);
    }
    assert!(!exists(&jeton, "bob.the.builder").await);
    let lax = start_with(|settings| {
        settings.password.min_length = 8;
        settings.password.min_score = 0;
    })
    .await;
    let body = json!({"username": "bob", "password": "password"});
    assert_eq!(register(&lax, body).await.status, 201);
}

/// row 20, row 38: registration reveals taken usernames, so one address may try one a second.
#[tokio::test]
async fn an_address_that_registers_often_is_throttled() {
    let jeton = start().await;
    for number in 0..BURST {
        let (body, expected) = match number % 3 {
            0 => (new_account(ALICE.0), 409),
            1 => (json!({"username": "bob", "password": "weak"}), 422),
            _ => (new_account(&format!("bob-{number}")), 201),
        };
        let answer = register(&jeton, body).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
    for username in [ALICE.0, "carol"] {
        let answer = register(&jeton, new_account(username)).await;
        assert_problem(&answer, 429, &[]);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    let row = jeton.audit_event(Action::SignInThrottled).await;
    assert_eq!(row.detail, r#"{"by":"address","retry_after":1}"#);
    let other = register_from(&jeton, "203.0.113.8", new_account("carol")).await;
    assert_eq!(other.status, 201);
    jeton.advance(Duration::from_secs(1));
    assert_eq!(register(&jeton, new_account("dave")).await.status, 201);
    let answer = register(&jeton, new_account("erin")).await;
    assert_problem(&answer, 429, &[]);
}

/// row 38: a request without a free hasher thread is not counted.
#[tokio::test]
async fn a_registration_at_a_busy_server_is_503_and_not_counted() {
    let jeton = start_with(|settings| {
        settings.password.queue = 1;
        settings.sign_in.address_burst = 4;
    })
    .await;
    let requests = async {
        for number in 0..8 {
            let answer = register(&jeton, new_account(&format!("bob-{number}"))).await;
            assert_problem(&answer, 503, &[]);
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    };
    jeton.with_hasher_full(requests).await;
    for number in 0..4 {
        let answer = register(&jeton, new_account(&format!("carol-{number}"))).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    assert_problem(&register(&jeton, new_account("dave")).await, 429, &[]);
}

/// row 39.
#[tokio::test]
async fn a_registration_is_readable_by_pages_of_the_client_that_it_names() {
    let jeton = start().await;
    for (id, secret) in [("app", None), ("backend", Some(SECRET)), ("gone", None)] {
        jeton.add_client(id, secret, |_| {}).await;
        jeton
            .set_origins(id, &[&format!("https://{id}.test")])
            .await;
    }
    jeton
        .change_client("gone", json!({ "disabled": true }))
        .await;
    let register = async |username: &str, client_id: &str, origin: &str| {
        let body = json!({"username": username, "password": PASSWORD, "client_id": client_id});
        let mut request = json_request(Method::POST, "/account", "", &body.to_string());
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().unwrap());
        jeton.send(request).await
    };
    let own = "https://app.test";
    let readable = |answer: &Answer| answer.header("access-control-allow-origin") == Some(own);
    let answer = register("bob", "app", own).await;
    assert!(answer.status == 201 && readable(&answer), "{answer:?}");
    let answer = register("bob", "app", own).await;
    assert!(answer.status == 409 && readable(&answer), "{answer:?}");
    let answer = register("carol", "app", "https://backend.test").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    for client_id in ["backend", "gone", "unknown", ""] {
        let answer = register("dave", client_id, own).await;
        assert_problem(&answer, 422, &["client_id"]);
        assert!(readable(&answer), "{answer:?}");
    }
    assert!(!exists(&jeton, "dave").await);
}

#[tokio::test]
async fn without_a_default_client_a_registration_names_one() {
    let jeton = start_with(|settings| settings.default_client.clear()).await;
    let answer = register(&jeton, new_account("bob")).await;
    assert_problem(&answer, 422, &["client_id"]);
    let mut body = new_account("bob");
    body["client_id"] = "first-party".into();
    assert_eq!(register(&jeton, body).await.status, 201);
}

/// A user cannot register with a role.
#[tokio::test]
async fn an_unknown_field_is_refused_by_name() {
    let jeton = start().await;
    for (field, value) in [("roles", json!(["admin"])), ("sub", json!("x"))] {
        let mut body = new_account("bob");
        body[field] = value;
        assert_problem(&register(&jeton, body).await, 422, &[field]);
    }
    let body = json!({"username": "bob", "password": 271_828_182_845_904_u64});
    let answer = register(&jeton, body).await;
    assert_problem(&answer, 422, &["password"]);
    assert!(!answer.body.contains("2718"), "{}", answer.body);
    assert!(!exists(&jeton, "bob").await);
}
