use jeton::audit::Cause;
use jeton::store::client_origin::{
    add, change, is_registered, is_registered_with, list, of_client,
};
use jeton::store::{Store, client};
use jeton::web_origin::WebOrigin;
use migration::{Migrator, MigratorTrait as _};
use sea_orm::{Database, DbErr};

use crate::support::file::DataDir;
use crate::support::{Jeton, START};

const APP: &str = "https://app.example.com";
const OTHER: &str = "https://other.example.com";

fn origin(text: &str) -> WebOrigin {
    WebOrigin::parse(text).unwrap()
}

/// A server with the clients `a` and `b`.
async fn two_clients() -> Jeton {
    let jeton = Jeton::start().await;
    jeton.add_client("a", None, |_| {}).await;
    jeton.add_client("b", None, |_| {}).await;
    jeton
}

/// row 39: an origin is registered with the clients that were given it, once each.
#[tokio::test]
async fn an_origin_is_registered_with_its_own_clients() -> Result<(), DbErr> {
    let jeton = two_clients().await;
    let store = &jeton.server.store;
    add(store, "a", &[origin(OTHER), origin(APP)], &jeton.cause()).await?;
    add(store, "a", &[origin(APP)], &jeton.cause()).await?;
    add(store, "b", &[origin(OTHER)], &jeton.cause()).await?;
    assert_eq!(of_client(store, "a").await?, [APP, OTHER]);
    assert_eq!(of_client(store, "b").await?, [OTHER]);
    assert_eq!(list(store).await?.len(), 3);
    assert!(is_registered_with(store, "a", &origin(APP)).await?);
    assert!(!is_registered_with(store, "b", &origin(APP)).await?);
    assert!(is_registered(store, &origin(APP)).await?);
    assert!(!is_registered(store, &origin("https://app.example.com:8443")).await?);

    let third = "capacitor://localhost";
    change(store, "b", (&[], &[origin(APP)]), &jeton.cause()).await?;
    change(
        store,
        "a",
        (&[origin(third)], &[origin(APP), origin(OTHER)]),
        &jeton.cause(),
    )
    .await?;
    assert_eq!(of_client(store, "a").await?, [third]);
    assert!(!is_registered(store, &origin(APP)).await?);
    assert!(is_registered(store, &origin(OTHER)).await?);
    Ok(())
}

/// row 39: what a client that gets no tokens has registered opens nothing.
#[tokio::test]
async fn the_origins_of_a_disabled_client_are_as_good_as_none() -> Result<(), DbErr> {
    let jeton = two_clients().await;
    let store = &jeton.server.store;
    add(store, "a", &[origin(APP)], &jeton.cause()).await?;
    client::disable(store, "a", &jeton.cause()).await?;
    assert!(!is_registered(store, &origin(APP)).await?);
    assert!(!is_registered_with(store, "a", &origin(APP)).await?);
    add(store, "b", &[origin(APP)], &jeton.cause()).await?;
    assert!(is_registered(store, &origin(APP)).await?);
    client::enable(store, "a", &jeton.cause()).await?;
    assert!(is_registered_with(store, "a", &origin(APP)).await?);
    Ok(())
}

/// row 39: a later client of the same id begins without origins.
#[tokio::test]
async fn a_deleted_client_takes_its_origins_along() -> Result<(), DbErr> {
    let jeton = two_clients().await;
    let store = &jeton.server.store;
    for id in ["a", "b"] {
        add(store, id, &[origin(APP)], &jeton.cause()).await?;
    }
    assert!(client::delete(store, "a", &jeton.cause()).await?.is_some());
    assert!(client::delete(store, "a", &jeton.cause()).await?.is_none());
    assert_eq!(list(store).await?.len(), 1);
    // What comes too late, too.
    add(store, "a", &[origin(APP)], &jeton.cause()).await?;
    jeton.add_client("a", None, |_| {}).await;
    assert!(of_client(store, "a").await?.is_empty());
    assert!(is_registered_with(store, "b", &origin(APP)).await?);
    Ok(())
}

/// A store of the first version is brought up to date when it is opened, and nothing of it is lost.
#[tokio::test]
async fn an_older_store_gets_the_table_and_can_give_it_back() -> Result<(), DbErr> {
    let data = DataDir::of_file();
    let url = format!("sqlite:{}?mode=rwc", data.database().display());
    let connection = Database::connect(url).await?;
    Migrator::up(&connection, Some(1)).await?;
    data.execute("INSERT INTO clients VALUES ('a', 'a', NULL, '', '', '', NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL)").await;
    let store = Store::open(&data.database()).await.unwrap();
    add(&store, "a", &[origin(APP)], &Cause::system(START)).await?;
    assert_eq!(of_client(&store, "a").await?, [APP]);
    store.close().await?;
    // Back to the first version.
    let later = u32::try_from(Migrator::migrations().len() - 1).unwrap();
    Migrator::down(&connection, Some(later)).await?;
    assert_eq!(data.execute("UPDATE clients SET name = 'b'").await, 1);
    Migrator::up(&connection, None).await?;
    let store = data.open().await;
    assert!(of_client(&store, "a").await?.is_empty());
    Ok(())
}
