use jeton::store::user::{self, Change, UserError};
use serde_json::json;

use super::{Admin, ROOT, assert_problem, give_roles, sign_in};
use crate::support::{ALICE, ISSUER, Jeton, SECRET, claims};

const PATH: &str = "/admin/audit-events";

/// The scope and the role are both required.
#[tokio::test]
async fn it_takes_the_scope_and_the_role() {
    let admin = Admin::start().await;
    assert_eq!(admin.get(PATH).await.status, 200);
    let jeton = &admin.jeton;
    assert_problem(&jeton.get(PATH).await, 401, &[]);
    let without_role = sign_in(jeton, ALICE, Some("admin")).await;
    assert_problem(&jeton.get_with(PATH, &without_role).await, 403, &[]);
    let without_scope = sign_in(jeton, ROOT, Some("account")).await;
    let answer = jeton.get_with(PATH, &without_scope).await;
    assert_problem(&answer, 403, &[]);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"error="insufficient_scope", scope="admin""#));
}

/// The role counts as it is now, not as it was when the token was made.
#[tokio::test]
async fn who_loses_the_role_is_out_at_once() {
    let admin = Admin::start().await;
    let alice = user::find_by_username(&admin.jeton.server.store, ALICE.0).await;
    let alice = alice.unwrap().unwrap().id;
    give_roles(&admin.jeton, alice, "reader jeton:admin").await;
    give_roles(&admin.jeton, admin.id, "reader").await;
    assert_problem(&admin.get(PATH).await, 403, &[]);
    let token = sign_in(&admin.jeton, ALICE, Some("admin")).await;
    assert_eq!(admin.jeton.get_with(PATH, &token).await.status, 200);
}

/// "If the client omits the scope parameter [...], the authorization server MUST either process the
/// request using a pre-defined default value or fail", RFC 6749 §3.3: administration is no part of the
/// default.
#[tokio::test]
async fn the_scope_admin_must_be_asked_for_by_name() {
    let admin = Admin::start().await;
    let token = sign_in(&admin.jeton, ROOT, None).await;
    assert_eq!(claims(&token)["scope"], "account");
    let change = |client: &mut jeton::store::client::Model| "admin".clone_into(&mut client.scope);
    admin.jeton.add_client("only-admin", None, change).await;
    let parameters = [
        ("grant_type", "password"),
        ("username", ROOT.0),
        ("password", ROOT.1),
        ("client_id", "only-admin"),
    ];
    let answer = admin.jeton.token(&parameters).await;
    answer.assert_error(400, "invalid_scope");
}

/// A service account: a client that speaks for itself.
#[tokio::test]
async fn a_service_account_administers_while_it_is_registered_for_it() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("nightly", Some(SECRET), |client| {
            "client_credentials".clone_into(&mut client.grant_types);
            "admin".clone_into(&mut client.scope);
        })
        .await;
    let parameters = [
        ("grant_type", "client_credentials"),
        ("client_id", "nightly"),
        ("client_secret", SECRET),
    ];
    let answer = jeton.token(&parameters).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(jeton.get_with(PATH, token).await.status, 200);
    // Without a user, the account API has nothing to show.
    let answer = jeton.get_with("/account", token).await;
    assert_problem(&answer, 403, &[]);
    let disabled = |disabled: bool| json!({ "disabled": disabled });
    jeton.change_client("nightly", disabled(true)).await;
    assert_problem(&jeton.get_with(PATH, token).await, 401, &[]);
    jeton.change_client("nightly", disabled(false)).await;
    assert_problem(&jeton.get_with(PATH, token).await, 401, &[]);
    let answer = jeton.token(&parameters).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(jeton.get_with(PATH, token).await.status, 200);
    // What it is registered for counts as it is now, not as it was when the token was made.
    let change = json!({ "scope": "read" });
    jeton.change_client("nightly", change).await;
    assert_problem(&jeton.get_with(PATH, token).await, 403, &[]);
}

