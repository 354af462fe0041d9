//! Root secrets: replacement without ending sessions, and refusal of foreign ones.

use std::time::Duration;

use jeton::bootstrap;
use jeton::config::Settings;
use jeton::maintenance;
use jeton::root_secret::RootSecrets;
use jeton::store::signing_key;
use jeton::token::refresh_token::RefreshToken;

use crate::support::{Answer, Jeton, ROOT_SECRET as OLD, claims};

const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU";
const FOREIGN: &str = "Zm9yZWlnbmZvcmVpZ25mb3JlaWduZm9yZWlnbmZvcmU";

/// Another node on the same store with other root secrets.
async fn node(jeton: &Jeton, root_secrets: &str) -> Jeton {
    let store = jeton.server.store.clone();
    Jeton::on(store, jeton.server.clock.clone(), root_secrets, |_| {}).await
}

async fn refused(jeton: &Jeton, refresh_token: &str) -> Answer {
    let answer = jeton.refresh(refresh_token).await;
    answer.assert_error(400, "invalid_grant");
    answer
}

/// "the first makes, all verify; so a secret is rotated without signing anyone out".
#[tokio::test]
async fn a_root_secret_is_replaced_without_ending_sessions() {
    let old = Jeton::start().await;
    let first = old.sign_in().await;
    let both = node(&old, &format!("{NEW}\n{OLD}")).await;
    let second = both.refresh(&first.refresh_token).await.tokens();
    // A retry has the same answer, also with the new secret.
    let retried = both.refresh(&first.refresh_token).await.tokens();
    assert_eq!(retried, second);
    let decode = |secret| {
        let secrets = RootSecrets::parse(secret).unwrap();
        RefreshToken::decode(&second.refresh_token, &secrets).is_ok()
    };
    assert!(decode(NEW));
    assert!(!decode(OLD));

    let new = node(&old, NEW).await;
    let third = new.refresh(&second.refresh_token).await.tokens();
    assert_eq!(new.session(&third).await.generation, 2);
    assert_eq!(
        claims(&third.access_token)["sid"],
        claims(&first.access_token)["sid"]
    );
    assert_eq!(
        new.get_with("/account", &first.access_token).await.status,
        200
    );
    new.sign_in().await;
    // A token of the old secret alone is refused and is not a replay.
    refused(&new, &first.refresh_token).await;
    new.refresh(&third.refresh_token).await.tokens();
}

/// During the replacement, nodes that sign with the old secret verify tokens of the new one.
#[tokio::test]
async fn nodes_that_sign_with_different_secrets_accept_each_others_tokens() {
    let old_first = Jeton::start().await;
    let old_first = node(&old_first, &format!("{OLD}\n{NEW}")).await;
    let mut tokens = old_first.sign_in().await;
    let new_first = node(&old_first, &format!("{NEW}\n{OLD}")).await;
    for round in 1..=6 {
        let (one, other) = if round % 2 == 0 {
            (&old_first, &new_first)
        } else {
            (&new_first, &old_first)
        };
        let next = one.refresh(&tokens.refresh_token).await.tokens();
        // Another text, but the same session and generation: the client may continue with either.
        let retried = other.refresh(&tokens.refresh_token).await.tokens();
        assert_eq!(one.session(&next).await.generation, round);
        tokens = if round < 4 { retried } else { next };
        for node in [one, other] {
            maintenance::refresh_keys(&node.server).await.unwrap();
        }
    }
}

/// Private halves are sealed again with the new secret, so that the old one can be removed.
#[tokio::test]
async fn signing_keys_are_sealed_again_with_the_new_secret() {
    let jeton = Jeton::start().await;
    let sealed = async || {
        let keys = signing_key::list(&jeton.server.store).await.unwrap();
        (
            keys[0].id.clone(),
            keys[0].sealed_private_key.clone().unwrap(),
        )
    };
    let (id, before) = sealed().await;
    let opens = |secret, sealed: &[u8]| {
        let secrets = RootSecrets::parse(secret).unwrap();
        secrets.open(&id, sealed).is_ok()
    };
    assert!(opens(OLD, &before));
    node(&jeton, &format!("{NEW} {OLD}")).await;
    let (_, after) = sealed().await;
    assert!(opens(NEW, &after));
    assert!(!opens(OLD, &after));
    node(&jeton, NEW).await;
    assert_eq!(sealed().await.1, after, "sealed again only once");
}

/// The error names the remedy, and the store is not changed, also when a new key is due.
#[tokio::test]
async fn a_foreign_root_secret_is_refused_and_does_not_change_the_store() {
    for days in [0, 90, 400] {
        let jeton = Jeton::start().await;
        jeton.advance(Duration::from_hours(24 * days));
        let before = signing_key::list(&jeton.server.store).await.unwrap();
        let assembled = bootstrap::assemble(
            Settings::defaults().unwrap(),
            jeton.server.store.clone(),
            RootSecrets::parse(FOREIGN).unwrap(),
            jeton.server.clock.clone(),
        )
        .await;
        let complaint = assembled.err().unwrap().to_string();
        assert!(complaint.contains(&before[0].id), "{complaint}");
        assert!(
            complaint.contains("configure the root secret that this database was made with"),
            "{complaint}"
        );
        let after = signing_key::list(&jeton.server.store).await.unwrap();
        assert!(after == before, "after {days} days");
        maintenance::refresh_keys(&jeton.server).await.unwrap();
        node(&jeton, OLD).await.sign_in().await;
    }
}

#[tokio::test]
async fn a_token_signed_with_a_foreign_root_secret_is_refused() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let secrets = RootSecrets::parse(FOREIGN).unwrap();
    let forged = RefreshToken {
        session: tokens.session(),
        generation: 0,
    };
    refused(&jeton, forged.encode(&secrets).expose()).await;
    jeton.refresh(&tokens.refresh_token).await.tokens();
}
