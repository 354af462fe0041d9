//! Two nodes: one has cached the registration of a client, and the other one changes the client. The next request at
//! the first one follows the change.

use std::time::Duration;

use jeton::client::secret::NewSecret;
use jeton::clock::Clock;
use jeton::secret::Secret;
use jeton::store::{client, client_secret};
use serde_json::json;

use crate::support::file::DataDir;
use crate::support::{
    ALICE, Answer, Jeton, ROOT_SECRET, SECRET, START, Tokens, basic_raw, claims, encode, form,
};

const OTHER_SECRET: &str = "another-secret-of-more-than-32-characters";
const APP: &str = "https://app.example.com";
const HOUR: Duration = Duration::from_hours(1);

/// Two nodes on one database.
struct Nodes {
    data: DataDir,
    first: Jeton,
    second: Jeton,
}

impl Nodes {
    /// With the confidential client `web`. The session is refreshed at the second node, which caches the client.
    async fn start() -> (Self, Tokens) {
        let data = DataDir::new();
        let clock = Clock::standing_at(START);
        let node = async || Jeton::on(data.open().await, clock.clone(), ROOT_SECRET, |_| {}).await;
        let nodes = Self {
            first: node().await,
            second: node().await,
            data,
        };
        nodes.first.add_client("web", Some(SECRET), |_| {}).await;
        nodes.first.add_user(ALICE.0, ALICE.1).await;
        let tokens = nodes.sign_in(SECRET).await;
        let tokens = nodes.refresh(SECRET, &tokens).await.tokens();
        let tokens = nodes.refresh(SECRET, &tokens).await.tokens();
        (nodes, tokens)
    }

    async fn sign_in(&self, secret: &str) -> Tokens {
        let parameters = [
            ("grant_type", "password"),
            ("username", ALICE.0),
            ("password", ALICE.1),
        ];
        let authorization = basic_raw("web", secret);
        let answer = self.first.token_as(&authorization, &parameters).await;
        answer.tokens()
    }

    /// Refreshes at the second node.
    async fn refresh(&self, secret: &str, tokens: &Tokens) -> Answer {
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*tokens.refresh_token),
        ];
        let authorization = basic_raw("web", secret);
        self.second.token_as(&authorization, &parameters).await
    }

    async fn add_secret(&self, text: &str) -> client_secret::Model {
        let secret = NewSecret::given(Secret::new(text.to_owned())).unwrap();
        let (store, cause) = (&self.first.server.store, self.first.cause());
        let added = client_secret::add(store, "web", &secret, &cause).await;
        added.unwrap()
    }
}

/// row 14: otherwise the tests here would show nothing.
#[tokio::test]
async fn a_cached_client_is_not_read_again_while_its_revision_stays() {
    let (nodes, tokens) = Nodes::start().await;
    let change = "UPDATE clients SET access_token_lifetime = 60000000 WHERE id = 'web'";
    assert_eq!(nodes.data.execute(change).await, 1);
    let tokens = nodes.refresh(SECRET, &tokens).await.tokens();
    assert_eq!(tokens.expires_in, 900);
    nodes
        .data
        .execute("UPDATE clients SET revision = revision + 1 WHERE id = 'web'")
        .await;
    let tokens = nodes.refresh(SECRET, &tokens).await.tokens();
    assert_eq!(tokens.expires_in, 60);
}

/// row 14: and the new secret is accepted by the next request.
#[tokio::test]
async fn a_secret_that_another_node_removed_is_refused_at_once() {
    let (nodes, tokens) = Nodes::start().await;
    let own = client_secret::of_client(&nodes.first.server.store, "web").await;
    nodes.add_secret(OTHER_SECRET).await;
    let tokens = nodes.refresh(OTHER_SECRET, &tokens).await.tokens();
    let tokens = nodes.refresh(SECRET, &tokens).await.tokens();
    let (store, cause) = (&nodes.first.server.store, nodes.first.cause());
    let removed = client_secret::remove(store, "web", own.unwrap()[0].id, &cause).await;
    removed.unwrap();
    let refused = nodes.refresh(SECRET, &tokens).await;
    refused.assert_error(401, "invalid_client");
    nodes.refresh(OTHER_SECRET, &tokens).await.tokens();
}

/// row 14: the expiry is compared at each request.
#[tokio::test]
async fn a_cached_secret_expires() {
    let (nodes, tokens) = Nodes::start().await;
    let secret = NewSecret::given(Secret::new(OTHER_SECRET.to_owned())).unwrap();
    let secret = secret.expiring(Some(HOUR)).unwrap();
    let (store, cause) = (&nodes.first.server.store, nodes.first.cause());
    let added = client_secret::add(store, "web", &secret, &cause).await;
    added.unwrap();
    let tokens = nodes.refresh(OTHER_SECRET, &tokens).await.tokens();
    nodes.second.advance(HOUR);
    let refused = nodes.refresh(OTHER_SECRET, &tokens).await;
    refused.assert_error(401, "invalid_client");
    nodes.refresh(SECRET, &tokens).await.tokens();
}

