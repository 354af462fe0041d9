//! Nodes that write at the same time: one after another on SQLite, concurrently on servers.

use std::time::Duration;

use futures_util::future::join_all;
use jeton::audit::Cause;
use jeton::client::secret::NewSecret;
use jeton::clock::Clock;
use jeton::database_url::DatabaseUrl;
use jeton::key::StoredKey;
use jeton::store::client_secret::SecretError;
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change, UserError, UserFilter};
use jeton::store::{Store, client, client_secret, signing_key};
use sea_orm::DbErr;

use crate::support::client::{disable, enable};
use crate::support::database::{LIMITS, TestDatabase, connect};
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, SECRET, START, like};

async fn node(data: &DataDir) -> Jeton {
    let clock = Clock::standing_at(START);
    Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await
}

/// One of them migrates the database, and all of them start. `store/mod.rs` has the test for SQLite.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn six_nodes_open_an_empty_database_at_once() {
    let database = TestDatabase::empty().unwrap();
    let opening = (0..6).map(|_| {
        let url = database.url();
        tokio::spawn(async move { connect(&url).await })
    });
    for store in join_all(opening).await {
        assert!(!user::any(&store.unwrap()).await.unwrap());
    }
}

/// The error names the server and the setting.
#[tokio::test]
async fn a_failed_connection_names_the_server_without_its_password() {
    let url = "postgres://jeton:pa55word@127.0.0.1:1/jeton?sslmode=disable";
    let Ok(DatabaseUrl::Server(url)) = DatabaseUrl::parse(url) else {
        panic!();
    };
    let opened = Store::connect(&url, LIMITS).await;
    let error = opened.err().unwrap().to_string();
    assert!(
        error.starts_with(
            "cannot connect to PostgreSQL at 127.0.0.1:1/jeton (database.url or \
             database.url_file): "
        ),
        "{error}"
    );
    assert!(error.contains("Connection refused"), "{error}");
    assert!(error.contains("see whether the server runs"), "{error}");
    assert!(!error.contains("pa55word"), "{error}");
}

