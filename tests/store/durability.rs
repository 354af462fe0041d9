//! What is waited for before it is answered: what the engine was told at the moment of the commit.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::config::RotationDurability;
use jeton::database_url::Engine;
use jeton::store::session::{self, Ending};

use crate::support::database::{engine, on_server};
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

const HOUR: Duration = Duration::from_hours(1);

/// Has the database note how each change of a session is committed: on PostgreSQL at the very end of its
/// transaction, on SQLite by the connection that makes it (1 is NORMAL, 2 is FULL).
async fn note_commits(data: &DataDir) {
    let note = if on_server() {
        "CREATE TABLE noted (place serial, detail text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO noted (detail) VALUES (current_setting('synchronous_commit'));
           RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE ON sessions
           DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()"
    } else {
        "CREATE TABLE noted (place integer PRIMARY KEY, detail text);
         CREATE TRIGGER note_begun AFTER INSERT ON sessions BEGIN
           INSERT INTO noted (detail) SELECT CAST(synchronous AS text) FROM pragma_synchronous;
         END;
         CREATE TRIGGER note_changed AFTER UPDATE ON sessions BEGIN
           INSERT INTO noted (detail) SELECT CAST(synchronous AS text) FROM pragma_synchronous;
         END"
    };
    data.execute(note).await;
}

async fn noted(data: &DataDir) -> Vec<String> {
    let noted = data.query("SELECT detail FROM noted ORDER BY place");
    let noted = noted.await;
    data.execute("DELETE FROM noted").await;
    noted.lines().map(str::to_owned).collect()
}

/// Refreshes and late retries are waited for when the operator says so; sign-ins and endings always are. MariaDB and MySQL have
/// one setting for all of it.
#[tokio::test]
async fn a_rotation_is_as_durable_as_it_is_set_and_a_revocation_always() {
    if engine() == Some(Engine::MySql) {
        return;
    }
    let data = DataDir::new();
    let store = data.open().await;
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(store.clone(), clock.clone(), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    note_commits(&data).await;
    let (relaxed, durable) = if on_server() {
        ("off", "on")
    } else {
        ("1", "2")
    };
    for (setting, expected) in [
        (RotationDurability::Relaxed, relaxed),
        (RotationDurability::Strict, durable),
    ] {
        let store = store.clone().with_rotations(setting);
        let jeton = Jeton::on(store, clock.clone(), ROOT_SECRET, |_| {}).await;
        let first = jeton.sign_in().await;
        assert_eq!(noted(&data).await, [durable]);

        let second = jeton.refresh(&first.refresh_token).await.tokens();
        assert_eq!(noted(&data).await, [expected]);

        jeton.advance(HOUR);
        let retried = jeton.refresh(&first.refresh_token).await.tokens();
        assert_eq!(retried.refresh_token, second.refresh_token);
        assert_eq!(noted(&data).await, [expected]);

        let cause = jeton.cause();
        let id = second.session();
        let revoked = session::revoke(&jeton.server.store, id, Ending::Operator, &cause).await;
        assert!(revoked.unwrap());
        assert_eq!(noted(&data).await, [durable]);
    }
}
