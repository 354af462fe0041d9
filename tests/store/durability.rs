//! Durability: the engine's setting at the moment of each commit.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::config::RotationDurability;
use jeton::database_url::Engine;
use jeton::store::session::{self, Ending};

use crate::support::database::server_engine;
use crate::support::file::DataDir;
use crate::support::peer::THIEF;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

const HOUR: Duration = Duration::from_hours(1);

/// Writes `current_setting` at the end of each transaction.
const RECORD_ON_POSTGRES: &str = "\
    CREATE TABLE commits (number serial, detail text);
    CREATE FUNCTION record_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO commits (detail) VALUES (current_setting('synchronous_commit'));
      RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER record AFTER INSERT OR UPDATE ON sessions
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_commit()";
/// Writes the connection's `synchronous`: 1 is NORMAL, 2 is FULL.
const RECORD_ON_SQLITE: &str = "\
    CREATE TABLE commits (number integer PRIMARY KEY, detail text);
    CREATE TRIGGER record_insert AFTER INSERT ON sessions BEGIN
      INSERT INTO commits (detail) SELECT CAST(synchronous AS text) FROM pragma_synchronous;
    END;
    CREATE TRIGGER record_update AFTER UPDATE ON sessions BEGIN
      INSERT INTO commits (detail) SELECT CAST(synchronous AS text) FROM pragma_synchronous;
    END";

/// The durability of each commit since the last call.
async fn commits(data: &DataDir) -> Vec<String> {
    let commits = data.query("SELECT detail FROM commits ORDER BY number");
    let commits = commits.await;
    data.execute("DELETE FROM commits").await;
    commits.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn rotations_are_as_durable_as_configured_and_other_commits_always() {
    let data = DataDir::of_file();
    assert_durability(&data, RECORD_ON_SQLITE, "1", "2").await;
}

/// MariaDB and MySQL have no setting per transaction.
#[tokio::test]
#[ignore = "needs PostgreSQL: tests/stores.sh postgres"]
async fn rotations_are_as_durable_as_configured_and_other_commits_always_on_postgres() {
    assert_eq!(server_engine(), Engine::Postgres);
    let data = DataDir::new();
    assert_durability(&data, RECORD_ON_POSTGRES, "off", "on").await;
}

/// The setting covers refreshes and late retries. Sign-ins, revocations and the event of a repetition elsewhere are
/// durable.
async fn assert_durability(data: &DataDir, record: &str, relaxed: &str, durable: &str) {
    let store = data.open().await;
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(store.clone(), clock.clone(), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    data.execute(record).await;
    for (setting, expected) in [
        (RotationDurability::Relaxed, relaxed),
        (RotationDurability::Strict, durable),
    ] {
        let store = store.clone().with_rotation_durability(setting);
        let jeton = Jeton::on(store, clock.clone(), ROOT_SECRET, |_| {}).await;
        let first = jeton.sign_in().await;
        assert_eq!(commits(data).await, [durable]);

        let second = jeton.refresh(&first.refresh_token).await.tokens();
        assert_eq!(commits(data).await, [expected]);

        // From the same device; repeated elsewhere; from another device.
        for (device, pause, expected) in [
            (None, HOUR, expected),
            (Some(THIEF), Duration::ZERO, durable),
            (Some(THIEF), HOUR, expected),
        ] {
            jeton.advance(pause);
            let retried = match device {
                None => jeton.refresh(&first.refresh_token).await,
                Some(device) => jeton.refresh_on(device, &first.refresh_token).await,
            };
            assert_eq!(retried.tokens().refresh_token, second.refresh_token);
            assert_eq!(commits(data).await, [expected]);
        }

        let cause = jeton.cause();
        let id = second.session();
        let revoked = session::revoke(&jeton.server.store, id, Ending::Operator, &cause).await;
        assert!(revoked.unwrap());
        assert_eq!(commits(data).await, [durable]);
    }
}
