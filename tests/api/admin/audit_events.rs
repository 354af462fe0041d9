use std::time::Duration;

use super::{Admin, assert_problem};
use crate::support::Jeton;

async fn admin_with_sign_ins(sign_ins: usize) -> Admin {
    let jeton = Jeton::start().await;
    for _ in 0..sign_ins {
        jeton.sign_in().await;
    }
    Admin::of(jeton).await
}

fn ids(answer: &crate::support::Answer) -> Vec<String> {
    let json = answer.json();
    let events = json["audit_events"].as_array().unwrap();
    let id = |event: &serde_json::Value| event["id"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

/// What comes in meanwhile shifts nothing: no event is shown twice and none is left out.
#[tokio::test]
async fn pages_follow_each_other_while_events_come_in() {
    let admin = admin_with_sign_ins(5).await;
    let whole = ids(&admin.get("/admin/audit-events?action=sign_in").await);
    assert_eq!(whole.len(), 6);
    let mut seen = Vec::new();
    let mut path = "/admin/audit-events?action=sign_in&limit=2".to_owned();
    loop {
        let answer = admin.get(&path).await;
        seen.extend(ids(&answer));
        admin.jeton.advance(Duration::from_secs(1));
        admin.jeton.sign_in().await;
        let json = answer.json();
        let Some(cursor) = json["next_cursor"].as_str() else {
            break;
        };
        path = format!("/admin/audit-events?action=sign_in&limit=2&cursor={cursor}");
    }
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn an_event_tells_who_what_when_and_from_where() {
    let admin = admin_with_sign_ins(0).await;
    let answer = admin.get("/admin/audit-events?action=user_updated").await;
    let mut json = answer.json();
    let event = &mut json["audit_events"][0];
    for name in ["id", "user_id"] {
        assert!(event[name].is_string());
        event[name] = "[uuid]".into();
    }
    insta::assert_json_snapshot!(event, @r#"
    {
      "id": "[uuid]",
      "at": 1767225600,
      "action": "user_updated",
      "outcome": "success",
      "actor": "system",
      "user_id": "[uuid]",
      "detail": {
        "roles": "jeton:admin",
        "username": "root"
      }
    }
    "#);
    let id = admin.id;
    let answer = admin
        .get(&format!(
            "/admin/audit-events?user_id={id}&client_id=console"
        ))
        .await;
    assert_eq!(ids(&answer).len(), 1);
    let answer = admin.get("/admin/audit-events?until=1").await;
    assert_eq!(ids(&answer).len(), 0);
    let answer = admin.get("/admin/audit-events?since=4102444800").await;
    assert_eq!(ids(&answer).len(), 0);
}

/// A cursor belongs to the list that gave it, filters included.
#[tokio::test]
async fn what_cannot_be_searched_for_is_refused_by_name() {
    let admin = admin_with_sign_ins(2).await;
    let answer = admin
        .get("/admin/audit-events?action=sign_in&limit=1")
        .await;
    let json = answer.json();
    let cursor = json["next_cursor"].as_str().unwrap();
    for (query, field) in [
        (format!("cursor={cursor}"), "cursor"),
        (format!("action=replay&cursor={cursor}"), "cursor"),
        (format!("action=sign_in&cursor={cursor}x"), "cursor"),
        ("cursor=%00".to_owned(), "cursor"),
        ("action=sign-in".to_owned(), "action"),
        ("limit=0".to_owned(), "limit"),
        ("limit=201".to_owned(), "limit"),
        ("limit=-1".to_owned(), "limit"),
        ("user_id=alice".to_owned(), "user_id"),
        ("since=-1".to_owned(), "since"),
        ("until=9223372036854775807".to_owned(), "until"),
    ] {
        let answer = admin.get(&format!("/admin/audit-events?{query}")).await;
        assert_problem(&answer, 422, &[field]);
    }
}
