use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::key::StoredKey;
use jeton::store::user::{self, Change, UserError};
use jeton::store::{audit_event, signing_key};
use poem::Request;
use poem::http::{HeaderValue, Method};
use serde_json::json;
use uuid::Uuid;

use crate::api::admin::{Admin, ROOT, assert_problem, give_roles, sign_in};
use crate::support::file::DataDir;
use crate::support::peer;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START};

const USERS: &str = "/admin/users";
const PASSWORD: &str = "orbit velvet cactus mumble";

fn count(answer: &Answer) -> usize {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["users"].as_array().unwrap().len()
}

/// Roles are case-sensitive, as in tokens and APIs: a user with the role `Admin` cannot
/// administer, and does not replace the last administrator.
#[tokio::test]
async fn a_role_that_differs_in_case_is_another_role() {
    let admin = Admin::start().await;
    let (store, cause) = (&admin.jeton.server.store, admin.jeton.cause());
    let other = admin.jeton.add_user("other", "x").await;
    for roles in [
        "jeton:Admin",
        "Jeton:admin reader",
        "reader JETON:ADMIN",
        "reader jeton:aDmin writer",
    ] {
        give_roles(&admin.jeton, other, roles).await;
        for change in [Change::DISABLE, Change::Delete] {
            let refused = user::change(store, admin.id, change, &cause).await;
            assert!(matches!(refused, Err(UserError::LastAdmin)), "{roles}");
        }
        let found = admin.get(&format!("{USERS}?role=jeton:admin")).await;
        assert_eq!(count(&found), 1, "{roles}");
    }
    for roles in [
        "jeton:admin",
        "jeton:admin reader",
        "reader jeton:admin",
        "a jeton:admin z",
    ] {
        give_roles(&admin.jeton, other, roles).await;
        let found = admin.get(&format!("{USERS}?role=jeton:admin")).await;
        assert_eq!(count(&found), 2, "{roles}");
    }
}

/// Two administrators who take the role from each other at once, each by a request that was let in: one
/// of them keeps it.
#[tokio::test]
async fn two_administrators_do_not_take_the_role_from_each_other() {
    for body in [json!({"roles": []}), json!({"disabled": true})] {
        let admin = Admin::start().await;
        let other = admin.jeton.add_user("other", ROOT.1).await;
        give_roles(&admin.jeton, other, "jeton:admin").await;
        let token = sign_in(&admin.jeton, ("other", ROOT.1), Some("admin")).await;
        let ask = async |id: Uuid, token: &str| {
            let path = format!("{USERS}/{id}");
            let request = peer::json(Method::PATCH, &path, token, &body.to_string());
            admin.jeton.send(request).await.status.as_u16()
        };
        let (one, two) = tokio::join!(ask(other, &admin.token), ask(admin.id, &token));
        let mut statuses = [one, two];
        statuses.sort_unstable();
        assert!(matches!(statuses, [200, 401 | 403 | 409]), "{statuses:?}");
        let mut left = 0;
        for id in [admin.id, other] {
            let row = user::find(&admin.jeton.server.store, id).await.unwrap();
            left += usize::from(row.unwrap().is_admin());
        }
        assert_eq!(left, 1);
    }
}

/// The document promises objects: an array of what would be their fields is none, whatever the reader
/// makes of it.
#[tokio::test]
async fn a_key_is_not_rotated_by_an_array() {
    let admin = Admin::start().await;
    for body in ["[]", "[true]", " [ false ]"] {
        let answer = admin.send(Method::POST, "/admin/keys", body, None).await;
        assert_problem(&answer, 400, &[]);
    }
    let keys = admin.get("/admin/keys").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}

/// 415, RFC 9110 §15.5.16: what a form on any page can send without being
/// asked (Fetch, "CORS-safelisted request-header") changes nothing.
#[tokio::test]
async fn a_body_that_is_not_called_json_is_not_read() {
    let admin = Admin::start().await;
    let body = json!({"username": "bob", "password": PASSWORD}).to_string();
    let ask = async |content_type: &str| {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(USERS.parse().unwrap())
            .header("authorization", format!("Bearer {}", admin.token));
        if !content_type.is_empty() {
            request = request.content_type(content_type);
        }
        admin.jeton.send(request.body(body.clone())).await
    };
    for other in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json, text/plain",
    ] {
        assert_problem(&ask(other).await, 415, &[]);
    }
    for own in ["Application/JSON; charset=utf-8", "application/json;"] {
        let status = ask(own).await.status;
        assert!(matches!(status.as_u16(), 201 | 409), "{own}: {status}");
    }
}

