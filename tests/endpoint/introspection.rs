use std::time::Duration;

use jeton::audit::Cause;
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change};
use poem::Request;
use serde_json::json;

use crate::api::admin::give_roles;
use crate::support::audit::AuditLog;
use crate::support::{ALICE, Answer, Jeton, SECRET, Tokens, basic_raw, claims};

const API: &str = "https://api.test";

/// A server with the API `api`, a confidential client, and the client `app` with tokens for that API.
async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    jeton
        .add_client("api", Some(SECRET), |row| API.clone_into(&mut row.audience))
        .await;
    jeton
        .add_client("app", None, |row| API.clone_into(&mut row.audience))
        .await;
    jeton
}

/// Signs alice in as an administrator at the client `operator`, whose one scope is `introspect`.
pub async fn sign_in_for_introspection(jeton: &Jeton) -> Tokens {
    let parameters = [
        ("grant_type", "password"),
        ("username", ALICE.0),
        ("password", ALICE.1),
        ("client_id", "operator"),
        ("scope", "introspect"),
    ];
    let tokens = jeton.token(&parameters).await.tokens();
    give_roles(jeton, tokens.user(), "jeton:admin").await;
    tokens
}

async fn introspect(jeton: &Jeton, token: &str) -> Answer {
    let authorization = basic_raw("api", SECRET);
    let parameters = [("token", token)];
    jeton.post("/introspect", &authorization, &parameters).await
}

async fn assert_inactive(jeton: &Jeton, token: &str) {
    let answer = introspect(jeton, token).await;
    // row 52: "the authorization server MUST return [...] "active" set to "false"" and "SHOULD NOT
    // include any additional information", RFC 7662 §2.2.
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, r#"{"active":false}"#);
}

/// row 53; RFC 9470 §6.2 adds `acr` and `auth_time`.
#[tokio::test]
async fn introspection_of_an_active_access_token_returns_its_claims() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("app").await;
    let answer = introspect(&jeton, &tokens.access_token).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut json = answer.json();
    let own = claims(&tokens.access_token);
    let members = json.as_object_mut().unwrap();
    assert_eq!(members.remove("active"), Some(json!(true)));
    assert_eq!(members.remove("token_type"), Some(json!("Bearer")));
    assert_eq!(members.remove("username"), Some(json!("alice")));
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "client_id",
        "scope",
        "sid",
    ] {
        assert!(members.contains_key(name), "{name}");
    }
    assert_eq!(json, own);
}

/// row 50 and row 52: revoked session, disabled user.
#[tokio::test]
async fn an_access_token_of_a_revoked_session_is_inactive_at_once() {
    let jeton = start().await;
    let store = &jeton.server.store;
    let cause = Cause::system(jeton.now());
    let tokens = jeton.sign_in_at("app").await;
    assert_eq!(
        introspect(&jeton, &tokens.access_token).await.json()["active"],
        true
    );
    session::revoke(store, tokens.session(), Ending::Operator, &cause)
        .await
        .unwrap();
    assert_inactive(&jeton, &tokens.access_token).await;
    assert_inactive(&jeton, &tokens.refresh_token).await;

    let tokens = jeton.sign_in_at("app").await;
    let alice = tokens.user();
    let change = Change::DISABLE;
    user::change(store, alice, change, &cause).await.unwrap();
    assert_inactive(&jeton, &tokens.access_token).await;
}

/// row 52: inactive tokens and tokens for other APIs look the same.
#[tokio::test]
async fn an_inactive_or_foreign_token_has_no_members_but_active() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("app").await;
    let first_party = jeton.sign_in().await;
    let mut damaged = tokens.access_token.clone();
    damaged.replace_range(damaged.len() - 10..damaged.len() - 9, "-");
    for token in [
        "garbage",
        "a.b.c",
        "jat_AAAA",
        &damaged,
        // Tokens for another audience, refresh tokens of other clients.
        &first_party.access_token,
        &first_party.refresh_token,
        &tokens.refresh_token,
    ] {
        assert_inactive(&jeton, token).await;
    }
    jeton.advance(Duration::from_mins(15));
    assert_inactive(&jeton, &tokens.access_token).await;
}

