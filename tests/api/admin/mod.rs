/// Authentication of administrators.
mod administrator;
/// The audit log, searched page by page.
mod audit_events;
/// Applications that ask for tokens.
mod clients;
/// Parameters without a value.
mod empty_parameters;
/// Users with the id that they have in another system.
mod imported_user;
/// Signing keys, rotated while the server runs.
mod keys;
/// Who is signed in where.
mod sessions;
/// Names and email addresses of users.
mod user_profile;
/// People who sign in.
mod users;

use jeton::store::user::{self, Change, UserAttributes};
use poem::Request;
use poem::http::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Answer, Jeton, leak};

/// A user with the role `jeton:admin`.
pub const ROOT: (&str, &str) = ("root", "a password of some length");

/// A Jeton with an administrator who has signed in.
pub struct Admin {
    pub jeton: Jeton,
    pub id: Uuid,
    pub token: String,
}

impl Admin {
    pub async fn start() -> Self {
        Self::of(Jeton::start().await).await
    }

    /// Adds an administrator to a Jeton, and signs them in.
    pub async fn of(jeton: Jeton) -> Self {
        let id = jeton.add_user(ROOT.0, ROOT.1).await;
        give_roles(&jeton, id, "jeton:admin").await;
        jeton
            .add_client("console", None, |client| {
                "account admin".clone_into(&mut client.scope);
            })
            .await;
        let token = sign_in(&jeton, ROOT, Some("admin")).await;
        Self { jeton, id, token }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.jeton.get_with(path, &self.token).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "", None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &body.to_string(), None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &body.to_string(), None).await
    }

    pub async fn patch(&self, path: &str, body: Value, if_match: Option<&str>) -> Answer {
        let body = body.to_string();
        self.send(Method::PATCH, path, &body, if_match).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: &str,
        if_match: Option<&str>,
    ) -> Answer {
        leak::learn_json(body);
        let mut request = Request::builder()
            .method(method)
            .uri(path.parse().unwrap())
            .header("authorization", format!("Bearer {}", self.token));
        if !body.is_empty() {
            request = request.content_type("application/json");
        }
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        self.jeton.send(request.body(body.to_owned())).await
    }
}

/// Signs somebody in at the client `console`.
pub async fn sign_in(jeton: &Jeton, who: (&str, &str), scope: Option<&str>) -> String {
    let mut parameters = vec![
        ("grant_type", "password"),
        ("username", who.0),
        ("password", who.1),
        ("client_id", "console"),
    ];
    parameters.extend(scope.map(|scope| ("scope", scope)));
    jeton.token(&parameters).await.tokens().access_token
}

pub async fn give_roles(jeton: &Jeton, id: Uuid, roles: &str) {
    let amendment = UserAttributes {
        roles: Some(roles.to_owned()),
        ..UserAttributes::NONE
    };
    let change = Change::Attributes(amendment);
    let changed = user::change(&jeton.server.store, id, change, &jeton.cause()).await;
    changed.unwrap();
}

/// A refusal as problem details, RFC 9457, that names these fields.
#[track_caller]
pub fn assert_problem(answer: &Answer, status: u16, fields: &[&str]) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"));
    let json = answer.json();
    assert_eq!(json["status"], status);
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let named: Vec<&str> = errors
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(named, fields, "{}", answer.body);
}
