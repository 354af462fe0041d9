//! Searches of the audit log: filters, pages, indexes, and the command line.

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::store::audit_event::{self, AuditFilter};
use jeton::store::user;
use sea_orm::DbErr;
use serde_json::Value;
use uuid::Uuid;

use super::{HOUR, WRONG};
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

/// A server with a sign-in every hour, alternately at the clients `app` and `first-party`, then a failed one;
/// and the sessions.
async fn with_sign_ins() -> (Jeton, Vec<Uuid>) {
    let jeton = Jeton::start().await;
    jeton.add_client("app", None, |_| {}).await;
    let mut sessions = Vec::new();
    for client in ["app", "first-party", "app", "first-party", "app"] {
        jeton.advance(HOUR);
        sessions.push(jeton.sign_in_at(client).await.session());
    }
    jeton.advance(HOUR);
    jeton.sign_in_from("unknown", WRONG, b"").await;
    (jeton, sessions)
}

const SIGN_INS: AuditFilter<'static> = AuditFilter {
    user_id: None,
    client_id: None,
    session_id: None,
    action: Some(Action::SignIn),
    since: None,
    until: None,
};

#[tokio::test]
async fn filters_find_events_with_the_newest_first() -> Result<(), DbErr> {
    let (jeton, sessions) = with_sign_ins().await;
    let store = &jeton.server.store;
    let user_id = user::find_by_username(store, ALICE.0).await?.unwrap().id;
    let any = AuditFilter::default();
    for (filter, expected) in [
        (SIGN_INS, &[4, 3, 2, 1, 0][..]),
        (
            AuditFilter {
                client_id: Some("app"),
                ..SIGN_INS
            },
            &[4, 2, 0],
        ),
        (
            AuditFilter {
                session_id: Some(sessions[1]),
                ..any
            },
            &[1],
        ),
        (
            AuditFilter {
                since: Some(START.plus(HOUR * 2)),
                until: Some(START.plus(HOUR * 4)),
                ..any
            },
            &[2, 1],
        ),
        (
            AuditFilter {
                user_id: Some(user_id),
                ..any
            },
            &[4, 3, 2, 1, 0],
        ),
        (
            AuditFilter {
                user_id: Some(Uuid::nil()),
                ..any
            },
            &[],
        ),
    ] {
        let events = audit_event::search(store, filter, None, 99).await?;
        assert!(events.is_sorted_by(|one, other| one.at >= other.at));
        let found = events.iter().filter_map(|event| event.session_id);
        let expected = expected.iter().map(|at| sessions[*at]);
        assert!(found.eq(expected), "{filter:?}: {events:?}");
    }
    Ok(())
}

#[tokio::test]
async fn new_events_do_not_shift_pages() -> Result<(), DbErr> {
    let (jeton, _) = with_sign_ins().await;
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = audit_event::search(&jeton.server.store, SIGN_INS, before, 2).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        pages.push(page.len());
        jeton.sign_in().await;
    }
    assert_eq!(pages, [2, 2, 1]);
    Ok(())
}

#[tokio::test]
async fn each_filter_uses_its_index_for_search_and_order() {
    let data = DataDir::of_file();
    drop(data.open().await);
    for column in ["user_id", "client_id", "session_id", "action"] {
        let plan = data
            .query(&format!(
                "EXPLAIN QUERY PLAN SELECT * FROM audit_events WHERE {column} = 'x' AND id < 'y' \
                 ORDER BY id DESC LIMIT 50"
            ))
            .await;
        assert!(plan.contains(&format!("audit_events_{column} ")), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

/// The output of `jeton audit list --json`.
async fn listed(data: &DataDir, more: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "list", "--json"], more].concat();
    let text = data.jeton_ok(&arguments).await;
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Changes at the command line have an operator as actor.
#[tokio::test]
async fn the_command_line_lists_events() {
    let data = DataDir::new();
    let jeton = Jeton::on(data.open().await, Clock::system(), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    let id = jeton.add_user(ALICE.0, ALICE.1).await.to_string();
    jeton.sign_in().await;
    jeton.sign_in_from(ALICE.0, WRONG, b"curl/8").await;
    data.jeton_ok(&["user", "disable", ALICE.0]).await;
    data.jeton_ok(&["key", "rotate", "--emergency"]).await;

    let table = data.jeton_ok(&["audit", "list"]).await;
    let lines: Vec<&str> = table.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("TIME"), "{table}");
    assert!(lines[1].contains("keys_revoked"), "{table}");
    assert!(lines[3].contains("user_disabled"), "{table}");

    let events = listed(&data, &["--user", ALICE.0]).await;
    let actions: Vec<&Value> = events.iter().map(|event| &event["action"]).collect();
    let expected = ["user_disabled", "sign_in_failed", "sign_in", "user_created"];
    assert_eq!(actions, expected);
    assert_eq!(events[0]["actor"], "operator");
    assert_eq!(events[0]["detail"]["sessions_ended"], 1);
    assert_eq!(events[1]["address"], "203.0.113.9");
    assert_eq!(events[1]["user_agent"], "curl/8");
    assert_eq!(events[1]["user_id"], id);
    assert_eq!(events[1].get("session_id"), None);
    let begun = jeton.audit_event(Action::SignIn).await.at;
    assert_eq!(events[2]["at"], begun.as_seconds());

    let before = events[1]["id"].as_str().unwrap();
    let session = events[2]["session_id"].as_str().unwrap();
    for filter in [
        &["--user", &id, "--before", before, "--limit", "1"][..],
        &[
            "--action",
            "sign_in",
            "--client",
            "first-party",
            "--since",
            "1h",
        ],
        &["--session", session],
    ] {
        assert_eq!(listed(&data, filter).await, events[2..3], "{filter:?}");
    }
    let refused = data.jeton(&["audit", "list", "--action", "sign_off"]).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("sign_in_failed"));
}
