//! Changes to a client's registration: they apply to its sessions from the next refresh on.

use std::time::Duration;

use jeton::clock::Clock;
use serde_json::{Value, json};

use crate::support::file::DataDir;
use crate::support::{
    ALICE, Jeton, ROOT_SECRET, SECRET, START, Tokens, basic_raw, claims, part, short_of,
};

const API: &str = "https://api.example.com";
const FILES: &str = "https://files.example.com";
const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);

/// A session with all scopes and audiences of its client, an hour after the sign-in.
async fn start() -> (Jeton, Tokens) {
    let jeton = Jeton::start().await;
    jeton
        .add_client("app", None, |row| row.audience = format!("{API} {FILES}"))
        .await;
    let tokens = jeton.sign_in_at("app").await;
    jeton.advance(HOUR);
    (jeton, tokens)
}

fn scopes(scopes: &[&str]) -> Value {
    json!({ "scope": scopes.join(" ") })
}

fn audiences(audiences: &[&str]) -> Value {
    json!({ "audience": audiences })
}

/// row 24, row 36: "The authorization server MAY fully or partially ignore the scope requested by the
/// client, based on the authorization server policy", RFC 6749 §3.3. `scope` in the response says what was granted.
#[tokio::test]
async fn a_scope_removed_from_the_client_is_in_no_new_access_token() {
    let (jeton, first) = start().await;
    jeton.change_client("app", scopes(&["read", "more"])).await;
    let second = jeton.refresh_at("app", &first).await.tokens();
    assert_eq!(second.scope, "read");
    assert_eq!(claims(&second.access_token)["scope"], "read");
    // A request for a scope that was removed, or never granted, is refused and does not rotate.
    for scope in ["write", "read write", "more"] {
        let more = [("client_id", "app"), ("scope", scope)];
        let answer = jeton.refresh_with(&second.refresh_token, &more).await;
        answer.assert_error(400, "invalid_scope");
    }
    assert_eq!(jeton.session(&second).await.generation, 1);
    // The session keeps its granted scope: it gets back what the client regains, and nothing else.
    let all = scopes(&["account", "read", "write", "more"]);
    jeton.change_client("app", all).await;
    let third = jeton.refresh_at("app", &second).await.tokens();
    assert_eq!(third.scope, "account read write");
}

/// row 25: "`invalid_grant`: The provided [...] refresh token is invalid", RFC 6749 §5.2. If all
/// granted scopes or audiences were removed, the user must sign in again.
#[tokio::test]
async fn a_session_whose_scopes_or_audiences_were_all_removed_needs_another_sign_in() {
    for change in [
        scopes(&["other"]),
        scopes(&[]),
        audiences(&["https://else.example.com"]),
        audiences(&[]),
    ] {
        let (jeton, first) = start().await;
        jeton.change_client("app", change).await;
        let answer = jeton.refresh_at("app", &first).await;
        answer.assert_error(400, "invalid_grant");
        let named = [("client_id", "app"), ("scope", "read"), ("resource", API)];
        let answer = jeton.refresh_with(&first.refresh_token, &named).await;
        answer.assert_error(400, "invalid_grant");
        jeton.sign_in_at("app").await;
        // No session was revoked: undoing the change restores them.
        let undone = json!({ "audience": [API, FILES], "scope": "account read write" });
        jeton.change_client("app", undone).await;
        jeton.refresh_at("app", &first).await.tokens();
    }
}

/// A session that was granted no scope stays active, and gets no scope later.
#[tokio::test]
async fn a_session_without_scope_is_refreshed_without_scope() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("app", None, |row| row.scope = String::new())
        .await;
    let first = jeton.sign_in_at("app").await;
    jeton.change_client("app", scopes(&["read"])).await;
    let second = jeton.refresh_at("app", &first).await.tokens();
    assert_eq!(second.scope, "");
}

/// row 42: the same for audiences.
#[tokio::test]
async fn an_audience_removed_from_the_client_is_in_no_new_access_token() {
    let (jeton, first) = start().await;
    assert_eq!(claims(&first.access_token)["aud"], json!([API, FILES]));
    jeton
        .change_client("app", audiences(&["https://new.example.com", FILES]))
        .await;
    let second = jeton.refresh_at("app", &first).await.tokens();
    assert_eq!(claims(&second.access_token)["aud"], FILES);
    for resource in [API, "https://new.example.com"] {
        let more = [("client_id", "app"), ("resource", resource)];
        let answer = jeton.refresh_with(&second.refresh_token, &more).await;
        answer.assert_error(400, "invalid_target");
    }
    jeton.refresh_at("app", &second).await.tokens();
}

