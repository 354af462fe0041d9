//! The examples of the document are true: what they send is accepted, what they show is what is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use crate::api::admin::{Admin, ROOT, sign_in};
use crate::support::document::{DOCUMENT, resolved};
use crate::support::{Answer, Jeton, basic_raw, encode, form};

/// A server on which the examples are acted out.
struct Stage {
    admin: Admin,
    /// What stands in a path for each id of the examples.
    ids: BTreeMap<&'static str, String>,
}

impl Stage {
    async fn set() -> Self {
        let jeton = Jeton::with(|settings| {
            "https://auth.example.com".clone_into(&mut settings.issuer);
            settings.account.registration = jeton::config::Registration::Open;
        });
        let mut admin = Admin::of(jeton.await).await;
        admin.token = sign_in(&admin.jeton, ROOT, Some("account admin")).await;
        let ids = BTreeMap::new();
        Self { admin, ids }
    }

    /// Sends the example of this name for an operation, and compares the answer with the one of that
    /// name.
    async fn act(&self, operation: &str, sent: &str, answered: &str) -> Answer {
        let body = request(operation, sent);
        self.act_with(operation, &body, answered).await
    }

    async fn act_with(&self, id: &str, body: &Value, answered: &str) -> Answer {
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

    /// Posts an example to a door for clients.
    async fn post(&self, id: &str, body: &Value, answered: &str) -> Answer {
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

/// The example with some of its values replaced by what is true here.
fn with(mut example: Value, values: &[(&str, &str)]) -> Value {
    for (name, value) in values {
        example[*name] = json!(value);
    }
    example
}

/// Which members a value has, and of which types.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members
                .iter()
                .map(|(name, one)| (name, shape(one)))
                .collect();
            json!(members)
        }
        // What has several shapes in one list is shown by examples of one element each.
        Value::Array(items) => Value::Array(items.first().map(shape).into_iter().collect()),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Null => Value::Null,
    }
}

impl Stage {
    /// Says what `{id}` stands for from now on.
    fn at(&mut self, id: &Value) {
        self.ids.insert("id", id.as_str().unwrap().to_owned());
    }

    async fn sees(&self, id: &str, answered: &str) -> Value {
        self.act_with(id, &Value::Null, answered).await.json()
    }
}

/// What people and clients do in the examples.
#[tokio::test]
async fn people_and_clients_are_answered_as_the_examples_show() {
    let mut stage = Stage::set().await;
    stage.act("createUser", "password", "ada").await;
    stage.act("createClient", "public", "public").await;
    let api = stage
        .act("createClient", "confidential", "confidential")
        .await
        .json();
    let secret = api["client_secret"].as_str().unwrap();

    let itself = with(
        request("requestToken", "client"),
        &[("client_secret", secret)],
    );
    stage.post("requestToken", &itself, "client").await;
    let tokens = stage
        .post(
            "requestToken",
            &request("requestToken", "sign_in"),
            "person",
        )
        .await;
    let tokens = tokens.tokens();
    let refresh_token = [("refresh_token", tokens.refresh_token.as_str())];
    let narrowed = with(request("requestToken", "narrowed"), &refresh_token);
    let narrowed = stage.post("requestToken", &narrowed, "person").await;
    assert_eq!(narrowed.tokens().scope, "notes:read");
    let refresh = with(request("requestToken", "refresh"), &refresh_token);
    stage.post("requestToken", &refresh, "person").await;

    let asker = [("client_id", "notes-api"), ("client_secret", secret)];
    let ask = with(request("introspectToken", "ask"), &asker);
    stage.post("introspectToken", &ask, "inactive").await;
    let ask = with(ask, &[("token", &tokens.access_token)]);
    stage.post("introspectToken", &ask, "active").await;

    stage.admin.token = tokens.access_token;
    stage.sees("fetchAccount", "ada").await;
    stage.sees("listAccountSessions", "here").await;
    stage.act("registerAccount", "grace", "grace").await;
    stage
        .act("changeAccountPassword", "change", "elsewhere")
        .await;

    let sign_out = with(
        request("revokeToken", "sign_out"),
        &[("token", refresh_token[0].1)],
    );
    stage.post("revokeToken", &sign_out, "").await;
    let basic = basic_raw("notes-api", secret);
    let feed = Request::builder()
        .uri("/revoked-sessions".parse().unwrap())
        .header("authorization", basic);
    let feed = stage.admin.jeton.send(feed.finish()).await;
    let shown = example(&find("listRevokedSessions").2["responses"]["200"], "ended").unwrap();
    assert_eq!(shape(shown), shape(&feed.json()));
    for (id, shown) in [
        ("fetchJsonWebKeySet", "keys"),
        ("fetchServerMetadata", "metadata"),
        ("fetchOpenidConfiguration", "metadata"),
    ] {
        stage.sees(id, shown).await;
    }
}

