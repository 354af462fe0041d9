//! Every change writes one audit event with its actor; a call that changes nothing writes none.

use jeton::audit::{Action, Cause};
use jeton::client::secret::NewSecret;
use jeton::maintenance;
use jeton::store::client::ClientError;
use jeton::store::client_secret::SecretError;
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change, UserAttributes, UserError, ValueChange};
use jeton::store::{client, client_secret};
use sea_orm::DbErr;
use serde_json::json;

use super::{DAY, detail};
use crate::support::audit::AuditLog;
use crate::support::client::{delete, disable, enable, merge_patch};
use crate::support::peer::sent_from;
use crate::support::{ALICE, Jeton, SECRET, encode, form};

/// An operator at the command line.
fn operator(jeton: &Jeton) -> Cause {
    Cause::operator(Some("root\n".to_owned()), jeton.now())
}

#[tokio::test]
async fn a_revoked_session_writes_one_event() -> Result<(), DbErr> {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let (store, operator) = (&jeton.server.store, operator(&jeton));
    let tokens = jeton.sign_in().await;
    let id = tokens.session();
    assert!(session::revoke(store, id, Ending::Operator, &operator).await?);
    assert!(!session::revoke(store, id, Ending::Operator, &operator).await?);
    let row = jeton.audit_event(Action::SessionRevoked).await;
    assert_eq!(
        (row.user_id, row.session_id),
        (Some(tokens.user()), Some(id))
    );
    assert_eq!(row.client_id.as_deref(), Some("first-party"));
    assert_eq!(detail(&row)["why"], "operator");
    assert_eq!(row.actor_id.as_deref(), Some("root\u{fffd}"));
    assert_eq!((&*row.actor_kind, &*row.address), ("operator", ""));
    // The call that changed nothing is not logged either.
    assert_eq!(log.entries("session_revoked").len(), 1);
    Ok(())
}

/// A sign-out by the user differs from a revocation.
#[tokio::test]
async fn a_sign_out_writes_one_event_with_the_device() {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    for _ in 0..2 {
        let request = form("/revoke").header("user-agent", "curl/8");
        let body = encode(&[("token", &tokens.refresh_token)]);
        let answer = jeton.send(sent_from("203.0.113.9", request.body(body)));
        assert_eq!(answer.await.status, 200);
    }
    let row = jeton.audit_event(Action::SignOut).await;
    assert_eq!(row.session_id, Some(tokens.session()));
    assert_eq!(row.user_id, Some(tokens.user()));
    assert_eq!((&*row.address, &*row.user_agent), ("203.0.113.9", "curl/8"));
    assert_eq!(row.actor_id.as_deref(), Some("first-party"));
    assert_eq!(log.entries("sign_out").len(), 1);
    assert_eq!(jeton.audit_events(Action::SessionRevoked).await.len(), 0);
}

#[tokio::test]
async fn each_change_of_a_client_writes_one_event() -> Result<(), DbErr> {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let (store, operator) = (&jeton.server.store, operator(&jeton));
    jeton.add_client("app", None, |_| {}).await;
    jeton.sign_in_at("app").await;

    for _ in 0..2 {
        jeton.set_origins("app", &["https://app.example.com"]).await;
        disable(store, "app", &operator).await.unwrap();
    }
    let row = jeton.audit_event(Action::ClientUpdated).await;
    assert_eq!(detail(&row)["origins"], json!(["https://app.example.com"]));
    enable(store, "app", &operator).await.unwrap();
    let deleted = async || delete(store, "app", &operator).await;
    assert_eq!(deleted().await.unwrap(), 0);
    assert!(matches!(deleted().await, Err(ClientError::NotFound)));
    let disabled = disable(store, "app", &operator).await;
    assert!(matches!(disabled, Err(ClientError::NotFound)));
    let enabled = enable(store, "app", &operator).await;
    assert!(matches!(enabled, Err(ClientError::NotFound)));
    let row = jeton.audit_event(Action::SessionsRevoked).await;
    assert_eq!(row.client_id.as_deref(), Some("app"));
    let expected = json!({ "why": "client_disabled", "sessions_ended": 1 });
    assert_eq!(detail(&row), expected);
    for action in [
        Action::ClientUpdated,
        Action::ClientDisabled,
        Action::ClientEnabled,
        Action::ClientDeleted,
    ] {
        jeton.audit_event(action).await;
        assert_eq!(log.entries(action.name()).len(), 1, "{action:?}");
    }
    // That of browser sessions is the third.
    assert_eq!(jeton.audit_events(Action::ClientCreated).await.len(), 3);
    Ok(())
}