/// RFC 9700 §2.4: a client that is no longer first-party has no password grant, and its tokens have no
/// reserved scopes, even if its row says otherwise.
#[tokio::test]
async fn a_client_that_is_not_first_party_gets_no_reserved_scopes() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let all =
        |row: &mut jeton::store::client::Model| "account admin read".clone_into(&mut row.scope);
    jeton.add_client("app", None, all).await;
    let tokens = jeton.sign_in_at("app").await;
    let mine = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(mine.status, 200, "{}", mine.body);
    let change = "UPDATE clients SET first_party = FALSE, revision = revision + 1";
    data.execute(change).await;
    let tokens = jeton.refresh_at("app", &tokens).await.tokens();
    assert_eq!(tokens.scope, "read");
    let mine = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(mine.status, 403, "{}", mine.body);
    for scope in ["account", "admin"] {
        let more = [("client_id", "app"), ("scope", scope)];
        let answer = jeton.refresh_with(&tokens.refresh_token, &more).await;
        answer.assert_error(400, "invalid_scope");
    }
    let sign_in = crate::support::and(&crate::support::SIGN_IN, &[("client_id", "app")]);
    let answer = jeton.token(&sign_in).await;
    answer.assert_error(400, "unauthorized_client");
}

/// RFC 7662 §2.2: introspection of a refresh token returns the scope that it can still get.
#[tokio::test]
async fn introspection_returns_the_current_scope_of_a_refresh_token() {
    let jeton = Jeton::start().await;
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    let authorization = basic_raw("web", SECRET);
    let sign_in = jeton
        .token_as(&authorization, &crate::support::SIGN_IN)
        .await;
    let tokens = sign_in.tokens();
    let introspect = async || {
        let token = [("token", &*tokens.refresh_token)];
        jeton
            .post("/introspect", &authorization, &token)
            .await
            .json()
    };
    assert_eq!(introspect().await["scope"], "account read write");
    jeton.change_client("web", scopes(&["read"])).await;
    assert_eq!(introspect().await["scope"], "read");
    jeton.change_client("web", scopes(&["other"])).await;
    assert_eq!(introspect().await, json!({ "active": false }));
}

/// row 31: a longer lifetime applies to new sessions only.
#[tokio::test]
async fn a_shorter_session_lifetime_applies_to_active_sessions() {
    let lifetimes = |hours: u64| json!({ "session_lifetime": hours * 3600 });
    let (jeton, first) = start().await;
    jeton.change_client("app", lifetimes(3)).await;
    let mut tokens = jeton.refresh_at("app", &first).await.tokens();
    jeton.advance((HOUR * 2).saturating_sub(SECOND * 7));
    tokens = jeton.refresh_at("app", &tokens).await.tokens();
    assert_eq!(tokens.expires_in, 7);
    jeton.advance(short_of(SECOND * 7));
    tokens = jeton.refresh_at("app", &tokens).await.tokens();
    jeton.advance(short_of(Duration::from_micros(2)));
    for scope in [&[][..], &[("scope", "read")]] {
        let more = [&[("client_id", "app")], scope].concat();
        let answer = jeton.refresh_with(&tokens.refresh_token, &more).await;
        answer.assert_error(400, "invalid_grant");
    }
    // A longer lifetime does not extend a session that has begun.
    let tokens = jeton.sign_in_at("app").await;
    jeton.change_client("app", lifetimes(30)).await;
    jeton.advance(HOUR * 3);
    // The second time, the node has the client in its cache, and one statement decides.
    for _ in 0..2 {
        let answer = jeton.refresh_at("app", &tokens).await;
        answer.assert_error(400, "invalid_grant");
    }
}

/// row 31: also while the node has the client in its cache, as it is after a sign-in.
#[tokio::test]
async fn a_shorter_idle_lifetime_applies_to_active_sessions() {
    let (jeton, first) = start().await;
    let change = json!({ "session_idle_lifetime": 2 * 3600 });
    jeton.change_client("app", change).await;
    jeton.sign_in_at("app").await;
    jeton.advance(HOUR);
    let answer = jeton.refresh_at("app", &first).await;
    answer.assert_error(400, "invalid_grant");
}

/// The lifetime, format and `typ` of access tokens change with the next refresh, and change back.
#[tokio::test]
async fn access_token_settings_apply_from_the_next_refresh() {
    let (jeton, first) = start().await;
    let change = json!({ "access_token_lifetime": 86_400, "access_token_format": "opaque" });
    jeton.change_client("app", change).await;
    let second = jeton.refresh_at("app", &first).await.tokens();
    assert!(second.access_token.starts_with("jat_"));
    assert_eq!(second.expires_in, 86_400);
    let change = json!({ "access_token_lifetime": null, "access_token_format": null });
    jeton.change_client("app", change).await;
    let third = jeton.refresh_at("app", &second).await.tokens();
    assert_eq!(part(&third.access_token, 0)["typ"], "at+jwt");
    assert_eq!(third.expires_in, 900);
}

/// A session with more scopes than an opaque token can hold needs another sign-in.
#[tokio::test]
async fn a_session_with_too_many_scopes_for_opaque_tokens_needs_another_sign_in() {
    let jeton = Jeton::start().await;
    let many: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    jeton
        .add_client("app", None, |row| row.scope = many.join(" "))
        .await;
    let first = jeton.sign_in_at("app").await;
    let change = json!({ "access_token_format": "opaque", "scope": "s1 s19" });
    jeton.change_client("app", change).await;
    let answer = jeton.refresh_at("app", &first).await;
    answer.assert_error(400, "invalid_grant");
    assert_eq!(jeton.sign_in_at("app").await.scope, "s1 s19");
}
