//! The step of the schema that gives clients several secrets and more settings: what was there before
//! means the same after it.

use std::path::Path;

use jeton::clock::Clock;
use jeton::store::{Store, client, client_secret};
use migration::{Migrator, MigratorTrait as _};
use sea_orm::{Database, DatabaseConnection};

use crate::support::file::DataDir;
use crate::support::{
    ALICE, Jeton, ROOT_SECRET, SECRET, SIGN_IN, START, and, basic_raw, secret_row,
};

const STEP: &str = "m20261122_000008_client_settings";

async fn connect(path: &Path) -> DatabaseConnection {
    let url = format!("sqlite:{}?mode=rwc", path.display());
    Database::connect(url).await.unwrap()
}

/// A database as the version before left it: a client with a secret, one without, one that signs nobody
/// in, and one of a name that only seems to.
async fn of_the_version_before() -> DataDir {
    let data = DataDir::of_file();
    let connection = connect(&data.database()).await;
    let steps = Migrator::migrations();
    let before = steps.iter().position(|step| step.name() == STEP).unwrap();
    let before = u32::try_from(before).unwrap();
    Migrator::up(&connection, Some(before)).await.unwrap();
    connection.close().await.unwrap();
    let digest: Vec<String> = secret_row("", SECRET, START)
        .digest
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let digest = digest.concat();
    for (id, digest, grants, disabled) in [
        (
            "web",
            format!("x'{digest}'"),
            "password refresh_token",
            "NULL",
        ),
        (
            "twin",
            format!("x'{digest}'"),
            "refresh_token password",
            "NULL",
        ),
        ("app", "NULL".to_owned(), "password", "7"),
        ("job", format!("x'{digest}'"), "client_credentials", "NULL"),
        ("odd", "NULL".to_owned(), "passwords no_password", "NULL"),
    ] {
        let insert = format!(
            "INSERT INTO clients (id, name, secret_digest, grant_types, scope, audience, created_at, \
             disabled_at) VALUES ('{id}', 'The {id}', {digest}, '{grants}', 'account read', '', \
             1767225600123456, {disabled})"
        );
        assert_eq!(data.execute(&insert).await, 1);
    }
    data
}

async fn node(data: &DataDir) -> Jeton {
    let clock = Clock::standing_at(START);
    Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await
}

async fn signs_in(jeton: &Jeton, client: &str, secret: &str) -> bool {
    let answer = jeton.token_as(&basic_raw(client, secret), &SIGN_IN).await;
    answer.status == 200
}

/// Nobody who had a secret needs another, and who could sign people in still can.
#[tokio::test]
async fn clients_of_the_version_before_go_on() {
    let data = of_the_version_before().await;
    let jeton = node(&data).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let store = &jeton.server.store;
    for client in ["web", "twin"] {
        assert!(signs_in(&jeton, client, SECRET).await, "{client}");
        assert!(!signs_in(&jeton, client, "wrong").await, "{client}");
        let nameless = jeton.token(&and(&SIGN_IN, &[("client_id", client)])).await;
        nameless.assert_error(401, "invalid_client");
    }
    let mut ids = Vec::new();
    for (id, first_party, confidential) in [
        ("web", true, true),
        ("twin", true, true),
        ("app", true, false),
        ("job", false, true),
        ("odd", false, false),
    ] {
        let row = client::find(store, id).await.unwrap().unwrap();
        assert_eq!(
            (row.first_party, row.confidential),
            (first_party, confidential),
            "{id}"
        );
        assert_eq!(
            (&*row.access_token_type.unwrap_or_default(), row.rotation),
            ("", None)
        );
        assert_eq!(
            (row.name, row.scope),
            (format!("The {id}"), "account read".to_owned())
        );
        assert_eq!(row.disabled_at.is_some(), id == "app");
        let secrets = client_secret::of_client(store, id).await.unwrap();
        assert_eq!(secrets.len(), usize::from(confidential), "{id}");
        for secret in secrets {
            assert_eq!(secret.expires_at, None);
            assert_eq!(secret.created_at.as_micros(), 1_767_225_600_123_456);
            ids.push(secret.id);
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

/// A step back and forth again: a confidential client never becomes public on the way, not even one
/// whose last secret is gone.
#[tokio::test]
async fn the_step_can_be_taken_back_and_again() {
    let data = of_the_version_before().await;
    let store = data.open().await;
    for (id, secret, ends) in [
        (1, "ended long ago, ended long ago, e", Some(START)),
        (2, "the one that is good for longest.", None),
        (
            3,
            "newer, but only good for a while.",
            Some(START.plus(std::time::Duration::from_hours(1))),
        ),
    ] {
        let row = client_secret::Model {
            id: uuid::Uuid::from_u128(id),
            expires_at: ends,
            ..secret_row(
                "web",
                secret,
                START.plus(std::time::Duration::from_secs(id.try_into().unwrap())),
            )
        };
        let cause = jeton::audit::Cause::system(START.minus(std::time::Duration::from_secs(9)));
        client_secret::add(&store, row, &cause).await.unwrap();
    }
    store.close().await.unwrap();
    data.execute("DELETE FROM client_secrets WHERE client_id = 'twin'")
        .await;

    let connection = connect(&data.database()).await;
    let steps = Migrator::migrations();
    let since = steps.iter().skip_while(|step| step.name() != STEP).count();
    Migrator::down(&connection, Some(since.try_into().unwrap()))
        .await
        .unwrap();
    connection.close().await.unwrap();
    let public = "SELECT group_concat(id) AS detail FROM clients WHERE secret_digest IS NULL";
    assert_eq!(data.question(public).await, "app,odd");

    let jeton = node(&data).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let good = "the one that is good for longest.";
    assert!(signs_in(&jeton, "web", good).await);
    assert!(!signs_in(&jeton, "web", SECRET).await);
    for secret in [SECRET, good, ""] {
        assert!(!signs_in(&jeton, "twin", secret).await);
    }
    let job = [("grant_type", "client_credentials")];
    let answer = jeton.token_as(&basic_raw("job", SECRET), &job).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    drop(jeton);
    let _: Store = data.open().await;
}
