//! The document's examples: the server accepts the requests and returns the responses.

use std::collections::BTreeMap;
use std::time::Duration;

use jeton::scope::Scope;
use jeton::store::consent;
use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use crate::api::admin::{Admin, ROOT, sign_in};
use crate::support::document::{DOCUMENT, resolved};
use crate::support::{Answer, Jeton, basic_raw, claims, encode, form};

/// A server that receives the examples.
struct ExampleServer {
    admin: Admin,
    /// The values of the path parameters.
    ids: BTreeMap<&'static str, String>,
}

impl ExampleServer {
    async fn start() -> Self {
        let jeton = Jeton::with(|settings| {
            "https://auth.example.com".clone_into(&mut settings.issuer);
            settings.account.registration = jeton::config::RegistrationPolicy::Open;
        });
        let mut admin = Admin::of(jeton.await).await;
        admin.token = sign_in(&admin.jeton, ROOT, Some("account admin")).await;
        let ids = BTreeMap::new();
        Self { admin, ids }
    }

    /// Sends an operation's example and compares the response with the example `answered`.
    async fn check(&self, operation: &str, sent: &str, answered: &str) -> Answer {
        let body = request(operation, sent);
        self.check_body(operation, &body, answered).await
    }

    async fn check_body(&self, id: &str, body: &Value, answered: &str) -> Answer {
        let answer = self.send(id, body, &self.admin.token).await;
        let (_, _, operation) = find(id);
        let response = &operation["responses"][answer.status.as_str()];
        let shown = example(response, answered);
        let shown = shown.unwrap_or_else(|| panic!("{id}: {} {}", answer.status, answer.body));
        assert_eq!(shape(shown), shape(&answer.json()), "{id}: {answered}");
        answer
    }

    async fn send(&self, id: &str, body: &Value, token: &str) -> Answer {
        let (method, path, _) = find(id);
        let mut path = path.to_owned();
        for (name, own) in &self.ids {
            path = path.replace(&format!("{{{name}}}"), own);
        }
        let mut request = Request::builder()
            .method(method.to_ascii_uppercase().parse::<Method>().unwrap())
            .uri(path.parse().unwrap())
            .header("authorization", format!("Bearer {token}"));
        if body.is_object() {
            request = request.content_type("application/json");
        }
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.admin.jeton.send(request.body(text)).await
    }

    /// Posts an example as a form.
    async fn check_form(&self, id: &str, body: &Value, answered: &str) -> Answer {
        let (_, path, operation) = find(id);
        let pairs = body.as_object().unwrap().iter();
        let pairs: Vec<_> = pairs
            .map(|(name, one)| (name.as_str(), one.as_str().unwrap()))
            .collect();
        let answer = self.admin.jeton.send(form(path).body(encode(&pairs))).await;
        assert_eq!(answer.status, 200, "{id}: {}", answer.body);
        if !answered.is_empty() {
            let shown = example(&operation["responses"]["200"], answered).unwrap();
            assert_eq!(shape(shown), shape(&answer.json()), "{id}: {answered}");
        }
        answer
    }
}

fn find(id: &str) -> (&'static str, &'static str, &'static Value) {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap();
        operations
            .iter()
            .map(move |(method, one)| (method.as_str(), path.as_str(), one))
    });
    let mut found = all.filter(|(_, _, operation)| operation["operationId"] == id);
    found.next().unwrap_or_else(|| panic!("no {id}"))
}

fn example(body: &'static Value, name: &str) -> Option<&'static Value> {
    let content = body["content"].as_object()?.values().next()?;
    Some(&resolved(content["examples"].get(name)?)["value"])
}

fn request(id: &str, name: &str) -> Value {
    let found = example(&find(id).2["requestBody"], name);
    found
        .unwrap_or_else(|| panic!("{id} has no example {name}"))
        .clone()
}

/// The example with values of this server.
fn with(mut example: Value, values: &[(&str, &str)]) -> Value {
    for (name, value) in values {
        example[*name] = json!(value);
    }
    example
}

/// The members of a value and their types.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members
                .iter()
                .map(|(name, one)| (name, shape(one)))
                .collect();
            json!(members)
        }
        // An example has one element for each list.
        Value::Array(items) => Value::Array(items.first().map(shape).into_iter().collect()),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Null => Value::Null,
    }
}

impl ExampleServer {
    /// Sets the path parameter `{id}`.
    fn set_id(&mut self, id: &Value) {
        self.ids.insert("id", id.as_str().unwrap().to_owned());
    }

    /// Lets the administrator consent to a client.
    async fn consent(&self, client: &str) {
        let user = claims(&self.admin.token)["sub"]
            .as_str()
            .unwrap()
            .to_owned();
        let jeton = &self.admin.jeton;
        let (scope, cause) = (Scope::from_stored("notes:read"), jeton.cause());
        let store = &jeton.server.store;
        let given = consent::give(store, user.parse().unwrap(), client, &scope, &cause).await;
        assert!(given.unwrap());
    }