/// The response does not say why, so the log does.
#[tokio::test]
async fn the_log_says_why_a_token_is_reported_as_inactive() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("app").await;
    let first_party = jeton.sign_in().await;
    for (token, reason) in [
        (
            &first_party.access_token,
            "registered for none of its audiences",
        ),
        (&first_party.refresh_token, "of another client"),
        (&tokens.access_token, "expired"),
    ] {
        let log = AuditLog::listen_to("jeton::endpoint::introspection");
        assert_inactive(&jeton, token).await;
        assert!(log.text().contains(reason), "{}", log.text());
        assert!(!log.text().contains(token.as_str()));
        jeton.advance(Duration::from_mins(8));
    }
}

/// row 52: "the protected resource [...] authenticates", else 401, RFC 7662 §2.3.
#[tokio::test]
async fn introspection_without_client_authentication_is_401() {
    let jeton = start().await;
    let tokens = jeton.sign_in_at("app").await;
    let token = [("token", tokens.access_token.as_str())];
    let public = [token[0], ("client_id", "app")];
    let wrong = basic_raw("api", "wrong");
    for (authorization, parameters) in [
        ("", &token[..]),
        ("", &public[..]),
        (wrong.as_str(), &token[..]),
    ] {
        let answer = jeton.post("/introspect", authorization, parameters).await;
        answer.assert_error(401, "invalid_client");
        let scheme = match authorization {
            "" => "Bearer ",
            _ => "Basic ",
        };
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with(scheme), "{challenge}");
    }
}

/// row 52: a user without the role, and a client that is not registered for it, see no token of the administrator.
#[tokio::test]
async fn the_scope_introspect_is_for_administrators_and_registered_services() {
    let jeton = start().await;
    let add = async |id: &str, secret, first_party, grant: &str| {
        jeton
            .add_client(id, secret, |row| {
                "read introspect".clone_into(&mut row.scope);
                row.first_party = first_party;
                grant.clone_into(&mut row.grant_types);
            })
            .await;
    };
    add("page", None, true, "password refresh_token").await;
    add("service", Some(SECRET), false, "client_credentials").await;
    // A row that the rules refuse.
    add("stranger", None, false, "client_credentials").await;
    let seen = jeton.sign_in_at("app").await;
    let token = [("token", seen.access_token.as_str())];
    let ask = async |authorization: &str| {
        let list = Request::builder()
            .uri("/revoked-sessions".parse().unwrap())
            .header("authorization", authorization);
        let listed = jeton.send(list.finish()).await;
        let answer = jeton.post("/introspect", authorization, &token).await;
        assert_eq!(answer.status, listed.status);
        answer
    };
    let sign_in = async |scope: &str| {
        let parameters = [
            ("grant_type", "password"),
            ("username", ALICE.0),
            ("password", ALICE.1),
            ("client_id", "page"),
            ("scope", scope),
        ];
        jeton.token(&parameters).await.tokens()
    };
    let default = jeton.sign_in_at("page").await;
    assert_eq!(default.scope, "read");
    let alice = sign_in("introspect").await;
    let bearer = format!("Bearer {}", alice.access_token);
    ask(&bearer).await.assert_error(403, "insufficient_scope");
    give_roles(&jeton, alice.user(), "jeton:admin").await;
    assert_eq!(ask(&bearer).await.json()["active"], true);
    let other = jeton.add_user("root", "x").await;
    give_roles(&jeton, other, "jeton:admin").await;
    give_roles(&jeton, alice.user(), "admin").await;
    ask(&bearer).await.assert_error(403, "insufficient_scope");
    let service = [
        ("grant_type", "client_credentials"),
        ("scope", "introspect"),
    ];
    let answer = jeton
        .token_as(&basic_raw("service", SECRET), &service)
        .await;
    let own = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&format!("Bearer {own}")).await.json()["active"], true);
    let stranger = [&service[..], &[("client_id", "stranger")]].concat();
    let answer = jeton.token(&stranger).await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
}

