use std::time::Duration;

use jeton::clock::Clock;
use jeton::store::audit_event::{self, AuditFilter};
use jeton::store::client;
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change};
use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::file::DataDir;
use crate::support::peer::credentials;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, Tokens, like};

const PATH: &str = "/account/sessions";

async fn list(jeton: &Jeton, tokens: &Tokens) -> Vec<Value> {
    let answer = jeton.get_with(PATH, &tokens.access_token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["sessions"].as_array().unwrap().clone()
}

async fn delete(jeton: &Jeton, path: &str, tokens: &Tokens) -> Answer {
    let request = Request::builder()
        .method(Method::DELETE)
        .uri(path.parse().unwrap())
        .header("authorization", format!("Bearer {}", tokens.access_token));
    jeton.send(request.finish()).await
}

fn path_of(tokens: &Tokens) -> String {
    format!("{PATH}/{}", tokens.session())
}

#[tokio::test]
async fn a_user_lists_their_sessions() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("tv", None, |row| "The television".clone_into(&mut row.name))
        .await;
    let first = jeton.sign_in_at("tv").await;
    jeton.add_user("bob", ALICE.1).await;
    let bobs = jeton.token(&credentials("bob", ALICE.1)).await.tokens();
    assert_eq!(list(&jeton, &bobs).await.len(), 1, "only Bob's own");
    jeton.advance(Duration::from_mins(5));
    let second = jeton.sign_in().await;
    let refreshed = jeton.refresh_after(&second, Duration::from_mins(1)).await;
    let sessions = list(&jeton, &refreshed).await;
    let ids: Vec<_> = sessions
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [second.session().to_string(), first.session().to_string()]
    );
    assert_eq!(
        (&sessions[0]["current"], &sessions[1]["current"]),
        (&true.into(), &false.into())
    );
    let mut tv = sessions[1].clone();
    tv["id"] = "[uuid]".into();
    insta::assert_json_snapshot!(tv, @r#"
    {
      "id": "[uuid]",
      "client_id": "tv",
      "client_name": "The television",
      "user_agent": "",
      "address": "",
      "signed_in_at": 1767225600,
      "last_used_at": 1767225600,
      "expires_at": 1775001600,
      "current": false
    }
    "#);
}

/// row 28: an attacker who knew the moment of each rotation could use a copied refresh token within each window.
#[tokio::test]
async fn the_list_does_not_tell_the_moment_of_a_rotation() {
    let jeton = Jeton::start().await;
    // Until the next full hour, the time of the sign-in is shown.
    jeton.advance(Duration::from_mins(20));
    let signed_in_at = START.as_seconds() + 20 * 60;
    let copied = jeton.sign_in().await;
    let mut tokens = copied.clone();
    for minute in 1..150 {
        jeton.advance(Duration::from_mins(1));
        if minute % 5 == 0 {
            tokens = jeton.refresh(&tokens.refresh_token).await.tokens();
        }
        let session = &list(&jeton, &tokens).await[0];
        let hour = START.as_seconds() + (minute + 20) / 60 * 3600;
        let expected = if minute + 20 < 60 { signed_in_at } else { hour };
        assert_eq!(session["last_used_at"], expected, "minute {minute}");
        assert_eq!(session["signed_in_at"], signed_in_at);
    }
}

/// Revoked and expired sessions and those of other users are not listed.
#[tokio::test]
async fn only_a_users_own_active_sessions_are_listed() {
    let jeton = Jeton::start().await;
    jeton.add_user("bob", "a password of bob's own").await;
    let bob = jeton
        .token(&[
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "a password of bob's own"),
        ])
        .await
        .tokens();
    let idle = jeton.sign_in().await;
    jeton.advance(Duration::from_hours(14 * 24));
    let ended = jeton.sign_in().await;
    let mine = jeton.sign_in().await;
    assert_eq!(delete(&jeton, &path_of(&ended), &mine).await.status, 204);
    let ids: Vec<_> = list(&jeton, &mine)
        .await
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [mine.session().to_string()]);
    jeton.assert_refresh_refused(&idle).await;
    // row 54: a session of another user is 404 and not revoked.
    let answer = delete(&jeton, &path_of(&bob), &mine).await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert!(jeton.session(&bob).await.revoked_at.is_none());
}