    async fn check_get(&self, id: &str, answered: &str) -> Value {
        self.check_body(id, &Value::Null, answered).await.json()
    }
}

#[tokio::test]
async fn responses_to_users_and_clients_match_the_examples() {
    let mut server = ExampleServer::start().await;
    server.check("createUser", "password", "ada").await;
    server.check("createClient", "public", "public").await;
    let api = server
        .check("createClient", "confidential", "confidential")
        .await
        .json();
    let secret = api["client_secret"].as_str().unwrap();

    let itself = with(
        request("requestToken", "client"),
        &[("client_secret", secret)],
    );
    server.check_form("requestToken", &itself, "client").await;
    let tokens = server
        .check_form(
            "requestToken",
            &request("requestToken", "sign_in"),
            "person",
        )
        .await;
    let tokens = tokens.tokens();
    let refresh_token = [("refresh_token", tokens.refresh_token.as_str())];
    let narrowed = with(request("requestToken", "narrowed"), &refresh_token);
    let narrowed = server.check_form("requestToken", &narrowed, "person").await;
    assert_eq!(narrowed.tokens().scope, "notes:read");
    let refresh = with(request("requestToken", "refresh"), &refresh_token);
    server.check_form("requestToken", &refresh, "person").await;

    let credentials = [("client_id", "notes-api"), ("client_secret", secret)];
    let introspection = with(request("introspectToken", "ask"), &credentials);
    server
        .check_form("introspectToken", &introspection, "inactive")
        .await;
    let introspection = with(introspection, &[("token", &tokens.access_token)]);
    server
        .check_form("introspectToken", &introspection, "active")
        .await;

    // A token for the server's own API is for no other.
    let issuer = [("resource", "https://auth.example.com")];
    let own = with(request("requestToken", "sign_in"), &issuer);
    let own = server.check_form("requestToken", &own, "person").await;
    server.admin.token = own.tokens().access_token;
    server.check_get("fetchAccount", "ada").await;
    server.check_get("listAccountSessions", "here").await;
    server.consent("notes-web").await;
    server.check_get("listAccountConsents", "one").await;
    server.check("registerAccount", "grace", "grace").await;
    server
        .check("changeAccountPassword", "change", "elsewhere")
        .await;

    let sign_out = with(
        request("revokeToken", "sign_out"),
        &[("token", refresh_token[0].1)],
    );
    server.check_form("revokeToken", &sign_out, "").await;
    let basic = basic_raw("notes-api", secret);
    let feed = Request::builder()
        .uri("/revoked-sessions".parse().unwrap())
        .header("authorization", basic);
    let feed = server.admin.jeton.send(feed.finish()).await;
    let shown = example(&find("listRevokedSessions").2["responses"]["200"], "ended").unwrap();
    assert_eq!(shape(shown), shape(&feed.json()));
}

#[tokio::test]
async fn keys_and_metadata_match_the_examples() {
    let server = ExampleServer::start().await;
    for (id, shown) in [
        ("fetchJsonWebKeySet", "keys"),
        ("fetchServerMetadata", "metadata"),
        ("fetchOpenidConfiguration", "metadata"),
    ] {
        server.check_get(id, shown).await;
    }
}

#[tokio::test]
async fn the_registration_of_an_application_matches_the_example() {
    let server = ExampleServer::start().await;
    let (sent, answered) = ("application", "application");
    server.check("createClient", sent, answered).await;
}

#[tokio::test]
async fn a_user_loses_an_email_address_by_the_example() {
    let mut server = ExampleServer::start().await;
    let ada = server.check("createUser", "password", "ada").await.json();
    server.set_id(&ada["id"]);
    let (profile, token) = (request("updateUser", "profile"), &server.admin.token);
    let changed = server.send("updateUser", &profile, token).await.json();
    assert_eq!(changed["name"], profile["name"]);
    assert_eq!(changed.get("email"), None);
}

