use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Timestamp;
use jeton::store::user;
use serde_json::{Value, json};

use super::{Admin, assert_problem};
use crate::support::{ALICE, START};

const PATH: &str = "/admin/users";

async fn create(admin: &Admin, more: Value) -> Value {
    let mut body = json!({"username": "bob", "password": "four random words together"});
    let members = body.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    let answer = admin.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

/// "If the target resource [...] member's value is null, remove the Name/Value pair", RFC 7396 §2.
#[tokio::test]
async fn a_user_has_a_name_and_an_email_address_until_they_are_null() {
    let admin = Admin::start().await;
    let both = json!({"name": "Bob Example", "email": "bob@example.com"});
    let created = create(&admin, both.clone()).await;
    let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
    let expect = async |name: Option<&str>, email: Option<&str>| {
        let read = admin.get(&path).await.json();
        let listed = admin.get(&format!("{PATH}?search=bob")).await.json()["users"][0].clone();
        assert_eq!(read, listed);
        assert_eq!(read.get("name"), name.map(Value::from).as_ref());
        assert_eq!(read.get("email"), email.map(Value::from).as_ref());
    };
    expect(Some("Bob Example"), Some("bob@example.com")).await;
    for (patch, name, email) in [
        (json!({}), Some("Bob Example"), Some("bob@example.com")),
        (json!({"name": null}), None, Some("bob@example.com")),
        (json!({"email": null, "name": "B"}), Some("B"), None),
        (json!({"name": null}), None, None),
        (both, Some("Bob Example"), Some("bob@example.com")),
    ] {
        let answer = admin.patch(&path, patch, None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        expect(name, email).await;
    }
}

#[tokio::test]
async fn a_user_may_be_created_with_null_for_name_and_email_address() {
    let admin = Admin::start().await;
    let created = create(&admin, json!({"name": null, "email": null})).await;
    assert_eq!(created.get("name"), None);
    assert_eq!(created.get("email"), None);
}

#[tokio::test]
async fn a_malformed_name_or_email_address_is_refused_by_the_name_of_the_field() {
    let admin = Admin::start().await;
    let created = create(&admin, json!({})).await;
    let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(" Bob")),
        ("name", json!("\u{202e}boB")),
        ("name", json!("a\u{0}b")),
        ("name", json!("x".repeat(256))),
        ("name", json!(7)),
        ("email", json!("")),
        ("email", json!("bob")),
        ("email", json!("a@b@c")),
        ("email", json!("bob@example.com\n")),
        ("email", json!(format!("{}@example.com", "x".repeat(300)))),
        ("email", json!(["bob@example.com"])),
    ] {
        let answer = admin.patch(&path, json!({ field: value }), None).await;
        assert_problem(&answer, 422, &[field]);
        let mut body = json!({"username": "eve", "password": "four random words together"});
        body[field] = value;
        assert_problem(&admin.post(PATH, body).await, 422, &[field]);
    }
    assert_eq!(admin.get(&path).await.json(), created);
}

/// The audit log says which fields have changed, not their values.
#[tokio::test]
async fn the_audit_event_of_a_change_does_not_contain_the_name_and_the_email_address() {
    let admin = Admin::start().await;
    let created = create(&admin, json!({})).await;
    let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
    let both = json!({"name": "Bob Example", "email": "bob@example.com"});
    admin.patch(&path, both, None).await;
    let events = admin.jeton.audit_events(Action::UserUpdated).await;
    let event = events.iter().find(|event| event.detail.contains("bob"));
    let event = event.unwrap();
    assert!(
        event.detail.contains(r#""changed":"name email""#),
        "{}",
        event.detail
    );
    assert!(!event.detail.contains("Example") && !event.detail.contains('@'));
    // A change to the same values is none.
    let before = admin.jeton.audit_events(Action::UserUpdated).await.len();
    let same = admin
        .patch(&path, json!({"name": "Bob Example"}), None)
        .await;
    assert_eq!(same.status, 200);
    let after = admin.jeton.audit_events(Action::UserUpdated).await.len();
    assert_eq!(before, after);
}

/// The claim `updated_at` of OpenID Connect Core §5.1.
#[tokio::test]
async fn a_change_of_username_name_or_email_address_sets_the_time_of_the_profile() {
    let admin = Admin::start().await;
    let id = create(&admin, json!({})).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{PATH}/{id}");
    let updated_at = async || -> Timestamp {
        let found = user::find(&admin.jeton.server.store, id.parse().unwrap()).await;
        found.unwrap().unwrap().profile_updated_at()
    };
    assert_eq!(updated_at().await, START);
    let mut expected = START;
    for (patch, is_profile) in [
        (json!({"roles": ["reader"]}), false),
        (json!({"name": "Bob"}), true),
        (json!({"name": "Bob", "disabled": true}), false),
        (json!({"disabled": false}), false),
        (json!({"email": "bob@example.com"}), true),
        (json!({"username": "robert"}), true),
        (json!({"email": null}), true),
    ] {
        admin.jeton.advance(Duration::from_secs(10));
        if is_profile {
            expected = admin.jeton.now();
        }
        let answer = admin.patch(&path, patch.clone(), None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(updated_at().await, expected, "{patch}");
    }
}

#[tokio::test]
async fn a_user_reads_the_own_name_and_email_address() {
    let admin = Admin::start().await;
    let users = admin
        .get(&format!("{PATH}?search={}", ALICE.0))
        .await
        .json();
    let path = format!("{PATH}/{}", users["users"][0]["id"].as_str().unwrap());
    let both = json!({"name": "Alice Example", "email": "alice@example.com"});
    admin.patch(&path, both, None).await;
    let token = admin.jeton.sign_in().await.access_token;
    let account = admin.jeton.get_with("/account", &token).await.json();
    assert_eq!(account["name"], "Alice Example");
    assert_eq!(account["email"], "alice@example.com");
}
