//! JSON bodies of the admin API: new clients and users, and merge patches (RFC 7396) of one of each.
//!
//! The first byte selects the operation.

use jeton::client::ClientSettings;
use jeton::store::user::{self, Change, UserAttributes};
use poem::Request;
use poem::http::Method;
use serde_json::{Map, Value};

use super::server::Server;
use super::{Target, selected};
use crate::support::document::{DOCUMENT, assert_valid};
use crate::support::{Answer, Jeton, SECRET};

/// A user with the role `jeton:admin`.
const ROOT: (&str, &str) = ("root", "a password of some length");
/// The client and the user that are patched.
const CLIENT: &str = "patched";
const USER: &str = "patched";

pub struct Admin {
    server: Server,
    access_token: String,
    client: Patched,
    user: Patched,
}

/// What is patched, and how it was at the start.
struct Patched {
    path: String,
    template: &'static str,
    before: Map<String, Value>,
}

impl Target for Admin {
    const INPUTS: u32 = 5000;

    fn start() -> Self {
        let mut user = String::new();
        let server = Server::start(async |jeton: &Jeton| {
            user = add_users(jeton).await;
            let add = jeton.add_client("console", None, |client| {
                "account admin".clone_into(&mut client.scope);
            });
            add.await;
            jeton.add_client(CLIENT, Some(SECRET), |_| {}).await;
        });
        let mut admin = Self {
            access_token: server.run(sign_in(&server.jeton)),
            client: Patched::new(format!("/admin/clients/{CLIENT}"), "/admin/clients/{id}"),
            user: Patched::new(format!("/admin/users/{user}"), "/admin/users/{id}"),
            server,
        };
        // A client that has its defaults stays as it is when a patch resets it.
        let reset = everything_null(&admin.read(&admin.client));
        admin.send(Method::PATCH, &admin.client.path, reset.into());
        admin.client.before = admin.read(&admin.client);
        admin.user.before = admin.read(&admin.user);
        admin
    }

    fn run(&mut self, input: &[u8]) {
        match selected(input, 4) {
            Some((0, rest)) => self.create("/admin/clients", rest),
            Some((1, rest)) => self.patch(&self.client, rest),
            Some((2, rest)) => self.create("/admin/users", rest),
            Some((_, rest)) => self.patch(&self.user, rest),
            None => {}
        }
    }
}

impl Patched {
    fn new(path: String, template: &'static str) -> Self {
        Self {
            path,
            template,
            before: Map::new(),
        }
    }

    fn is_client(&self) -> bool {
        self.template.starts_with("/admin/clients")
    }
}

/// Adds an administrator, and the user that is patched, whose id it returns.
async fn add_users(jeton: &Jeton) -> String {
    let id = jeton.add_user(ROOT.0, ROOT.1).await;
    let roles = UserAttributes {
        roles: Some("jeton:admin".to_owned()),
        ..UserAttributes::NONE
    };
    let change = Change::Attributes(roles);
    let changed = user::change(&jeton.server.store, id, change, &jeton.cause()).await;
    changed.unwrap();
    let id = jeton.add_user(USER, "another long password").await;
    id.to_string()
}

async fn sign_in(jeton: &Jeton) -> String {
    let parameters = [
        ("grant_type", "password"),
        ("username", ROOT.0),
        ("password", ROOT.1),
        ("client_id", "console"),
        ("scope", "admin"),
    ];
    jeton.token(&parameters).await.tokens().access_token
}

impl Admin {
    fn send(&self, method: Method, path: &str, body: Body) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path.parse().unwrap())
            .header("authorization", format!("Bearer {}", self.access_token));
        if !body.0.is_empty() {
            request = request.content_type("application/json");
        }
        let answer = self.server.send(request, body.0);
        if answer.status.as_u16() >= 400 {
            let media_type = answer.header("content-type");
            assert_eq!(media_type, Some("application/problem+json"));
        }
        answer
    }

    fn read(&self, patched: &Patched) -> Map<String, Value> {
        let answer = self.send(Method::GET, &patched.path, Vec::new().into());
        assert_eq!(answer.status, 200, "{}", answer.body);
        changeable(&answer.json(), patched.is_client())
    }

    /// What is created reads as it was answered, and can be deleted.
    fn create(&self, path: &str, body: &[u8]) {
        let answer = self.send(Method::POST, path, body.to_vec().into());
        if answer.status != 201 {
            return;
        }
        assert_documented(path, "post", body);
        let place = answer.header("location").unwrap();
        let place = place.strip_prefix(crate::support::ISSUER).unwrap_or(place);
        let read = self.send(Method::GET, place, Vec::new().into());
        assert_eq!(read.status, 200, "{}", read.body);
        let (created, read) = (answer.json(), read.json());
        let is_client = path == "/admin/clients";
        assert_eq!(
            changeable(&read, is_client),
            changeable(&created, is_client)
        );
        let deleted = self.send(Method::DELETE, place, Vec::new().into());
        assert_eq!(deleted.status, 204, "{}", deleted.body);
    }

    /// The result of a patch is itself a patch, without an effect. A patch of nulls brings the defaults back.
    fn patch(&self, patched: &Patched, body: &[u8]) {
        let answer = self.send(Method::PATCH, &patched.path, body.to_vec().into());
        if answer.status != 200 {
            assert_eq!(self.read(patched), patched.before, "a refused patch");
            return;
        }
        assert_documented(patched.template, "patch", body);
        let after = changeable(&answer.json(), patched.is_client());
        assert_eq!(self.read(patched), after);
        let again = self.send(Method::PATCH, &patched.path, after.clone().into());
        assert_eq!(again.status, 200, "{}: {}", Value::from(after), again.body);
        assert_eq!(self.read(patched), after);
        let reset = if patched.is_client() {
            everything_null(&after)
        } else {
            patched.before.clone()
        };
        let reset = self.send(Method::PATCH, &patched.path, reset.into());
        assert_eq!(reset.status, 200, "{}", reset.body);
        assert_eq!(self.read(patched), patched.before);
    }
}

/// A body of a request.
struct Body(Vec<u8>);

impl From<Vec<u8>> for Body {
    fn from(text: Vec<u8>) -> Self {
        Self(text)
    }
}

impl From<Map<String, Value>> for Body {
    fn from(members: Map<String, Value>) -> Self {
        Self(Value::from(members).to_string().into_bytes())
    }
}

/// The members of a client or a user that can be changed; `null` for those that are absent.
fn changeable(json: &Value, is_client: bool) -> Map<String, Value> {
    let user = ["username", "name", "email", "roles", "disabled"];
    let names: Vec<String> = if is_client {
        ClientSettings::default()
            .members()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    } else {
        user.map(str::to_owned).into()
    };
    let members = names.into_iter().map(|name| {
        let value = json[&name].clone();
        (name, value)
    });
    members.collect()
}

fn everything_null(members: &Map<String, Value>) -> Map<String, Value> {
    let members = members.keys().map(|name| (name.clone(), Value::Null));
    members.collect()
}

/// What the server accepts is what the OpenAPI document describes.
fn assert_documented(path: &str, method: &str, body: &[u8]) {
    let body: Value = serde_json::from_slice(body).unwrap();
    let content = &DOCUMENT["paths"][path][method]["requestBody"]["content"];
    assert_valid("the request", &content["application/json"]["schema"], &body);
}
