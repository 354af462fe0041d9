use jeton::audit::Action;
use serde_json::json;

use super::{Admin, assert_problem};

const PATH: &str = "/admin/users";
const ID: &str = "550e8400-e29b-41d4-a716-446655440000";
const PASSWORD: &str = "four random words together";
/// Of "U*U", from the test vectors of the first implementation.
const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// Other systems know the user by the `sub` of tokens: "The sub (subject) claim identifies the principal", RFC 7519
/// §4.1.2.
#[tokio::test]
async fn a_user_may_bring_the_id_and_the_time_of_creation_along() {
    let admin = Admin::start().await;
    let body =
        json!({"username": "bob", "password_hash": HASH, "id": ID, "created_at": 1_000_000_000});
    let answer = admin.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.json()["id"], ID);
    let read = admin.get(&format!("{PATH}/{ID}")).await.json();
    assert_eq!(read, answer.json());
    assert_eq!(read["created_at"], 1_000_000_000);
    let parameters = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "U*U"),
    ];
    let tokens = admin.jeton.token(&parameters).await.tokens();
    let session = admin.jeton.session(&tokens).await;
    assert_eq!(session.user_id.to_string(), ID);
}

#[tokio::test]
async fn a_user_may_be_disabled_from_the_start() {
    let admin = Admin::start().await;
    let body = json!({"username": "bob", "password": PASSWORD, "disabled": true});
    let answer = admin.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["disabled"], true);
    assert_eq!(json["disabled_at"], json["created_at"]);
    let parameters = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", PASSWORD),
    ];
    let answer = admin.jeton.token(&parameters).await;
    answer.assert_error(400, "invalid_grant");
    let events = admin.jeton.audit_events(Action::UserCreated).await;
    let is_of_bob = |detail: &str| detail.contains("bob") && detail.contains(r#""disabled":true"#);
    assert!(events.iter().any(|event| is_of_bob(&event.detail)));
}

#[tokio::test]
async fn an_id_belongs_to_one_user() {
    let admin = Admin::start().await;
    let body = |name: &str, id: &str| json!({"username": name, "password_hash": HASH, "id": id});
    assert_eq!(admin.post(PATH, body("bob", ID)).await.status, 201);
    for (name, id) in [("eve", ID.to_owned()), ("eve", admin.id.to_string())] {
        assert_problem(&admin.post(PATH, body(name, &id)).await, 409, &[]);
    }
    let found = admin.get(&format!("{PATH}?search=eve")).await.json();
    assert_eq!(found["users"], json!([]));
}

#[tokio::test]
async fn what_is_no_id_and_no_past_time_is_refused_by_the_name_of_the_field() {
    let admin = Admin::start().await;
    for (field, value) in [
        ("id", json!("7")),
        ("id", json!(7)),
        ("id", json!(null)),
        ("disabled", json!("true")),
        ("disabled", json!(null)),
        ("created_at", json!(-1)),
        ("created_at", json!(1.5)),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("created_at", json!(1_767_225_600_000_i64)),
        ("created_at", json!(i64::MAX)),
        ("created_at", json!(null)),
    ] {
        let mut body = json!({"username": "eve", "password_hash": HASH});
        body[field] = value;
        assert_problem(&admin.post(PATH, body).await, 422, &[field]);
    }
    let found = admin.get(&format!("{PATH}?search=eve")).await.json();
    assert_eq!(found["users"], json!([]));
}
