use serde_json::Value;
use uuid::Uuid;

use super::{Admin, assert_problem};
use crate::support::Answer;

const PATH: &str = "/admin/sessions";

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let sessions = json["sessions"].as_array().unwrap();
    let id = |session: &Value| session["id"].as_str().unwrap().to_owned();
    sessions.iter().map(id).collect()
}

#[tokio::test]
async fn sessions_are_searched_and_ended() {
    let admin = Admin::start().await;
    let tokens = admin.jeton.sign_in().await;
    let (id, user) = (tokens.session(), tokens.user());
    let answer = admin.get(&format!("{PATH}?user_id={user}")).await;
    assert_eq!(ids(&answer), [id.to_string()]);
    let mut json = answer.json()["sessions"][0].clone();
    for name in ["id", "user_id"] {
        json[name] = "[uuid]".into();
    }
    insta::assert_json_snapshot!(json, @r#"
    {
      "id": "[uuid]",
      "user_id": "[uuid]",
      "client_id": "first-party",
      "scope": "account read write",
      "audience": [
        "https://jeton.test"
      ],
      "user_agent": "",
      "address": "",
      "signed_in_at": 1767225600,
      "last_used_at": 1767225600,
      "expires_at": 1775001600
    }
    "#);
    let path = format!("{PATH}/{id}");
    assert_eq!(admin.get(&path).await.json()["id"], id.to_string());
    for (query, count) in [
        ("", 2),
        ("client_id=console", 1),
        ("client_id=first-party&active=true", 1),
        ("active=false", 0),
        ("client_id=%25", 0),
    ] {
        let answer = admin.get(&format!("{PATH}?{query}")).await;
        assert_eq!(ids(&answer).len(), count, "{query}");
    }
    assert_eq!(admin.delete(&path).await.status, 204);
    admin.jeton.assert_refresh_refused(&tokens).await;
    assert_eq!(admin.delete(&path).await.status, 204, "it is over already");
    let json = admin.get(&path).await.json();
    assert_eq!(json["ended_because"], "operator");
    assert_eq!(json["ended_at"], json["expires_at"]);
    let answer = admin.get(&format!("{PATH}?active=false")).await;
    assert_eq!(ids(&answer), [id.to_string()]);
}

/// The sessions of a disabled client end before they are marked as revoked.
#[tokio::test]
async fn a_session_of_a_former_epoch_is_not_active() {
    let admin = Admin::start().await;
    let tokens = admin.jeton.sign_in().await;
    let id = tokens.session().to_string();
    for disabled in [true, false] {
        let change = serde_json::json!({ "disabled": disabled });
        admin.jeton.change_client("first-party", change).await;
        let ended = admin.get(&format!("{PATH}?active=false")).await;
        assert_eq!(ids(&ended), [id.as_str()]);
        let active = admin.get(&format!("{PATH}?active=true")).await;
        assert!(!ids(&active).contains(&id));
    }
}

#[tokio::test]
async fn pages_of_sessions_follow_each_other() {
    let admin = Admin::start().await;
    for _ in 0..4 {
        admin.jeton.sign_in().await;
    }
    let whole = ids(&admin.get(PATH).await);
    let mut seen = Vec::new();
    let mut query = "limit=2&active=true".to_owned();
    loop {
        let answer = admin.get(&format!("{PATH}?{query}")).await;
        seen.extend(ids(&answer));
        // The time of the filter goes on from page to page.
        admin.jeton.advance(std::time::Duration::from_secs(1));
        let json = answer.json();
        let Some(cursor) = json["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=2&active=true&cursor={cursor}");
    }
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    let admin = Admin::start().await;
    let unknown = format!("{PATH}/{}", Uuid::from_u128(7));
    assert_problem(&admin.get(&unknown).await, 404, &[]);
    assert_problem(&admin.delete(&unknown).await, 404, &[]);
    let users = admin.get("/admin/users?limit=1").await.json();
    let foreign = users["next_cursor"].as_str().unwrap().to_owned();
    for (query, field) in [
        ("user_id=root".to_owned(), "user_id"),
        ("active=perhaps".to_owned(), "active"),
        (format!("cursor={foreign}"), "cursor"),
    ] {
        let answer = admin.get(&format!("{PATH}?{query}")).await;
        assert_problem(&answer, 422, &[field]);
    }
}