/// RFC 7662 §2.1: "a separate OAuth 2.0 access token", with the scope for it.
#[tokio::test]
async fn an_access_token_with_the_scope_introspect_authorizes_introspection() {
    let jeton = start().await;
    jeton
        .add_client("operator", None, |row| {
            "introspect".clone_into(&mut row.scope);
        })
        .await;
    let tokens = jeton.sign_in_at("app").await;
    let token = [("token", tokens.access_token.as_str())];
    let operator = sign_in_for_introspection(&jeton).await;
    let bearer = |tokens: &Tokens| format!("Bearer {}", tokens.access_token);
    let answer = jeton.post("/introspect", &bearer(&operator), &token).await;
    assert_eq!(answer.json()["active"], true);

    let plain = jeton.sign_in().await;
    let answer = jeton.post("/introspect", &bearer(&plain), &token).await;
    answer.assert_error(403, "insufficient_scope");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"introspect\""), "{challenge}");

    // The client has lost the scope since.
    let scope = |scope: &str| serde_json::json!({ "scope": scope });
    jeton.change_client("operator", scope("read")).await;
    let answer = jeton.post("/introspect", &bearer(&operator), &token).await;
    answer.assert_error(403, "insufficient_scope");
    jeton.change_client("operator", scope("introspect")).await;

    // A token of a revoked session, one for another audience, and no tokens.
    jeton
        .post(
            "/revoke",
            "",
            &[
                ("token", &operator.refresh_token),
                ("client_id", "operator"),
            ],
        )
        .await;
    for authorization in [&bearer(&operator), "Bearer x", "Bearer "] {
        let answer = jeton.post("/introspect", authorization, &token).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    let answer = jeton.post("/introspect", &bearer(&tokens), &token).await;
    answer.assert_error(401, "invalid_token");
    let description = jeton::error::OTHER_AUDIENCE;
    assert_eq!(answer.json()["error_description"], description);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(description), "{challenge}");
}

/// A refresh token is active while a refresh with it would succeed.
#[tokio::test]
async fn a_client_introspects_its_own_refresh_token() {
    let jeton = Jeton::start().await;
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    let authorization = basic_raw("web", SECRET);
    let sign_in = crate::support::SIGN_IN;
    let first = jeton.token_as(&authorization, &sign_in).await.tokens();
    let introspect = async |tokens: &Tokens| {
        let token = [("token", tokens.refresh_token.as_str())];
        jeton
            .post("/introspect", &authorization, &token)
            .await
            .json()
    };
    let json = introspect(&first).await;
    assert_eq!(json["active"], true);
    assert_eq!(json["username"], "alice");
    assert_eq!(json.get("token_type"), None);
    // The moment of a rotation is not shown.
    assert_eq!(json.get("iat"), None);
    let mut tokens = vec![first];
    for _ in 0..2 {
        let token = tokens.last().unwrap().refresh_token.clone();
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
        ];
        tokens.push(jeton.token_as(&authorization, &refresh).await.tokens());
    }
    let active: Vec<bool> = [
        introspect(&tokens[0]).await["active"] == true,
        introspect(&tokens[1]).await["active"] == true,
        introspect(&tokens[2]).await["active"] == true,
    ]
    .to_vec();
    // A refresh with the first would be a replay. Introspection does not revoke the session.
    assert_eq!(active, [false, true, true]);
}

/// row 1 and row 4.
#[tokio::test]
async fn a_malformed_request_is_refused_in_the_oauth_shape() {
    let jeton = start().await;
    let answer = jeton.get("/introspect").await;
    answer.assert_error(405, "invalid_request");
    assert_eq!(answer.header("allow"), Some("POST"));
    let authorization = basic_raw("api", SECRET);
    for parameters in [&[][..], &[("token", "")]] {
        let answer = jeton.post("/introspect", &authorization, parameters).await;
        answer.assert_error(400, "invalid_request");
    }
}