#[tokio::test]
async fn changes_of_settings_and_secrets_write_one_event_each() {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let (store, operator) = (&jeton.server.store, operator(&jeton));
    jeton.add_client("app", None, |_| {}).await;
    jeton.add_client("backend", Some(SECRET), |_| {}).await;

    let add = async |id| client_secret::add(store, id, &NewSecret::random(), &operator).await;
    assert!(matches!(add("app").await, Err(SecretError::NoClient)));
    let id = add("backend").await.unwrap().id;
    let row = jeton.audit_event(Action::ClientSecretAdded).await;
    assert_eq!(row.client_id.as_deref(), Some("backend"));
    assert_eq!(detail(&row)["secret_id"], id.to_string());
    let remove = async || client_secret::remove(store, "backend", id, &operator).await;
    remove().await.unwrap();
    assert!(matches!(remove().await, Err(SecretError::NoSecret)));
    let row = jeton.audit_event(Action::ClientSecretRemoved).await;
    assert_eq!(detail(&row)["secret_id"], id.to_string());

    let patch = merge_patch(json!({ "client_name": "The app", "access_token_lifetime": 60 }));
    for changes in [2, 0] {
        let changed = client::update(store, "app", &patch, &operator).await;
        assert_eq!(changed.unwrap().changed.len(), changes);
    }
    let row = jeton.audit_event(Action::ClientUpdated).await;
    assert_eq!(detail(&row)["changed"], "client_name access_token_lifetime");
    assert_eq!(detail(&row)["client_name"], "The app");
    assert_eq!(detail(&row)["access_token_lifetime"], 60);
    let unknown = client::update(store, "unknown", &patch, &operator).await;
    assert!(matches!(unknown, Err(ClientError::NotFound)));
    for action in [
        Action::ClientUpdated,
        Action::ClientSecretAdded,
        Action::ClientSecretRemoved,
    ] {
        assert_eq!(log.entries(action.name()).len(), 1, "{action:?}");
    }
    assert!(!log.text().contains(SECRET));
}

#[tokio::test]
async fn each_change_of_a_user_writes_one_event() -> Result<(), DbErr> {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let (store, operator) = (&jeton.server.store, operator(&jeton));
    let id = jeton.sign_in().await.user();
    let change = async |change| {
        let changed = user::change(store, id, change, &operator).await;
        changed.map(|changed| changed.sessions_ended)
    };
    assert_eq!(change(Change::password("x".to_owned())).await.unwrap(), 1);
    let row = jeton.audit_event(Action::PasswordChanged).await;
    assert_eq!(detail(&row)["username"], ALICE.0);
    assert_eq!(detail(&row)["sessions_ended"], 1);
    assert_eq!((row.user_id, &*row.actor_kind), (Some(id), "operator"));
    let kept = Change::Attributes(UserAttributes {
        username: Some(ALICE.0.to_owned()),
        roles: Some(String::new()),
        disabled: Some(false),
        ..UserAttributes::NONE
    });
    let renamed = Change::Attributes(UserAttributes {
        username: Some("alison".to_owned()),
        roles: Some("reader".to_owned()),
        name: ValueChange::Set("Alison Example".to_owned()),
        email: ValueChange::Set("alison@example.com".to_owned()),
        ..UserAttributes::NONE
    });
    for change_ in [kept, renamed, Change::DISABLE, Change::DISABLE] {
        assert_eq!(change(change_).await.unwrap(), 0);
    }
    let row = jeton.audit_event(Action::UserUpdated).await;
    assert_eq!(detail(&row)["username"], ALICE.0);
    assert_eq!(detail(&row)["new_username"], "alison");
    assert_eq!(detail(&row)["roles"], "reader");
    assert_eq!(detail(&row)["changed"], "name email");
    assert!(!row.detail.contains("Alison Example") && !row.detail.contains('@'));
    for change_ in [Change::ENABLE, Change::SIGN_OUT, Change::Delete] {
        assert_eq!(change(change_).await.unwrap(), 0);
    }
    for change_ in [Change::Delete, Change::SIGN_OUT, Change::ENABLE] {
        let gone = change(change_).await;
        assert!(matches!(gone, Err(UserError::NotFound)));
    }
    for action in [
        Action::UserCreated,
        Action::PasswordChanged,
        Action::UserDisabled,
        Action::UserEnabled,
        Action::SessionsRevoked,
        Action::UserDeleted,
    ] {
        assert_eq!(jeton.audit_event(action).await.user_id, Some(id));
        assert_eq!(log.entries(action.name()).len(), 1, "{action:?}");
    }
    Ok(())
}

#[tokio::test]
async fn created_and_deleted_keys_write_events() {
    let jeton = Jeton::start().await;
    let first = jeton.audit_event(Action::KeyCreated).await;
    for _ in 0..2 {
        jeton.advance(DAY * 91);
        maintenance::refresh_keys(&jeton.server).await.unwrap();
    }
    let created = jeton.audit_events(Action::KeyCreated).await;
    assert!(created.len() > 1);
    assert_eq!(created[0].actor_kind, "system");
    let deleted = jeton.audit_event(Action::KeyDeleted).await;
    assert_eq!(detail(&deleted)["kid"], detail(&first)["kid"]);
}