/// "No character has a special meaning", and SQLite ends a pattern at the first NUL.
#[tokio::test]
async fn a_name_or_role_with_a_nul_does_not_exist() {
    let admin = Admin::start().await;
    for query in [
        "search=%00",
        "search=a%00",
        "search=%00a",
        "role=%00",
        "role=jeton:admin%00",
    ] {
        assert_eq!(
            count(&admin.get(&format!("{USERS}?{query}")).await),
            0,
            "{query}"
        );
    }
}

/// Names have 255 bytes at most, and SQLite fails on a pattern of more than 50,000.
#[tokio::test]
async fn a_name_that_is_too_long_does_not_exist() {
    let admin = Admin::start().await;
    for letter in ["a", "_", "!", "%C4%B0"] {
        let query = format!("search={}", letter.repeat(60_000 / letter.len()));
        assert_eq!(
            count(&admin.get(&format!("{USERS}?{query}")).await),
            0,
            "{letter}"
        );
        let clients = admin.get(&format!("/admin/clients?{query}")).await;
        assert_eq!(clients.json()["clients"], json!([]), "{letter}");
    }
    let longest = "a".repeat(255);
    admin.jeton.add_user(&longest, "x").await;
    let found = admin.get(&format!("{USERS}?search={longest}")).await;
    assert_eq!(count(&found), 1);
    for filter in ["role", "cursor"] {
        let query = format!("{filter}={}", "a".repeat(60_000));
        let status = admin.get(&format!("{USERS}?{query}")).await.status;
        assert!(status == 200 || status == 422, "{filter}: {status}");
    }
}

/// Ids that order by time have 48 bits for it: what is later wrapped around to 1970.
#[tokio::test]
async fn all_that_happened_was_before_the_end_of_time() {
    let admin = Admin::start().await;
    let events = async |query: &str| {
        let answer = admin.get(&format!("/admin/audit-events?{query}")).await;
        answer.json()["audit_events"].as_array().unwrap().len()
    };
    let all = events("").await;
    assert!(all > 0);
    for seconds in [281_474_976_710_i64, 281_474_976_711, 9_223_372_036_854] {
        assert_eq!(events(&format!("since={seconds}")).await, 0, "{seconds}");
        assert_eq!(events(&format!("until={seconds}")).await, all, "{seconds}");
    }
    for seconds in [9_223_372_036_855, i64::MAX, i64::MIN, -1] {
        let answer = admin
            .get(&format!("/admin/audit-events?since={seconds}"))
            .await;
        assert_problem(&answer, 422, &["since"]);
    }
}

