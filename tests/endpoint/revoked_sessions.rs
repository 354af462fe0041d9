use std::time::Duration;

use jeton::audit::Cause;
use jeton::clock::micros;
use jeton::store::session::{self, Ending};
use poem::Request;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::disable;
use crate::support::{Answer, Jeton, SECRET, START, Tokens, basic_raw, claims, like};

const API: &str = "https://api.test";

async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    for id in ["api", "app"] {
        let secret = (id == "api").then_some(SECRET);
        let audience = |row: &mut jeton::store::client::Model| API.clone_into(&mut row.audience);
        jeton.add_client(id, secret, audience).await;
    }
    jeton
}

async fn fetch(jeton: &Jeton, since: Option<&str>, etag: Option<&str>) -> Answer {
    let query = since.map(|since| format!("?since={since}"));
    let path = format!("/revoked-sessions{}", query.unwrap_or_default());
    let mut request = Request::builder()
        .uri(path.parse().unwrap())
        .header("authorization", basic_raw("api", SECRET));
    if let Some(etag) = etag {
        request = request.header("if-none-match", etag);
    }
    jeton.send(request.finish()).await
}

fn ids(answer: &Answer) -> Vec<Uuid> {
    let json = answer.json();
    let sessions = json["sessions"].as_array().unwrap();
    let ids = sessions.iter().map(|one| one["sid"].as_str().unwrap());
    ids.map(|id| id.parse().unwrap()).collect()
}

fn next(answer: &Answer) -> String {
    answer.json()["next"].as_str().unwrap().to_owned()
}

async fn revoke(jeton: &Jeton, tokens: &Tokens) {
    let store = &jeton.server.store;
    let revoked = session::revoke(
        store,
        tokens.session(),
        Ending::Operator,
        &Cause::system(jeton.now()),
    )
    .await;
    assert!(revoked.unwrap());
}

/// A shorter lifetime of the client does not shorten issued tokens.
#[tokio::test]
async fn a_revoked_session_is_listed_until_its_longest_token_has_expired() {
    let jeton = start().await;
    let lifetime = |hours: u64| json!({ "access_token_lifetime": hours * 3600 });
    jeton.change_client("app", lifetime(5)).await;
    jeton::maintenance::refresh_keys(&jeton.server)
        .await
        .unwrap();
    let tokens = jeton.sign_in_at("app").await;
    jeton.change_client("app", lifetime(1)).await;
    revoke(&jeton, &tokens).await;
    jeton.advance(Duration::from_hours(4));
    let answer = fetch(&jeton, None, None).await;
    assert_eq!(ids(&answer), [tokens.session()]);
    let until = claims(&tokens.access_token)["exp"].as_i64().unwrap();
    assert_eq!(answer.json()["sessions"][0]["until"], until + 1);
}

#[tokio::test]
async fn an_api_receives_each_revoked_session() {
    let jeton = start().await;
    let tokens = [jeton.sign_in_at("app").await, jeton.sign_in_at("app").await];
    let before = fetch(&jeton, None, None).await;
    assert!(ids(&before).is_empty());
    revoke(&jeton, &tokens[0]).await;
    let answer = fetch(&jeton, Some(&next(&before)), None).await;
    assert_eq!(ids(&answer), [tokens[0].session()]);
    let json = answer.json();
    assert_eq!(json["more"], false);
    let ended = jeton.now().as_seconds();
    assert_eq!(json["sessions"][0]["revoked_at"], ended);
    assert_eq!(json["sessions"][0]["until"], ended + 15 * 60 + 1);
    // Later responses repeat a session for a while.
    revoke(&jeton, &tokens[1]).await;
    let repeated = fetch(&jeton, Some(&next(&answer)), None).await;
    assert_eq!(ids(&repeated).len(), 2);
    jeton.advance(Duration::from_mins(2));
    let later = fetch(&jeton, Some(&next(&repeated)), None).await;
    let latest = fetch(&jeton, Some(&next(&later)), None).await;
    assert!(ids(&latest).is_empty());
    // A first request lists all sessions with tokens that have not expired.
    assert_eq!(ids(&fetch(&jeton, None, None).await).len(), 2);
    jeton.advance(Duration::from_mins(14));
    assert!(ids(&fetch(&jeton, None, None).await).is_empty());
}

/// Another node writes a revocation late, with an earlier time.
#[tokio::test]
async fn a_revocation_that_is_written_late_is_listed() {
    let jeton = start().await;
    let tokens = [jeton.sign_in_at("app").await, jeton.sign_in_at("app").await];
    let earlier = jeton.now();
    jeton.advance(Duration::from_secs(30));
    revoke(&jeton, &tokens[0]).await;
    let first = fetch(&jeton, None, None).await;
    let store = &jeton.server.store;
    session::revoke(
        store,
        tokens[1].session(),
        Ending::Operator,
        &Cause::system(earlier),
    )
    .await
    .unwrap();
    let second = fetch(&jeton, Some(&next(&first)), None).await;
    assert!(ids(&second).contains(&tokens[1].session()));
}