/// row 14: a client that is registered again has no revision of the former one. So the former secret, which the node
/// has cached, proves nothing, and the former session has ended.
#[tokio::test]
async fn a_client_that_is_registered_again_has_only_its_new_secret() {
    let (nodes, former) = Nodes::start().await;
    let store = &nodes.first.server.store;
    client::delete(store, "web", &nodes.first.cause())
        .await
        .unwrap();
    let add = nodes.first.add_client("web", Some(OTHER_SECRET), |_| {});
    add.await;
    let tokens = nodes.sign_in(OTHER_SECRET).await;
    let refused = nodes.refresh(SECRET, &tokens).await;
    refused.assert_error(401, "invalid_client");
    let refused = nodes.refresh(OTHER_SECRET, &former).await;
    refused.assert_error(400, "invalid_grant");
    nodes.refresh(OTHER_SECRET, &tokens).await.tokens();
}

/// row 31: enabling it again does not revive the session.
#[tokio::test]
async fn a_client_that_another_node_disabled_is_refused_at_once() {
    let (nodes, tokens) = Nodes::start().await;
    let disabled = |disabled: bool| json!({ "disabled": disabled });
    nodes.first.change_client("web", disabled(true)).await;
    let refused = nodes.refresh(SECRET, &tokens).await;
    refused.assert_error(401, "invalid_client");
    nodes.first.change_client("web", disabled(false)).await;
    let refused = nodes.refresh(SECRET, &tokens).await;
    refused.assert_error(400, "invalid_grant");
}

/// row 14: and settings that another node changed apply to the next token.
#[tokio::test]
async fn a_grant_type_that_another_node_removed_is_refused_at_once() {
    let (nodes, tokens) = Nodes::start().await;
    let change = json!({ "grant_types": ["password"], "access_token_lifetime": 60 });
    nodes.first.change_client("web", change).await;
    // At the second request, the client is cached as it is now.
    for _ in 0..2 {
        let refused = nodes.refresh(SECRET, &tokens).await;
        refused.assert_error(400, "unauthorized_client");
    }
    let change = json!({ "grant_types": ["password", "refresh_token"], "scope": "read" });
    nodes.first.change_client("web", change).await;
    let tokens = nodes.refresh(SECRET, &tokens).await.tokens();
    assert_eq!(tokens.expires_in, 60);
    assert_eq!(claims(&tokens.access_token)["scope"], "read");
}

/// row 39: a page of an origin that was removed cannot read the response, and one of an added origin can.
#[tokio::test]
async fn origins_that_another_node_changed_apply_at_once() {
    let (nodes, mut tokens) = Nodes::start().await;
    nodes.first.add_client("other", None, |_| {}).await;
    nodes.first.set_origins("other", &[APP]).await;
    for is_registered in [true, false, true] {
        let origins = if is_registered { &[APP][..] } else { &[] };
        nodes.first.set_origins("web", origins).await;
        for _ in 0..2 {
            let body = encode(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", &tokens.refresh_token),
            ]);
            let request = form("/token")
                .header("authorization", basic_raw("web", SECRET))
                .header("origin", APP);
            let answer = nodes.second.send(request.body(body)).await;
            let reader = answer.header("access-control-allow-origin");
            assert_eq!(reader, is_registered.then_some(APP));
            tokens = answer.tokens();
        }
    }
}

/// row 14: the promotion of a standby may lose the last change of a client. The next change does not get the revision
/// of the lost one, which a node has cached.
#[tokio::test]
async fn a_change_that_the_database_lost_has_no_effect_after_the_next_change() {
    let (nodes, tokens) = Nodes::start().await;
    let store = &nodes.first.server.store;
    let before = client::find(store, "web").await.unwrap().unwrap();
    nodes.first.advance(HOUR);
    let lost = nodes.add_secret(OTHER_SECRET).await;
    let tokens = nodes.refresh(OTHER_SECRET, &tokens).await.tokens();
    for sql in [
        format!(
            "UPDATE clients SET revision = {} WHERE id = 'web'",
            before.revision
        ),
        format!(
            "DELETE FROM client_secrets WHERE created_at = {}",
            lost.created_at.as_micros()
        ),
    ] {
        assert_eq!(nodes.data.execute(&sql).await, 1);
    }
    let refused = nodes.refresh(OTHER_SECRET, &tokens).await;
    refused.assert_error(401, "invalid_client");
    nodes
        .first
        .change_client("web", json!({ "client_name": "Web" }))
        .await;
    let refused = nodes.refresh(OTHER_SECRET, &tokens).await;
    refused.assert_error(401, "invalid_client");
    nodes.refresh(SECRET, &tokens).await.tokens();
}

/// row 39: an error of a request whose client was cached is readable by that client's pages alone, too.
#[tokio::test]
async fn an_error_at_a_cached_client_is_not_readable_by_pages_of_another() {
    let data = DataDir::of_file();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    for id in ["first-party", "other"] {
        jeton.add_client(id, None, |_| {}).await;
    }
    jeton.set_origins("other", &[APP]).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let tokens = jeton.sign_in().await;
    let trigger =
        "CREATE TRIGGER broken BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'broken'); END";
    data.execute(trigger).await;
    let body = encode(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh_token),
    ]);
    let request = form("/token").header("origin", APP);
    let answer = jeton.send(request.body(body)).await;
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
