use jeton::store::Store;
use jeton::store::client::{self, any_has_origin};
use jeton::web_origin::WebOrigin;
use sea_orm::DbErr;
use serde_json::json;

use crate::support::{Jeton, SECRET};

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

async fn has_origin(store: &Store, id: &str) -> Result<bool, DbErr> {
    let client = client::find(store, id).await?;
    Ok(client.is_some_and(|client| client.has_origin(&origin(APP))))
}

/// row 39: an origin belongs to the clients that it is registered with, and is compared as a whole.
#[tokio::test]
async fn an_origin_belongs_to_the_clients_that_it_is_registered_with() -> Result<(), DbErr> {
    let jeton = two_clients().await;
    let store = &jeton.server.store;
    jeton.set_origins("a", &[OTHER, APP]).await;
    jeton.set_origins("b", &[OTHER]).await;
    assert!(has_origin(store, "a").await?);
    assert!(!has_origin(store, "b").await?);
    assert!(!has_origin(store, "c").await?);
    assert!(any_has_origin(store, &origin(APP)).await?);
    for unknown in [
        "https://app.example.com:8443",
        "https://app.example.co",
        "https://pp.example.com",
    ] {
        assert!(!any_has_origin(store, &origin(unknown)).await?);
    }
    jeton.set_origins("a", &["capacitor://localhost"]).await;
    assert!(!any_has_origin(store, &origin(APP)).await?);
    assert!(any_has_origin(store, &origin(OTHER)).await?);
    Ok(())
}

/// row 15: so that an unknown client takes the time of a wrong secret.
#[tokio::test]
async fn the_query_for_an_unknown_client_reads_the_rows_of_another() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    let find = client::find_to_authenticate;
    assert!(find(store, "unknown").await?.1.is_empty());
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    for unknown in ["unknown", "", "WEB", "web ", "web\0"] {
        let (client, secrets) = find(store, unknown).await?;
        assert_eq!((client, secrets.len()), (None, 1), "{unknown:?}");
    }
    let (client, secrets) = find(store, "web").await?;
    assert_eq!((client.unwrap().id, secrets.len()), ("web".to_owned(), 1));
    let (client, secrets) = find(store, "first-party").await?;
    assert_eq!(client.unwrap().id, "first-party");
    assert!(secrets.is_empty());
    Ok(())
}

/// row 39: the origins of a disabled client are not allowed.
#[tokio::test]
async fn the_origins_of_a_disabled_client_are_not_allowed() -> Result<(), DbErr> {
    let jeton = two_clients().await;
    let store = &jeton.server.store;
    let disabled = |disabled: bool| json!({ "disabled": disabled });
    jeton.set_origins("a", &[APP]).await;
    jeton.change_client("a", disabled(true)).await;
    assert!(!any_has_origin(store, &origin(APP)).await?);
    assert!(!has_origin(store, "a").await?);
    jeton.set_origins("b", &[APP]).await;
    assert!(any_has_origin(store, &origin(APP)).await?);
    jeton.change_client("a", disabled(false)).await;
    assert!(has_origin(store, "a").await?);
    Ok(())
}

/// A word that another version of the server wrote survives a change of another setting.
#[tokio::test]
async fn a_change_keeps_words_that_this_version_does_not_know() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    jeton
        .add_client("a", None, |row| {
            "refresh_token later_grant".clone_into(&mut row.grant_types);
            row.late_retry = Some("later".to_owned());
        })
        .await;
    jeton
        .change_client("a", json!({ "client_name": "A" }))
        .await;
    let row = client::find(&jeton.server.store, "a").await?.unwrap();
    assert_eq!(row.name, "A");
    assert_eq!(row.grant_types, "refresh_token later_grant");
    assert_eq!(row.late_retry.as_deref(), Some("later"));
    Ok(())
}