/// "The last admin" cannot be disabled or deleted, also not by two changes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_admins_cannot_disable_or_delete_each_other() {
    let data = DataDir::new();
    let nodes = [node(&data).await, node(&data).await];
    let cause = nodes[0].cause();
    for round in 0..20 {
        let mut admins = Vec::new();
        for name in ["ann", "bob"] {
            let id = nodes[0].add_user(&format!("{name}{round}"), "x").await;
            crate::api::admin::give_roles(&nodes[0], id, "jeton:admin").await;
            admins.push(id);
        }
        let endings = std::iter::zip(&nodes, &admins).map(|(node, admin)| {
            let change = if round % 2 == 0 {
                Change::DISABLE
            } else {
                Change::Delete
            };
            user::change(&node.server.store, *admin, change, &cause)
        });
        let outcomes = join_all(endings).await;
        let refused = |outcome: &&Result<_, _>| matches!(outcome, Err(UserError::LastAdmin));
        assert_eq!(outcomes.iter().filter(refused).count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let filter = UserFilter {
            role: Some("jeton:admin"),
            disabled: Some(false),
            ..UserFilter::default()
        };
        let store = &nodes[0].server.store;
        let left = user::search(store, filter, None, 9).await.unwrap();
        assert_eq!(left.len(), 1);
        // The next round begins without an admin.
        let delete = format!("DELETE FROM users WHERE username = '{}'", left[0].username);
        assert_eq!(data.execute(&delete).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_create_a_key_at_once_create_one() {
    let data = DataDir::new();
    let stores = join_all((0..4).map(|_| data.open())).await;
    let cause = Cause::system(START);
    for round in 0..10 {
        let at = START.plus(Duration::from_hours(24) * (round + 1));
        let nearby = at.minus(Duration::from_secs(9))..=at.plus(Duration::from_secs(9));
        let keys = (0..4).map(|number| StoredKey {
            id: format!("{round}-{number}"),
            public_jwk: "{}".to_owned(),
            sealed_private_key: None,
            created_at: START,
            activates_at: at,
            longest_lifetime: 0,
            revoked_at: None,
        });
        let keys: Vec<_> = keys.collect();
        let inserting = std::iter::zip(&stores, &keys)
            .map(|(store, key)| signing_key::insert(store, key, nearby.clone(), &cause));
        let inserted = join_all(inserting).await;
        let created = inserted.into_iter().filter(|one| *one.as_ref().unwrap());
        assert_eq!(created.count(), 1);
    }
    assert_eq!(signing_key::list(&stores[0]).await.unwrap().len(), 10);
}

/// row 31: a session that begins while its client is disabled is revoked or not stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_session_stays_active_after_its_client_is_disabled_concurrently() -> Result<(), DbErr> {
    let data = DataDir::new();
    let nodes = [node(&data).await, node(&data).await];
    nodes[0].add_client("first-party", None, |_| {}).await;
    nodes[0].add_user(ALICE.0, ALICE.1).await;
    let cause = nodes[0].cause();
    let tokens = nodes[0].sign_in().await;
    let mut model = nodes[0].session(&tokens).await;
    let store = &nodes[0].server.store;
    for _ in 1..40 {
        let client = client::find(store, "first-party").await?;
        model.client_epoch = client.unwrap().epoch;
        let (begun, disabled) = tokio::join!(
            session::begin(store, like(&model), &[], &cause),
            disable(&nodes[1].server.store, "first-party", &cause),
        );
        disabled.unwrap();
        if let Some(begun) = begun? {
            let found = session::find(store, begun.id).await?;
            let session = found.unwrap().session;
            assert_eq!(session.revocation_reason, Some(Ending::ClientDisabled));
        }
        enable(store, "first-party", &cause).await.unwrap();
    }
    Ok(())
}

/// A later client of the same id does not have the secrets of an earlier one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_is_deleted_meanwhile_leaves_no_secret() {
    let data = DataDir::new();
    let nodes = [node(&data).await, node(&data).await];
    let cause = nodes[0].cause();
    let secret = NewSecret::random();
    for _ in 0..20 {
        nodes[0].add_client("web", Some(SECRET), |_| {}).await;
        let (first, second) = (&nodes[0].server.store, &nodes[1].server.store);
        let (added, deleted) = tokio::join!(
            client_secret::add(first, "web", &secret, &cause),
            client::delete(second, "web", &cause),
        );
        assert!(matches!(added, Ok(_) | Err(SecretError::NoClient)));
        deleted.unwrap();
        let left = client_secret::of_client(first, "web").await.unwrap();
        assert_eq!(left, []);
    }
}

/// PostgreSQL refuses a NUL in text. Jeton treats such a value as unknown.
#[tokio::test]
async fn a_value_with_a_nul_is_unknown_and_no_server_error() {
    let jeton = Jeton::start().await;
    let basic = crate::support::basic_raw("a\0b", "x");
    let answer = jeton
        .token_as(&basic, &[("grant_type", "client_credentials")])
        .await;
    answer.assert_error(401, "invalid_client");
    let named = [("grant_type", "refresh_token"), ("client_id", "a\0b")];
    let answer = jeton.token(&named).await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
    let typed = [
        ("grant_type", "password"),
        ("username", "a\0b"),
        ("password", "a\0b"),
    ];
    let answer = jeton.token(&typed).await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
    let store = &jeton.server.store;
    let filter = client::ClientFilter {
        part: Some("\0"),
        ..client::ClientFilter::default()
    };
    assert!(client::search(store, filter, Some("\0"), 9).await.is_ok());
    let filter = UserFilter {
        name_part: Some("\0"),
        role: Some("\0"),
        ..UserFilter::default()
    };
    assert!(user::search(store, filter, Some("\0"), 9).await.is_ok());
}
