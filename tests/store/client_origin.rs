use jeton::store::client;
use jeton::store::client_origin::{
    add, change, is_registered, is_registered_with, list, of_client,
};
use jeton::web_origin::WebOrigin;
use sea_orm::DbErr;

use crate::support::Jeton;

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

/// row 39: an origin belongs to the clients that registered it, once each.
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

/// row 39.
#[tokio::test]
async fn the_origins_of_a_disabled_client_are_not_registered() -> Result<(), DbErr> {
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

/// row 39: a later client of the same id has no origins.
#[tokio::test]
async fn deleting_a_client_deletes_its_origins() -> Result<(), DbErr> {
    let jeton = two_clients().await;
    let store = &jeton.server.store;
    for id in ["a", "b"] {
        add(store, id, &[origin(APP)], &jeton.cause()).await?;
    }
    assert!(client::delete(store, "a", &jeton.cause()).await?.is_some());
    assert!(client::delete(store, "a", &jeton.cause()).await?.is_none());
    assert_eq!(list(store).await?.len(), 1);
    // An origin is not added to a deleted client.
    add(store, "a", &[origin(APP)], &jeton.cause()).await?;
    jeton.add_client("a", None, |_| {}).await;
    assert!(of_client(store, "a").await?.is_empty());
    assert!(is_registered_with(store, "b", &origin(APP)).await?);
    Ok(())
}