/// The token was issued before the change, and the user keeps the role.
#[tokio::test]
async fn a_client_that_lost_a_scope_cannot_use_it_with_outstanding_tokens() {
    for change in [
        json!({"scope": "account"}),
        json!({"first_party": false, "scope": "read", "grant_types": ["refresh_token"]}),
    ] {
        let admin = Admin::start().await;
        assert_eq!(admin.get(PATH).await.status, 200);
        admin.jeton.change_client("console", change.clone()).await;
        let answer = admin.get(PATH).await;
        assert_problem(&answer, 403, &[]);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("insufficient_scope"), "{change}");
    }
    let admin = Admin::start().await;
    let token = sign_in(&admin.jeton, ALICE, Some("account")).await;
    assert_eq!(admin.jeton.get_with("/account", &token).await.status, 200);
    let change = json!({"scope": "admin"});
    admin.jeton.change_client("console", change).await;
    let answer = admin.jeton.get_with("/account", &token).await;
    assert_problem(&answer, 403, &[]);
}

/// By disabling, deleting or taking the role.
#[tokio::test]
async fn the_last_admin_cannot_be_removed() {
    let admin = Admin::start().await;
    let (store, cause) = (&admin.jeton.server.store, admin.jeton.cause());
    let change = async |change| user::change(store, admin.id, change, &cause).await;
    let demote = Change::Attributes(user::UserAttributes {
        roles: Some("admin not-jeton:admin".to_owned()),
        ..user::UserAttributes::NONE
    });
    for attempt in [Change::DISABLE, Change::Delete, demote] {
        let refused = change(attempt).await;
        assert!(matches!(refused, Err(UserError::LastAdmin)), "{refused:?}");
    }
    // A disabled one, and roles that are only called alike, are no other admin.
    let other = admin.jeton.add_user("other", "x").await;
    give_roles(&admin.jeton, other, "admin jeton:admin_").await;
    let refused = change(Change::DISABLE).await;
    assert!(matches!(refused, Err(UserError::LastAdmin)), "{refused:?}");
    give_roles(&admin.jeton, other, "reader jeton:admin writer").await;
    let disabled = user::change(store, other, Change::DISABLE, &cause).await;
    disabled.unwrap();
    let refused = change(Change::DISABLE).await;
    assert!(matches!(refused, Err(UserError::LastAdmin)), "{refused:?}");
    let enabled = user::change(store, other, Change::ENABLE, &cause).await;
    enabled.unwrap();
    change(Change::Delete).await.unwrap();
}

/// row 95: another API that receives a token for both could use it here.
#[tokio::test]
async fn the_own_apis_accept_only_tokens_for_the_issuer_alone() {
    let admin = Admin::start().await;
    let (jeton, api) = (&admin.jeton, "https://api.example.com");
    for (id, audience) in [("both", format!("{ISSUER} {api}")), ("api", api.to_owned())] {
        let scopes = "account admin introspect";
        jeton
            .add_client(id, None, |row| {
                scopes.clone_into(&mut row.scope);
                row.audience = audience;
            })
            .await;
    }
    let sign_in = async |client: &str, resource: &[(&str, &str)]| {
        let parameters = [
            ("grant_type", "password"),
            ("username", ROOT.0),
            ("password", ROOT.1),
            ("client_id", client),
            ("scope", "account admin introspect"),
        ];
        jeton
            .token(&[&parameters, resource].concat())
            .await
            .tokens()
    };
    let statuses = async |token: &str| {
        let bearer = format!("Bearer {token}");
        [
            jeton.get_with("/account", token).await.status.as_u16(),
            jeton.get_with(PATH, token).await.status.as_u16(),
            jeton
                .get_with("/revoked-sessions", token)
                .await
                .status
                .as_u16(),
            jeton
                .post("/introspect", &bearer, &[("token", token)])
                .await
                .status
                .as_u16(),
        ]
    };
    for (client, resource) in [("both", None), ("api", None), ("both", Some(api))] {
        let resource = resource.map(|resource| ("resource", resource));
        let tokens = sign_in(client, resource.as_slice()).await;
        assert_eq!(statuses(&tokens.access_token).await, [401; 4], "{client}");
    }
    let tokens = sign_in("both", &[("resource", ISSUER)]).await;
    assert_eq!(statuses(&tokens.access_token).await, [200; 4]);
}