/// RFC 9110 §9.2.2: DELETE is idempotent.
#[tokio::test]
async fn a_user_revokes_another_session() {
    let jeton = Jeton::start().await;
    let library = jeton.sign_in().await;
    let home = jeton.sign_in().await;
    jeton.advance(Duration::from_mins(1));
    for _ in 0..2 {
        let answer = delete(&jeton, &path_of(&library), &home).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    }
    jeton.assert_refresh_refused(&library).await;
    assert_eq!(
        jeton.get_with(PATH, &library.access_token).await.status,
        401
    );
    jeton.refresh(&home.refresh_token).await.tokens();
    let filter = AuditFilter {
        session_id: Some(library.session()),
        ..AuditFilter::default()
    };
    let events = audit_event::search(&jeton.server.store, filter, None, 10)
        .await
        .unwrap();
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["sign_out", "sign_in"]);
}

#[tokio::test]
async fn a_user_revokes_all_sessions() {
    let jeton = Jeton::start().await;
    let sessions = [
        jeton.sign_in().await,
        jeton.sign_in().await,
        jeton.sign_in().await,
    ];
    let answer = delete(&jeton, PATH, &sessions[2]).await;
    assert_eq!(answer.body, r#"{"sessions_ended":3}"#);
    for tokens in &sessions {
        jeton.assert_refresh_refused(tokens).await;
    }
}

/// The tokens of the current session stay valid.
#[tokio::test]
async fn a_user_revokes_all_sessions_but_the_current_one() {
    let jeton = Jeton::start().await;
    let sessions = [
        jeton.sign_in().await,
        jeton.sign_in().await,
        jeton.sign_in().await,
    ];
    let path = format!("{PATH}?keep_current=true");
    let answer = delete(&jeton, &path, &sessions[1]).await;
    assert_eq!(answer.body, r#"{"sessions_ended":2}"#);
    assert_eq!(list(&jeton, &sessions[1]).await.len(), 1);
    let next = jeton.refresh(&sessions[1].refresh_token).await.tokens();
    jeton.refresh_after(&next, Duration::from_mins(1)).await;
    let epoch = jeton.session(&next).await.session_epoch;
    for tokens in [&sessions[0], &sessions[2]] {
        jeton.assert_refresh_refused(tokens).await;
        // Only the kept one is moved to the user's new epoch.
        assert_eq!(jeton.session(tokens).await.session_epoch, epoch - 1);
    }
    let repeated = delete(&jeton, &path, &next).await;
    assert_eq!(repeated.body, r#"{"sessions_ended":0}"#);
    jeton.sign_in().await;
}

#[tokio::test]
async fn invalid_requests_get_problem_details() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let unknown = format!("{PATH}/{}", Uuid::from_u128(7));
    for (path, status) in [
        (unknown.as_str(), 404),
        ("/account/sessions/x", 404),
        ("/account/sessions?keep_current=perhaps", 422),
    ] {
        let answer = delete(&jeton, path, &tokens).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.json()["status"], status);
    }
    jeton.refresh(&tokens.refresh_token).await.tokens();
    let answer = jeton.get(PATH).await;
    assert_eq!(answer.status, 401);
    let answer = jeton.post(PATH, "", &[]).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, DELETE"));
}

/// The session that is kept must be an active one of the same user. Another user's session does not change, and a
/// revoked one stays revoked.
#[tokio::test]
async fn only_a_users_own_active_session_is_kept() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    jeton.add_user("bob", ALICE.1).await;
    let alices = jeton.sign_in().await;
    let bobs = jeton.token(&credentials("bob", ALICE.1)).await.tokens();
    let sign_out = async |kept: &Tokens| {
        let kept_session = Some(kept.session());
        let (store, cause) = (&jeton.server.store, jeton.cause());
        let change = Change::SignOut { kept_session };
        let changed = user::change(store, alices.user(), change, &cause).await;
        changed.unwrap().sessions_ended
    };
    assert_eq!(sign_out(&bobs).await, 1);
    jeton.refresh(&bobs.refresh_token).await.tokens();
    jeton.assert_refresh_refused(&alices).await;
    // The epoch alone ends the session.
    let next = jeton.sign_in().await;
    data.execute("UPDATE users SET session_epoch = session_epoch + 1")
        .await;
    assert_eq!(sign_out(&next).await, 0);
    jeton.assert_refresh_refused(&next).await;
}