/// What operators do in the examples.
#[tokio::test]
async fn operators_are_answered_as_the_examples_show() {
    let mut stage = Stage::set().await;
    let ada = stage.act("createUser", "password", "ada").await.json();
    stage.act("createUser", "hash", "ada").await;
    stage.at(&ada["id"]);
    stage.sees("fetchUser", "ada").await;
    stage.sees("listUsers", "last").await;
    stage.act("setUserPassword", "password", "ended").await;
    stage.sees("endUserSessions", "ended").await;
    stage
        .send(
            "updateUser",
            &request("updateUser", "roles"),
            &stage.admin.token,
        )
        .await;
    stage.act("updateUser", "disable", "disabled").await;
    stage.sees("fetchUser", "disabled").await;

    let web = stage.act("createClient", "public", "public").await.json();
    let api = stage
        .act("createClient", "confidential", "confidential")
        .await
        .json();
    stage.at(&web["client_id"]);
    stage.sees("fetchClient", "public").await;
    stage.act("setClientOrigins", "origins", "public").await;
    stage.act("updateClient", "lifetime", "public").await;
    let disabled = request("updateClient", "disable");
    assert_eq!(
        stage
            .send("updateClient", &disabled, &stage.admin.token)
            .await
            .status,
        200
    );
    stage.at(&api["client_id"]);
    stage.act("createClientSecret", "made", "added").await;
    let brought = request("createClientSecret", "brought");
    assert_eq!(
        stage
            .send("createClientSecret", &brought, &stage.admin.token)
            .await
            .status,
        201
    );

    let sessions = stage.sees("listSessions", "page").await;
    stage.at(&sessions["sessions"][0]["id"]);
    stage.sees("fetchSession", "goes_on").await;
    stage.admin.jeton.advance(Duration::from_secs(1));
    stage.act("rotateSigningKey", "in_time", "published").await;
    stage.sees("listSigningKeys", "two").await;
    stage
        .act("rotateSigningKey", "emergency", "published")
        .await;
}

/// On which user or client, by which operation, what is refused, and what its example is called. A text
/// stands for the example of that name.
const REFUSED: &str = r#"[
    ["", "registerAccount", "grace", "taken"],
    ["", "createUser", "password", "taken"],
    ["", "createClient", "public", "taken"],
    ["", "registerAccount", {"username": "x", "password": "short"}, "password"],
    ["", "createUser", {"username": "x", "password": "short"}, "password"],
    ["", "createClient", {"client_id": "x", "grant_types": ["implicit"]}, "grant_types"],
    ["", "changeAccountPassword", {"current_password": "wrong", "new_password": "x"}, "current_password"],
    ["", "rotateSigningKey", {"emergency": "yes"}, "emergency"],
    ["ada", "updateUser", {"roles": ["x y"]}, "roles"],
    ["ada", "setUserPassword", {"password": "short"}, "password"],
    ["root", "updateUser", {"roles": []}, "last"],
    ["root", "deleteUser", null, "last"],
    ["notes-web", "updateClient", {"retry_window": 61}, "retry_window"],
    ["notes-web", "setClientOrigins", {"origins": ["example.com"]}, "origins"],
    ["notes-web", "createClientSecret", {}, "public"],
    ["notes-web", "createClientSecret", {"expires_in": 0}, "expires_in"]
]"#;

/// Each refusal in words of its own is one that the server gives, word by word.
#[tokio::test]
async fn the_server_refuses_what_is_there_or_wrong_in_the_words_of_the_examples() {
    let mut stage = Stage::set().await;
    stage.act("registerAccount", "grace", "grace").await;
    stage.act("createClient", "public", "public").await;
    let ada = stage.act("createUser", "password", "ada").await.json();
    let root = json!(stage.admin.id.to_string());
    let table: Vec<(String, String, Value, String)> = serde_json::from_str(REFUSED).unwrap();
    for (on, id, body, name) in table {
        stage.at(&match on.as_str() {
            "ada" => ada["id"].clone(),
            "root" => root.clone(),
            other => json!(other),
        });
        let body = body
            .as_str()
            .map_or(body.clone(), |name| request(&id, name));
        stage.refuses(&id, &body, &name).await;
    }
}

/// The same, of secrets and keys.
#[tokio::test]
async fn the_server_keeps_secrets_and_keys_in_the_words_of_the_examples() {
    let mut stage = Stage::set().await;
    let api = stage
        .act("createClient", "confidential", "confidential")
        .await
        .json();
    stage.at(&api["client_id"]);
    let token = stage.admin.token.clone();
    let secrets = stage
        .send("listClientSecrets", &Value::Null, &token)
        .await
        .json();
    let secret = secrets["secrets"][0]["id"].as_str().unwrap().to_owned();
    stage.ids.insert("secret_id", secret);
    stage
        .refuses("deleteClientSecret", &Value::Null, "last")
        .await;
    for _ in 1..5 {
        stage.act("createClientSecret", "made", "added").await;
    }
    stage
        .refuses("createClientSecret", &json!({}), "many")
        .await;
    stage.admin.jeton.advance(Duration::from_secs(1));
    stage.act("rotateSigningKey", "in_time", "published").await;
    let early = stage.send("rotateSigningKey", &json!({}), &token).await;
    assert_eq!(early.status, 409);
    assert!(
        early.body.contains("is published already and signs from"),
        "{}",
        early.body
    );
}

impl Stage {
    async fn refuses(&self, id: &str, body: &Value, named: &str) {
        let answer = self.send(id, body, &self.admin.token).await;
        let (_, _, operation) = find(id);
        let shown = example(&operation["responses"][answer.status.as_str()], named);
        let shown = shown.unwrap_or_else(|| panic!("{id}: {} {}", answer.status, answer.body));
        assert_eq!(shown, &answer.json(), "{id}");
    }
}