#[tokio::test]
async fn responses_to_operators_match_the_examples() {
    let mut server = ExampleServer::start().await;
    let ada = server.check("createUser", "password", "ada").await.json();
    server.check("createUser", "hash", "ada").await;
    server.set_id(&ada["id"]);
    server.check_get("fetchUser", "ada").await;
    server.check_get("listUsers", "last").await;
    server.check("setUserPassword", "password", "ended").await;
    server.check_get("endUserSessions", "ended").await;
    server
        .send(
            "updateUser",
            &request("updateUser", "roles"),
            &server.admin.token,
        )
        .await;
    server.check("updateUser", "disable", "disabled").await;
    server.check_get("fetchUser", "disabled").await;

    let web = server
        .check("createClient", "public", "public")
        .await
        .json();
    let api = server
        .check("createClient", "confidential", "confidential")
        .await
        .json();
    server.set_id(&web["client_id"]);
    server.check_get("fetchClient", "public").await;
    server.check("updateClient", "lifetime", "public").await;
    let disabled = request("updateClient", "disable");
    assert_eq!(
        server
            .send("updateClient", &disabled, &server.admin.token)
            .await
            .status,
        200
    );
    server.set_id(&api["client_id"]);
    server.check("createClientSecret", "made", "added").await;
    let brought = request("createClientSecret", "brought");
    assert_eq!(
        server
            .send("createClientSecret", &brought, &server.admin.token)
            .await
            .status,
        201
    );

    let sessions = server.check_get("listSessions", "page").await;
    server.set_id(&sessions["sessions"][0]["id"]);
    server.check_get("fetchSession", "goes_on").await;
    server.admin.jeton.advance(Duration::from_secs(1));
    server
        .check("rotateSigningKey", "announced", "published")
        .await;
    server.check_get("listSigningKeys", "two").await;
    server.check("rotateSigningKey", "soon", "published").await;
    server
        .check("rotateSigningKey", "emergency", "published")
        .await;
}

/// User or client, operation, refused body, name of the response's example. A text as body is the name of an
/// example.
const REFUSED: &str = r#"[
    ["", "registerAccount", "grace", "taken"],
    ["", "createUser", "password", "taken"],
    ["", "createClient", "public", "taken"],
    ["", "registerAccount", {"username": "x", "password": "short"}, "password"],
    ["", "createUser", {"username": "x", "password": "short"}, "password"],
    ["", "createClient", {"client_id": "x", "grant_types": ["password"]}, "grant_types"],
    ["", "createClient", {"client_id": "x", "grant_types": ["authorization_code"]}, "redirect_uris"],
    ["", "changeAccountPassword", {"current_password": "wrong", "new_password": "x"}, "current_password"],
    ["", "rotateSigningKey", {"emergency": "yes"}, "emergency"],
    ["ada", "updateUser", {"roles": ["x y"]}, "roles"],
    ["ada", "setUserPassword", {"password": "short"}, "password"],
    ["root", "updateUser", {"roles": []}, "last"],
    ["root", "deleteUser", null, "last"],
    ["notes-web", "updateClient", {"retry_window": 61}, "retry_window"],
    ["notes-web", "updateClient", {"origins": ["example.com"]}, "origins"],
    ["notes-web", "createClientSecret", {}, "public"],
    ["notes-web", "createClientSecret", {"expires_in": 0}, "expires_in"]
]"#;

#[tokio::test]
async fn refusals_of_conflicts_and_invalid_values_equal_the_examples() {
    let mut server = ExampleServer::start().await;
    server.check("registerAccount", "grace", "grace").await;
    server.check("createClient", "public", "public").await;
    let ada = server.check("createUser", "password", "ada").await.json();
    let root = json!(server.admin.id.to_string());
    let table: Vec<(String, String, Value, String)> = serde_json::from_str(REFUSED).unwrap();
    for (on, id, body, name) in table {
        server.set_id(&match on.as_str() {
            "ada" => ada["id"].clone(),
            "root" => root.clone(),
            other => json!(other),
        });
        let body = body
            .as_str()
            .map_or(body.clone(), |name| request(&id, name));
        server.check_refusal(&id, &body, &name).await;
    }
}

#[tokio::test]
async fn refusals_about_secrets_and_keys_equal_the_examples() {
    let mut server = ExampleServer::start().await;
    let api = server
        .check("createClient", "confidential", "confidential")
        .await
        .json();
    server.set_id(&api["client_id"]);
    let token = server.admin.token.clone();
    let secrets = server
        .send("listClientSecrets", &Value::Null, &token)
        .await
        .json();
    let secret = secrets["secrets"][0]["id"].as_str().unwrap().to_owned();
    server.ids.insert("secret_id", secret);
    server
        .check_refusal("deleteClientSecret", &Value::Null, "last")
        .await;
    for _ in 1..5 {
        server.check("createClientSecret", "made", "added").await;
    }
    server
        .check_refusal("createClientSecret", &json!({}), "many")
        .await;
    server.admin.jeton.advance(Duration::from_secs(1));
    server
        .check("rotateSigningKey", "announced", "published")
        .await;
    let early = server.send("rotateSigningKey", &json!({}), &token).await;
    assert_eq!(early.status, 409);
    assert!(
        early.body.contains("is published and signs from"),
        "{}",
        early.body
    );
}

impl ExampleServer {
    async fn check_refusal(&self, id: &str, body: &Value, named: &str) {
        let answer = self.send(id, body, &self.admin.token).await;
        let (_, _, operation) = find(id);
        let shown = example(&operation["responses"][answer.status.as_str()], named);
        let shown = shown.unwrap_or_else(|| panic!("{id}: {} {}", answer.status, answer.body));
        assert_eq!(shown, &answer.json(), "{id}");
    }
}