fn ids(sessions: &[Value]) -> Vec<&str> {
    let ids = sessions.iter().map(|one| one["id"].as_str().unwrap());
    ids.collect()
}

/// An attacker could sign in and out until the list is full.
#[tokio::test]
async fn ended_sessions_hide_no_active_session() {
    let jeton = Jeton::start().await;
    let attackers = jeton.sign_in().await;
    let row = jeton.session(&attackers).await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    for _ in 0..504 {
        let ended = session::begin(store, like(&row), &[], &cause).await;
        let id = ended.unwrap().unwrap().id;
        let revoked = session::revoke(store, id, Ending::SignOut, &cause).await;
        assert!(revoked.unwrap());
    }
    jeton.advance(Duration::from_secs(1));
    let mine = jeton.sign_in().await;
    let listed = list(&jeton, &mine).await;
    let expected = [mine.session(), attackers.session()].map(|id| id.to_string());
    assert_eq!(ids(&listed), expected);
}

/// A session that is not listed gets `invalid_grant` at a refresh, and the reverse.
#[tokio::test]
async fn sessions_are_active_by_the_settings_of_their_client() {
    let hour = Duration::from_hours(1);
    let jeton = Jeton::start().await;
    let clients = ["idle", "short", "disabled", "enabled", "deleted"];
    for id in clients {
        jeton.add_client(id, None, |_| {}).await;
    }
    jeton
        .change_client("idle", json!({ "session_idle_lifetime": 7200 }))
        .await;
    let mut sessions = Vec::new();
    for id in clients {
        sessions.push((id, jeton.sign_in_at(id).await));
    }
    let change = json!({ "session_lifetime": 7200 });
    jeton.change_client("short", change).await;
    // A client that is disabled has no session that could be refreshed.
    jeton
        .change_client("disabled", json!({ "disabled": true }))
        .await;
    jeton
        .change_client("enabled", json!({ "disabled": true }))
        .await;
    jeton
        .change_client("enabled", json!({ "disabled": false }))
        .await;
    let deleted = client::delete(&jeton.server.store, "deleted", &jeton.cause()).await;
    deleted.unwrap();
    for expected in [&["idle", "short"][..], &[]] {
        jeton.advance(hour);
        let mine = jeton.sign_in().await;
        let listed = list(&jeton, &mine).await;
        let others = listed.iter().filter(|one| one["current"] == false);
        let mut others: Vec<_> = others.map(|one| one["client_id"].clone()).collect();
        others.sort_by_key(ToString::to_string);
        assert_eq!(others, expected);
        let revoked = delete(&jeton, &path_of(&mine), &mine).await;
        assert_eq!(revoked.status, 204);
    }
    for (id, tokens) in &sessions {
        let answer = jeton.refresh_at(id, tokens).await;
        assert!(answer.status.is_client_error(), "{id}: {}", answer.body);
    }
}

#[tokio::test]
async fn pages_of_a_users_sessions_follow_each_other() {
    let jeton = Jeton::start().await;
    let mut tokens = jeton.sign_in().await;
    for _ in 0..6 {
        jeton.advance(Duration::from_secs(1));
        tokens = jeton.sign_in().await;
    }
    let whole = list(&jeton, &tokens).await;
    assert_eq!(whole.len(), 7);
    let mut seen = Vec::new();
    let mut path = format!("{PATH}?limit=3");
    loop {
        let answer = jeton.get_with(&path, &tokens.access_token).await;
        let json = answer.json();
        seen.extend(json["sessions"].as_array().unwrap().clone());
        let Some(cursor) = json["next_cursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, whole);
    for query in ["limit=0", "limit=201", "cursor=x"] {
        let answer = jeton
            .get_with(&format!("{PATH}?{query}"), &tokens.access_token)
            .await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.body);
    }
}