/// "etagc = %x21 / %x23-7E / obs-text", RFC 9110 §8.8.3: a tag that is not ASCII is one, and not ours;
/// and a field may come in several lines (§5.3). A condition that is not understood does not hold.
#[tokio::test]
async fn every_line_of_if_match_is_read() {
    let admin = Admin::start().await;
    let id = admin.jeton.add_user("other", "x").await;
    let path = format!("{USERS}/{id}");
    let now = admin.get(&path).await.header("etag").unwrap().to_owned();
    let ask = async |method: Method, lines: &[&[u8]]| {
        let mut request = Request::builder()
            .method(method)
            .uri(path.parse().unwrap())
            .header("authorization", format!("Bearer {}", admin.token))
            .content_type("application/json")
            .body(json!({"roles": ["reader"]}).to_string());
        for line in lines {
            let line = HeaderValue::from_bytes(line).unwrap();
            request.headers_mut().append("if-match", line);
        }
        admin.jeton.send(request).await
    };
    let own = now.as_bytes();
    for lines in [
        &[&b"\"\xe9\""[..]][..],
        &[b"\xff"],
        &[b"", b""],
        &[b"\"x\"", b"\"\xe9\""],
        &[b"\"x\",,", b"W/\"0\""],
    ] {
        for method in [Method::PATCH, Method::DELETE] {
            assert_problem(&ask(method, lines).await, 412, &[]);
        }
    }
    let answer = ask(Method::PATCH, &[b"\"\xe9\", \"x\"", own]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The audit log shows every new administrator: behind roles that fill what is
/// kept of a text, or behind a name that fills the row.
#[tokio::test]
async fn an_administrator_is_not_made_behind_the_back_of_the_audit_log() {
    let admin = Admin::start().await;
    let fillers: Vec<String> = (0..8).map(|n| format!("{n}{}", "\"".repeat(63))).collect();
    let roles = [fillers, vec!["jeton:admin".to_owned()]].concat();
    let name = "\"".repeat(254);
    let body = json!({"username": format!("a{name}"), "roles": roles, "password": PASSWORD});
    let answer = admin.post(USERS, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = json!({"username": "eve", "password": PASSWORD});
    let eve = admin.post(USERS, body).await.json();
    let path = format!("{USERS}/{}", eve["id"].as_str().unwrap());
    let body = json!({"username": format!("b{name}"), "roles": roles});
    let answer = admin.patch(&path, body, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for action in [Action::UserCreated, Action::UserUpdated] {
        let names_role =
            |row: &audit_event::Model| row.detail.contains("\"roles\":\"jeton:admin 0");
        let rows = admin.jeton.audit_events(action).await;
        let row = rows.iter().find(|row| names_role(row));
        assert!(row.is_some(), "{action:?}: {rows:?}");
        assert!(row.unwrap().detail.contains("\"roles_in_all\":9"));
    }
}

/// Two administrators drop all keys at once, each but their own: one of the two is left.
#[tokio::test]
async fn two_who_drop_all_keys_but_their_own_leave_one() {
    let jeton = Jeton::start().await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let regardless = START.plus(Duration::from_secs(1))..=START;
    let only = signing_key::list(store).await.unwrap().remove(0);
    for id in ["one", "other"] {
        let key = StoredKey {
            id: id.to_owned(),
            ..only.clone()
        };
        let inserted = signing_key::insert(store, &key, regardless.clone(), &cause).await;
        assert!(inserted.unwrap());
    }
    let dropped = async |kept| {
        signing_key::revoke_all_but(store, kept, &cause)
            .await
            .unwrap()
    };
    assert_eq!(dropped("one").await, Some(2));
    assert_eq!(dropped("other").await, None);
    assert_eq!(dropped("none").await, None);
    let keys = signing_key::list(store).await.unwrap();
    let left = keys.iter().filter(|key| key.revoked_at.is_none());
    assert_eq!(left.map(|key| &*key.id).collect::<Vec<_>>(), ["one"]);
    jeton.audit_event(Action::KeysRevoked).await;
}

/// Users choose their names: a user who takes the id of another is not shielded by it, and the other is
/// not hit.
#[tokio::test]
async fn a_user_whose_name_is_the_id_of_another_is_not_taken_for_them() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    let alice = jeton.add_user(ALICE.0, ALICE.1).await;
    let eve = jeton.add_user(&alice.to_string(), "x").await;
    let (named, own) = (alice.to_string(), eve.to_string());
    for command in ["show", "disable", "delete"] {
        let refused = data.jeton(&["user", command, &named]).await;
        assert!(!refused.status.success());
        let complaint = String::from_utf8(refused.stderr).unwrap();
        assert!(
            complaint.contains(&own) && complaint.contains(ALICE.0),
            "{complaint}"
        );
    }
    data.jeton_ok(&["user", "disable", &own]).await;
    let is_disabled = async |id| {
        let found = user::find(&jeton.server.store, id).await.unwrap();
        found.unwrap().disabled_at.is_some()
    };
    assert!(is_disabled(eve).await && !is_disabled(alice).await);
    // Where there is no such id, a name is one like others.
    let nil_id = Uuid::nil().to_string();
    jeton.add_user(&nil_id, "x").await;
    data.jeton_ok(&["user", "disable", &nil_id]).await;
    data.jeton_ok(&["user", "disable", ALICE.0]).await;
    assert!(is_disabled(alice).await);
}
