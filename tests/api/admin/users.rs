use std::time::Duration;

use futures_util::stream;
use jeton::audit::Action;
use poem::http::Method;
use poem::{Body, Request};
use serde_json::{Value, json};

use super::{Admin, assert_problem};
use crate::support::{ALICE, Answer};

const PATH: &str = "/admin/users";
const BOB: (&str, &str) = ("bob", "correct horse battery staple too");

async fn create(admin: &Admin, username: &str) -> Value {
    let body = json!({"username": username, "password": BOB.1});
    let answer = admin.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let users = json["users"].as_array().unwrap();
    let name = |user: &Value| user["username"].as_str().unwrap().to_owned();
    users.iter().map(name).collect()
}

async fn sign_in(admin: &Admin, who: (&str, &str)) -> Answer {
    let parameters = [
        ("grant_type", "password"),
        ("username", who.0),
        ("password", who.1),
    ];
    admin.jeton.token(&parameters).await
}

/// "If one or more resources has been created on the origin server as a result of successfully
/// processing a POST request, the origin server SHOULD send a 201 (Created) response containing a
/// Location header field", RFC 9110 §9.3.3.
#[tokio::test]
async fn a_user_is_created_read_and_signs_in() {
    let admin = Admin::start().await;
    let body = json!({"username": "Bob", "password": BOB.1, "roles": ["reader", "reader"]});
    let answer = admin.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let mut json = answer.json();
    let path = format!("{PATH}/{}", json["id"].as_str().unwrap());
    let location = answer.header("location").unwrap();
    assert!(location.ends_with(&path), "{location}");
    let read = admin.get(&path).await;
    assert_eq!(read.json(), json);
    assert_eq!(read.header("etag"), answer.header("etag"));
    json["id"] = "[uuid]".into();
    insta::assert_json_snapshot!(json, @r#"
    {
      "id": "[uuid]",
      "username": "bob",
      "roles": [
        "reader"
      ],
      "disabled": false,
      "created_at": 1767225600
    }
    "#);
    sign_in(&admin, BOB).await.tokens();
    let event = admin.jeton.audit_event(Action::UserUpdated).await;
    assert_eq!(event.actor_kind, "system");
    let events = admin.jeton.audit_events(Action::UserCreated).await;
    let event = events
        .iter()
        .find(|event| event.actor_kind == "user")
        .unwrap();
    assert_eq!(event.actor_id, Some(admin.id.to_string()));
    assert!(!event.detail.contains(BOB.1));
}

#[tokio::test]
async fn a_user_may_bring_the_hash_of_a_password_along() {
    let admin = Admin::start().await;
    // "U*U", from the test vectors of the first implementation.
    let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let body = json!({"username": "bob", "password_hash": hash});
    assert_eq!(admin.post(PATH, body).await.status, 201);
    sign_in(&admin, ("bob", "U*U")).await.tokens();
    for (body, field) in [
        (
            json!({"username": "eve", "password_hash": "x"}),
            "password_hash",
        ),
        (json!({"username": "eve"}), "password"),
        (
            json!({"username": "eve", "password": BOB.1, "password_hash": hash}),
            "password",
        ),
    ] {
        assert_problem(&admin.post(PATH, body).await, 422, &[field]);
    }
}

#[tokio::test]
async fn what_a_user_cannot_be_is_refused_by_the_name_of_the_field() {
    let admin = Admin::start().await;
    let many: Vec<String> = (0..10_000).map(|n| format!("role-{n}")).collect();
    let body = json!({"username": "bob", "password": BOB.1, "roles": many});
    assert_problem(&admin.post(PATH, body).await, 413, &[]);
    for (name, value) in [
        ("username", json!("")),
        ("username", json!("a b")),
        ("username", json!("a\u{0}b")),
        ("username", json!("a\u{7}")),
        ("username", json!("\u{202e}bob")),
        ("username", json!("bob\u{200f}")),
        ("username", json!("x".repeat(300))),
        ("username", json!("x".repeat(10_000))),
        ("username", json!(7)),
        ("username", Value::Null),
        ("roles", json!(many[..51])),
        ("roles", json!(["a b"])),
        ("roles", json!(["\u{202e}nimda"])),
        ("roles", json!([""])),
        ("roles", json!("admin")),
        ("rolls", json!([])),
        ("password", json!("")),
        ("password", json!("password1234567")),
        ("password", json!(7)),
        ("id", json!("x")),
    ] {
        let mut body = json!({"username": "bob", "password": BOB.1});
        body[name] = value.clone();
        let answer = admin.post(PATH, body).await;
        assert_problem(&answer, 422, &[name]);
    }
    let answer = admin
        .post(PATH, json!({"username": "ALICE", "password": BOB.1}))
        .await;
    assert_problem(&answer, 409, &[]);
    for body in ["", "{", "[]", "null", "\"bob\"", "{}{}"] {
        let answer = admin.send(Method::POST, PATH, body, None).await;
        assert!(matches!(answer.status.as_u16(), 400 | 415 | 422), "{body}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    assert_eq!(names(&admin.get(PATH).await), ["alice", "root"]);
}

/// SQL's wildcards are letters like others.
#[tokio::test]
async fn users_are_searched_by_part_of_the_name_role_and_state() {
    let admin = Admin::start().await;
    for name in ["anna_b", "annaxb", "an%na", "bert!"] {
        create(&admin, name).await;
    }
    for (query, found) in [
        ("search=anna", &["anna_b", "annaxb"][..]),
        ("search=NNA", &["anna_b", "annaxb"]),
        ("search=a_b", &["anna_b"]),
        ("search=%25", &["an%na"]),
        ("search=!", &["bert!"]),
        ("search=%27%20OR%201=1", &[]),
        ("search=%5C", &[]),
        ("role=jeton:admin", &["root"]),
        ("role=adm", &[]),
        ("role=%25", &[]),
        ("disabled=true", &[]),
        ("disabled=false&search=root", &["root"]),
    ] {
        let answer = admin.get(&format!("{PATH}?{query}")).await;
        assert_eq!(names(&answer), found, "{query}");
    }
    let first = admin.get(&format!("{PATH}?limit=4")).await;
    assert_eq!(names(&first), ["alice", "an%na", "anna_b", "annaxb"]);
    let json = first.json();
    let cursor = json["next_cursor"].as_str().unwrap();
    create(&admin, "aaron").await;
    let second = admin.get(&format!("{PATH}?limit=4&cursor={cursor}")).await;
    assert_eq!(names(&second), ["bert!", "root"]);
    assert!(second.json().get("next_cursor").is_none());
    let answer = admin.get(&format!("{PATH}?search=a&cursor={cursor}")).await;
    assert_problem(&answer, 422, &["cursor"]);
}

/// "An origin server MUST NOT perform the requested method if the received If-Match condition
/// evaluates to false", RFC 9110 §13.1.1.
#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let admin = Admin::start().await;
    let id = create(&admin, "bob").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{PATH}/{id}");
    let answer = admin.get(&path).await;
    let seen = answer.header("etag").unwrap();
    let body = json!({"roles": ["reader"]});
    let changed = admin.patch(&path, body, Some(seen)).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["roles"], json!(["reader"]));
    let now = changed.header("etag").unwrap();
    assert_ne!(now, seen);
    let body = json!({"roles": ["writer"]});
    for stale in [seen, "\"x\"", "W/\"1\"", ""] {
        let answer = admin.patch(&path, body.clone(), Some(stale)).await;
        assert_problem(&answer, 412, &[]);
        let answer = admin.send(Method::DELETE, &path, "", Some(stale)).await;
        assert_problem(&answer, 412, &[]);
    }
    assert_eq!(admin.get(&path).await.json()["roles"], json!(["reader"]));
    // What changes nothing is no new state.
    let answer = admin.patch(&path, json!({"roles": ["reader"]}), None).await;
    assert_eq!(answer.header("etag"), Some(now));
    // A sign-in is none either, also one that replaces the hash.
    sign_in(&admin, BOB).await.tokens();
    let several = format!("{seen}, {now}");
    let answer = admin.patch(&path, body, Some(&several)).await;
    assert_eq!(answer.status, 200);
    let answer = admin.send(Method::DELETE, &path, "", Some("*")).await;
    assert_eq!(answer.status, 204);
}

/// The state may change between the look at it and the change.
#[tokio::test]
async fn of_two_who_saw_the_same_state_one_changes_it() {
    let admin = Admin::start().await;
    let id = create(&admin, "bob").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{PATH}/{id}");
    let seen = admin.get(&path).await.header("etag").unwrap().to_owned();
    let change = |role: &str| admin.patch(&path, json!({"roles": [role]}), Some(&seen));
    let (one, other) = tokio::join!(change("reader"), change("writer"));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let winner = if one.status == 200 { one } else { other };
    assert_eq!(admin.get(&path).await.json(), winner.json());
}

#[tokio::test]
async fn to_disable_and_to_rename_take_effect_at_once() {
    let admin = Admin::start().await;
    let id = create(&admin, "bob").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{PATH}/{id}");
    let tokens = sign_in(&admin, BOB).await.tokens();
    let body = json!({"username": "Robert", "disabled": true});
    let answer = admin.patch(&path, body, None).await;
    let json = answer.json();
    assert_eq!(json["username"], "robert");
    assert_eq!(json["disabled"], true);
    assert_eq!(json["disabled_at"], 1_767_225_600);
    admin.jeton.assert_refresh_refused(&tokens).await;
    let robert = ("robert", BOB.1);
    sign_in(&admin, robert)
        .await
        .assert_error(400, "invalid_grant");
    let answer = admin.patch(&path, json!({"disabled": false}), None).await;
    assert_eq!(answer.json()["disabled"], false);
    sign_in(&admin, robert).await.tokens();
    sign_in(&admin, BOB)
        .await
        .assert_error(400, "invalid_grant");
    let answer = admin.patch(&path, json!({"username": ALICE.0}), None).await;
    assert_problem(&answer, 409, &[]);
    for body in [
        json!({"password": "x"}),
        json!({"disabled": "yes"}),
        json!({"roles": [1]}),
    ] {
        let name = body.as_object().unwrap().keys().next().unwrap().clone();
        let answer = admin.patch(&path, body, None).await;
        assert_eq!(answer.status, 422);
        let field = answer.json()["errors"][0]["field"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(field.starts_with(&name), "{field}");
    }
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_and_the_old_password() {
    let admin = Admin::start().await;
    let id = create(&admin, "bob").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let tokens = sign_in(&admin, BOB).await.tokens();
    let password = "another horse, another battery";
    let path = format!("{PATH}/{id}/password");
    let answer = admin.put(&path, json!({"password": password})).await;
    assert_eq!(answer.json()["sessions_ended"], 1);
    admin.jeton.assert_refresh_refused(&tokens).await;
    sign_in(&admin, BOB)
        .await
        .assert_error(400, "invalid_grant");
    sign_in(&admin, ("bob", password)).await.tokens();
    let answer = admin.put(&path, json!({})).await;
    assert_problem(&answer, 422, &["password"]);
    sign_in(&admin, ("bob", password)).await.tokens();
    let answer = admin.delete(&format!("{PATH}/{id}/sessions")).await;
    assert_eq!(answer.json()["sessions_ended"], 2);
}

/// row 20: an operator unlocks a user, or sets a password.
#[tokio::test]
async fn unlocking_or_a_new_password_lifts_the_throttling_of_a_user() {
    let admin = Admin::start().await;
    let id = create(&admin, "bob").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let fail = async || {
        while sign_in(&admin, ("bob", "wrong")).await.status != 429 {}
    };
    fail().await;
    let unlock = format!("{PATH}/{id}/failed-sign-ins");
    for _ in 0..2 {
        assert_eq!(admin.delete(&unlock).await.status, 204);
    }
    sign_in(&admin, BOB).await.tokens();
    fail().await;
    let body = json!({"password": BOB.1});
    admin.put(&format!("{PATH}/{id}/password"), body).await;
    sign_in(&admin, BOB).await.tokens();
}

/// "repeated requests with the same method [...] have the same intended effect", RFC 9110 §9.2.2;
/// that it was done is another answer than that there is nothing to do it to.
#[tokio::test]
async fn what_is_gone_is_not_found() {
    let admin = Admin::start().await;
    let id = create(&admin, "bob").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let tokens = sign_in(&admin, BOB).await.tokens();
    let path = format!("{PATH}/{id}");
    assert_eq!(admin.delete(&path).await.status, 204);
    admin.jeton.assert_refresh_refused(&tokens).await;
    let password = json!({"password": BOB.1});
    for answer in [
        admin.get(&path).await,
        admin.delete(&path).await,
        admin.patch(&path, json!({}), None).await,
        admin.put(&format!("{path}/password"), password).await,
        admin.delete(&format!("{path}/sessions")).await,
        admin.delete(&format!("{path}/failed-sign-ins")).await,
        admin.get(&format!("{PATH}/bob")).await,
    ] {
        assert_problem(&answer, 404, &[]);
    }
    let answer = admin.send(Method::PUT, &path, "", None).await;
    assert_problem(&answer, 405, &[]);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, PATCH, DELETE"));
}

/// As in the store, the last administrator stays.
#[tokio::test]
async fn the_last_admin_stays() {
    let admin = Admin::start().await;
    let path = format!("{PATH}/{}", admin.id);
    for body in [json!({"roles": []}), json!({"disabled": true})] {
        assert_problem(&admin.patch(&path, body, None).await, 409, &[]);
    }
    assert_problem(&admin.delete(&path).await, 409, &[]);
    assert_eq!(admin.get(&path).await.status, 200);
}

/// To say nothing of a field is to leave it out: null would be taken for "remove it" by one, and for "leave
/// it" by another.
#[tokio::test]
async fn null_is_no_value_of_a_field() {
    let admin = Admin::start().await;
    let path = format!("/admin/users/{}", admin.id);
    for field in ["username", "roles", "disabled"] {
        let answer = admin.patch(&path, json!({ field: null }), None).await;
        assert_problem(&answer, 422, &[field]);
    }
    let answer = admin.get(&path).await;
    assert_eq!(answer.header("etag"), Some("\"1\""), "{}", answer.body);
    for field in ["password", "password_hash", "roles"] {
        let answer = admin
            .post("/admin/users", json!({ "username": "x", field: null }))
            .await;
        assert_problem(&answer, 422, &[field]);
    }
    let path = "/admin/clients/console/secrets";
    let answer = admin.post(path, json!({ "expires_in": null })).await;
    assert_problem(&answer, 422, &["expires_in"]);
}

/// Readers of the revoked sessions look back by a minute from the newest one.
#[tokio::test]
async fn sessions_are_revoked_at_the_time_of_the_change_however_slowly_the_request_arrived() {
    let admin = Admin::start().await;
    let id = create(&admin, "bob").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let tokens = sign_in(&admin, BOB).await.tokens();
    let (clock, start) = (admin.jeton.server.clock.clone(), admin.jeton.now());
    let slow = Duration::from_secs(55);
    let body = stream::once(async move {
        clock.set(clock.now().plus(slow));
        Ok::<_, std::io::Error>(json!({"disabled": true}).to_string())
    });
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(format!("{PATH}/{id}").parse().unwrap())
        .header("authorization", format!("Bearer {}", admin.token))
        .content_type("application/json")
        .body(Body::from_bytes_stream(body));
    let answer = admin.jeton.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let revoked_at = admin.jeton.session(&tokens).await.revoked_at;
    assert_eq!(revoked_at, Some(start.plus(slow)));
}
