//! Redemptions of a code at several nodes, and beside a sign-out.

use std::sync::Arc;
use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::database_url::Engine;
use jeton::store::Store;
use jeton::store::session::{self, Ending};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::support::browser::{Browser, request};
use crate::support::database::server_engine;
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

async fn node(store: Store) -> Arc<Jeton> {
    let clock = Clock::standing_at(START);
    Arc::new(Jeton::on(store, clock, ROOT_SECRET, |_| {}).await)
}

async fn node_with_app(data: &DataDir) -> Arc<Jeton> {
    let jeton = node(data.open().await).await;
    jeton.add_app("app", |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    jeton
}

/// row 77: one gets tokens, the others `invalid_grant`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_redemptions_of_one_code_over_two_nodes_begin_one_session() {
    let data = DataDir::new();
    let nodes = [node_with_app(&data).await, node(data.open().await).await];
    let code = Browser::default()
        .sign_in(&nodes[0], &request(&[]))
        .await
        .code();
    let requests = (0..200).map(|number| {
        let (node, code) = (Arc::clone(&nodes[number % nodes.len()]), code.clone());
        tokio::spawn(async move { node.redeem(&code).await })
    });
    let mut redeemed = Vec::new();
    for task in requests.collect::<Vec<_>>() {
        let answer = task.await.unwrap();
        if answer.status == 200 {
            redeemed.push(answer.tokens());
        } else {
            answer.assert_error(400, "invalid_grant");
        }
    }
    assert_eq!(redeemed.len(), 1);
    let begun = "SELECT count(*) FROM sessions WHERE client_id = 'app'";
    assert_eq!(data.number(begun).await, 1);
    // The same device, at once.
    nodes[1].refresh_at("app", &redeemed[0]).await.tokens();
}

/// row 78: a session that could not be stored, or not be revoked, is an error of the server. The code stays good
/// until it is redeemed, and the next replay tries again.
#[tokio::test]
async fn a_redemption_that_the_database_fails_is_an_error_of_the_server() {
    let data = DataDir::of_file();
    let jeton = node_with_app(&data).await;
    let code = Browser::default()
        .sign_in(&jeton, &request(&[]))
        .await
        .code();
    let redeem_while_broken = async |statement: &str| {
        let trigger = format!(
            "CREATE TRIGGER broken BEFORE {statement} ON sessions BEGIN SELECT RAISE(ABORT, 'broken'); END"
        );
        data.execute(&trigger).await;
        jeton.redeem(&code).await.assert_error(500, "server_error");
        data.execute("DROP TRIGGER broken").await;
    };
    redeem_while_broken("INSERT").await;
    let tokens = jeton.redeem(&code).await.tokens();
    jeton.advance(Duration::from_secs(11));
    redeem_while_broken("UPDATE").await;
    jeton.redeem(&code).await.assert_error(400, "invalid_grant");
    let session = jeton.session(&tokens).await;
    assert_eq!(session.revocation_reason, Some(Ending::CodeReplay));
    let event = jeton.audit_event(Action::CodeReplay).await;
    assert_eq!(event.detail, r#"{"ended":true}"#);
}

/// row 81: the sign-out waits for the redemption, and then finds its session.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_sign_out_that_waits_for_a_redemption_ends_its_session() {
    let data = DataDir::new();
    let jeton = node_with_app(&data).await;
    let browser = Browser::default();
    let code = browser.sign_in(&jeton, &request(&[])).await.code();
    let first = jeton.redeem(&code).await.tokens();
    let browser_session = jeton.session(&first).await.browser_session_id.unwrap();
    let code = browser.open(&jeton, &request(&[])).await.code();
    // The redemption has written its session and waits before its audit event.
    let hand = data.connect().await;
    let other = hand.begin().await.unwrap();
    let lock = match server_engine() {
        Engine::Postgres => "LOCK TABLE audit_events",
        Engine::MySql => "SELECT id FROM audit_events FOR UPDATE",
    };
    other.execute_unprepared(lock).await.unwrap();
    let node = Arc::clone(&jeton);
    let redemption = tokio::spawn(async move { node.redeem(&code).await });
    wait_for_lock_waits(&data, 1, &redemption).await;
    let (store, cause) = (jeton.server.store.clone(), jeton.cause());
    let signing_out = tokio::spawn(async move {
        session::revoke(&store, browser_session, Ending::SignOut, &cause).await
    });
    wait_for_lock_waits(&data, 2, &signing_out).await;
    other.commit().await.unwrap();
    let tokens = redemption.await.unwrap().tokens();
    assert!(signing_out.await.unwrap().unwrap());
    for tokens in [first, tokens] {
        let session = jeton.session(&tokens).await;
        assert_eq!(session.revocation_reason, Some(Ending::SignOut));
    }
}

/// Waits until this number of statements wait for locks. Without a lock, the task ends or waits for another one.
async fn wait_for_lock_waits<T>(data: &DataDir, number: i64, task: &tokio::task::JoinHandle<T>) {
    for _ in 0..25 {
        if task.is_finished() || data.lock_waits().await >= number {
            return;
        }
        // MariaDB caches the answer for 100 ms.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("nothing waits");
}
