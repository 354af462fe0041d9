//! Client secrets: several at once, expiry, removal.

use std::time::Duration;

use jeton::client::secret::NewSecret;
use jeton::secret::Secret;
use jeton::store::client_secret::{self, MAX_SECRETS, Model, SecretError};
use jeton::store::{client, session};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::support::{Answer, Jeton, SECRET, SIGN_IN, basic_raw, short_of};

const HOUR: Duration = Duration::from_hours(1);

async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    jeton
}

async fn add(jeton: &Jeton, expires_in: Option<Duration>) -> (String, Result<Model, SecretError>) {
    let secret = NewSecret::random().expiring(expires_in).unwrap();
    let added = client_secret::add(&jeton.server.store, "web", &secret, &jeton.cause()).await;
    (secret.text().expose().to_owned(), added)
}

async fn sign_in(jeton: &Jeton, secret: &str) -> Answer {
    jeton.token_as(&basic_raw("web", secret), &SIGN_IN).await
}

async fn remove(jeton: &Jeton, id: Uuid) -> Result<(), SecretError> {
    client_secret::remove(&jeton.server.store, "web", id, &jeton.cause()).await
}

async fn ids(jeton: &Jeton) -> Vec<Uuid> {
    let rows = client_secret::of_client(&jeton.server.store, "web").await;
    rows.unwrap().iter().map(|row| row.id).collect()
}

/// A secret is replaced without an interruption.
#[tokio::test]
async fn each_secret_is_valid_until_it_is_removed() {
    let jeton = start().await;
    jeton.advance(HOUR);
    let (second, added) = add(&jeton, None).await;
    let added = added.unwrap();
    assert!(second.starts_with("jcs_") && second.len() == 47);
    for secret in [SECRET, &second] {
        sign_in(&jeton, secret).await.tokens();
    }
    let old = ids(&jeton).await;
    assert_eq!(old[1], added.id);
    remove(&jeton, old[0]).await.unwrap();
    let refused = sign_in(&jeton, SECRET).await;
    refused.assert_error(401, "invalid_client");
    sign_in(&jeton, &second).await.tokens();
}

/// row 15: "the authorization server MUST authenticate the client", RFC 6749 §3.2.1; an unknown client, a
/// wrong secret, one that has expired and one that was removed look the same.
#[tokio::test]
async fn an_invalid_secret_gets_the_same_response_as_an_unknown_client() {
    let jeton = start().await;
    let (brief, added) = add(&jeton, Some(HOUR)).await;
    added.unwrap();
    jeton.advance(short_of(HOUR));
    sign_in(&jeton, &brief).await.tokens();
    jeton.advance(Duration::from_micros(1));
    let expired = sign_in(&jeton, &brief).await;
    let unknown = jeton
        .token_as(&basic_raw("unknown", SECRET), &SIGN_IN)
        .await;
    let wrong = sign_in(&jeton, "wrong").await;
    let empty = sign_in(&jeton, "").await;
    for answer in [&expired, &wrong, &empty] {
        answer.assert_error(401, "invalid_client");
        assert_eq!(answer.body, unknown.body);
        assert_eq!(answer.steady_headers(), unknown.steady_headers());
    }
    sign_in(&jeton, SECRET).await.tokens();
}

/// A confidential client without a valid secret does not become a public one.
#[tokio::test]
async fn a_confidential_client_without_a_valid_secret_is_refused() {
    let jeton = start().await;
    let first = ids(&jeton).await[0];
    let (brief, added) = add(&jeton, Some(HOUR)).await;
    added.unwrap();
    remove(&jeton, first).await.unwrap();
    jeton.advance(HOUR);
    let by_name = [&SIGN_IN[..], &[("client_id", "web")]].concat();
    for answer in [
        sign_in(&jeton, &brief).await,
        sign_in(&jeton, "").await,
        jeton.token(&by_name).await,
    ] {
        answer.assert_error(401, "invalid_client");
    }
}

/// The last valid secret cannot be removed by mistake; an expired one can always be removed.
#[tokio::test]
async fn the_last_valid_secret_cannot_be_removed() {
    let jeton = start().await;
    let first = ids(&jeton).await[0];
    assert!(matches!(
        remove(&jeton, first).await,
        Err(SecretError::Last)
    ));
    let (_, brief) = add(&jeton, Some(HOUR)).await;
    let brief = brief.unwrap().id;
    jeton.advance(HOUR);
    assert!(matches!(
        remove(&jeton, first).await,
        Err(SecretError::Last)
    ));
    remove(&jeton, brief).await.unwrap();
    assert!(matches!(
        remove(&jeton, brief).await,
        Err(SecretError::NoSecret)
    ));
    sign_in(&jeton, SECRET).await.tokens();
    // Nor another client's, by its id.
    jeton.add_client("other", Some(SECRET), |_| {}).await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let foreign = client_secret::remove(store, "other", first, &cause).await;
    assert!(matches!(foreign, Err(SecretError::NoSecret)));
}

/// Expired secrets do not count.
#[tokio::test]
async fn a_client_has_at_most_five_valid_secrets() {
    let jeton = start().await;
    for _ in 1..MAX_SECRETS {
        add(&jeton, Some(HOUR)).await.1.unwrap();
    }
    let (_, refused) = add(&jeton, None).await;
    assert!(matches!(refused, Err(SecretError::TooMany)));
    assert_eq!(ids(&jeton).await.len(), MAX_SECRETS);
    jeton.advance(HOUR);
    let (last, added) = add(&jeton, None).await;
    added.unwrap();
    assert_eq!(ids(&jeton).await.len(), 2);
    for secret in [SECRET, &last] {
        sign_in(&jeton, secret).await.tokens();
    }
}

/// A later client of the same id does not inherit them; a public client has none.
#[tokio::test]
async fn the_secrets_of_a_client_are_deleted_with_it() -> Result<(), DbErr> {
    let jeton = start().await;
    let store = &jeton.server.store;
    client::delete(store, "web", &jeton.cause()).await.unwrap();
    assert!(ids(&jeton).await.is_empty());
    jeton.add_client("web", None, |_| {}).await;
    sign_in(&jeton, SECRET)
        .await
        .assert_error(401, "invalid_client");
    let (_, refused) = add(&jeton, None).await;
    assert!(matches!(refused, Err(SecretError::NoClient)));
    jeton.sign_in_at("web").await;
    assert_eq!(session::list(store, None, 9).await?.len(), 1);
    Ok(())
}

/// "client-secret = *VSCHAR", RFC 6749 Appendix A.2; and as hard to guess as a generated one.
#[test]
fn a_given_secret_is_long_and_printable() {
    let given = |text: &str| NewSecret::given(Secret::new(text.to_owned()));
    assert!(given(&"x".repeat(32)).is_ok());
    assert!(given(&"~ ".repeat(127)).is_ok());
    for text in [
        &"x".repeat(31),
        &"x".repeat(256),
        &"é".repeat(32),
        &"a\n".repeat(32),
    ] {
        assert_eq!(given(text).unwrap_err().field, "client_secret");
    }
    for life in [Duration::ZERO, Duration::from_hours(24 * 3651)] {
        let refused = NewSecret::random().expiring(Some(life)).unwrap_err();
        assert_eq!(refused.field, "expires_in");
    }
}