/// Otherwise the cursor of a full page would skip what is not on it.
#[tokio::test]
async fn the_oldest_revocations_are_listed_first() {
    let jeton = start().await;
    let mut ids = Vec::new();
    // The newest session is revoked first.
    let tokens = [jeton.sign_in_at("app").await, jeton.sign_in_at("app").await];
    for tokens in tokens.iter().rev() {
        jeton.advance(Duration::from_secs(1));
        revoke(&jeton, tokens).await;
        ids.push(tokens.session());
    }
    let store = &jeton.server.store;
    for (limit, listed) in [(1, &ids[..1]), (2, &ids[..])] {
        let page = session::revoked_after(store, START, Uuid::nil(), limit).await;
        let page: Vec<_> = page.unwrap().iter().map(|one| one.id).collect();
        assert_eq!(page, listed);
    }
}

#[tokio::test]
async fn sessions_that_were_revoked_at_one_instant_are_listed_page_by_page() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("app").await;
    let row = jeton.session(&tokens).await;
    let cause = Cause::system(jeton.now());
    for _ in 0..2500 {
        let begun = session::begin(&jeton.server.store, like(&row), &[], &cause).await;
        assert!(begun.unwrap().is_some());
    }
    let disabled = disable(&jeton.server.store, "app", &cause).await.unwrap();
    assert_eq!(disabled, 2501);
    let mut listed = std::collections::BTreeSet::new();
    let mut answer = fetch(&jeton, None, None).await;
    let mut pages = 1;
    loop {
        listed.extend(ids(&answer));
        if answer.json()["more"] == false {
            break;
        }
        answer = fetch(&jeton, Some(&next(&answer)), None).await;
        pages += 1;
    }
    assert_eq!((listed.len(), pages), (2501, 3));
}

/// RFC 9110 §13.1.2.
#[tokio::test]
async fn a_feed_without_new_sessions_is_304() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("app").await;
    revoke(&jeton, &tokens).await;
    jeton.advance(Duration::from_mins(2));
    let first = fetch(&jeton, None, None).await;
    let since = next(&first);
    let second = fetch(&jeton, Some(&since), None).await;
    assert_eq!(second.header("cache-control"), Some("private, no-cache"));
    let etag = second.header("etag").unwrap();
    jeton.advance(Duration::from_secs(1));
    let third = fetch(&jeton, Some(&since), Some(etag)).await;
    assert_eq!((third.status.as_u16(), third.body.as_str()), (304, ""));
    assert_eq!(next(&second), since);
}

/// The scope `introspect` lists all sessions.
#[tokio::test]
async fn an_api_receives_the_sessions_with_tokens_for_it_alone() {
    let jeton = start().await;
    let own = jeton.sign_in_at("app").await;
    let other = jeton.sign_in().await;
    revoke(&jeton, &own).await;
    revoke(&jeton, &other).await;
    assert_eq!(ids(&fetch(&jeton, None, None).await), [own.session()]);
    jeton
        .add_client("operator", None, |row| {
            "introspect".clone_into(&mut row.scope);
        })
        .await;
    let operator = super::introspection::sign_in_for_introspection(&jeton).await;
    let answer = jeton
        .get_with("/revoked-sessions", &operator.access_token)
        .await;
    assert_eq!(ids(&answer).len(), 2);
}

#[tokio::test]
async fn the_feed_without_authorization_is_401_or_403() {
    let jeton = start().await;
    let answer = jeton.get("/revoked-sessions").await;
    answer.assert_error(401, "invalid_client");
    let tokens = jeton.sign_in().await;
    let answer = jeton
        .get_with("/revoked-sessions", &tokens.access_token)
        .await;
    answer.assert_error(403, "insufficient_scope");
    let answer = jeton.get_with("/revoked-sessions", "x").await;
    answer.assert_error(401, "invalid_token");
}

#[tokio::test]
async fn a_malformed_cursor_is_refused() {
    let jeton = start().await;
    let far = format!(
        "{}.{}",
        micros(Duration::from_hours(1)),
        Uuid::nil().simple()
    );
    for since in [
        "x",
        ".",
        "1",
        "-1.0",
        "9999999999999999999999.0",
        "1.x",
        "%00",
    ] {
        let answer = fetch(&jeton, Some(since), None).await;
        answer.assert_error(400, "invalid_request");
        let description = "Malformed parameter: since.";
        assert_eq!(answer.json()["error_description"], description);
    }
    assert_eq!(fetch(&jeton, Some(&far), None).await.status, 200);
    let most = format!("{}.{}", i64::MAX, Uuid::max().simple());
    let answer: Value = fetch(&jeton, Some(&most), None).await.json();
    assert_eq!(answer["more"], false);
}
