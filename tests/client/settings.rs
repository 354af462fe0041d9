//! The rules for a client's settings, and changes of them.

use std::time::Duration;

use jeton::client::secret::NewSecret;
use jeton::client::{
    AccessTokenFormat, AccessTokenType, ClientSettings, Consent, GrantType, NewClient, Pkce,
    RefreshTokenRotation, check, check_id,
};
use jeton::config::{LateRetry, RetryDevice};
use jeton::store::client::{self, ClientError, UpdatedClient};
use jeton::store::{Target, client_secret, signing_key};
use serde_json::{Value, json};

use crate::support::client::merge_patch;
use crate::support::{Jeton, SECRET};

const SECOND: Duration = Duration::from_secs(1);
const DAY: i64 = 86_400;

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// The settings that are invalid after a change of valid ones.
#[track_caller]
pub(super) fn invalid(confidential: bool, change: impl FnOnce(&mut ClientSettings)) -> Vec<String> {
    let mut settings = ClientSettings::new("web");
    change(&mut settings);
    fields(check(&settings, confidential))
}

pub(super) fn fields(invalid: Vec<jeton::client::InvalidSetting>) -> Vec<String> {
    invalid
        .into_iter()
        .map(|one| one.field.into_owned())
        .collect()
}

/// RFC 9700 §2.4, RFC 6749 §4.4, RFC 9700 §4.14.2.
#[test]
fn grants_and_scopes_depend_on_the_kind_of_client() {
    use GrantType::{ClientCredentials, Password, RefreshToken};
    let grants = |grants: &[GrantType], first_party, confidential| {
        invalid(confidential, |own| {
            own.grant_types = grants.to_vec();
            own.first_party = first_party;
        })
    };
    assert_eq!(grants(&[Password, RefreshToken], true, false), [""; 0]);
    assert_eq!(grants(&[Password], false, false), ["grant_types"]);
    assert_eq!(grants(&[Password], false, true), ["grant_types"]);
    assert_eq!(grants(&[ClientCredentials], false, true), [""; 0]);
    assert_eq!(grants(&[ClientCredentials], true, false), ["grant_types"]);
    for scope in ["account", "admin"] {
        let scopes = |first_party| {
            invalid(true, |own| {
                own.scope = format!("read {scope}");
                own.first_party = first_party;
            })
        };
        assert_eq!(scopes(false), ["scope"]);
        assert_eq!(scopes(true), [""; 0]);
    }
    for (first_party, confidential, grant, is_valid) in [
        (true, false, Password, true),
        (true, true, ClientCredentials, true),
        (false, true, ClientCredentials, true),
        (false, true, RefreshToken, false),
        (false, false, RefreshToken, false),
    ] {
        let found = invalid(confidential, |own| {
            own.scope = "introspect".to_owned();
            own.grant_types = vec![grant];
            own.first_party = first_party;
        });
        assert_eq!(
            found.is_empty(),
            is_valid,
            "{grant:?} {first_party}: {found:?}"
        );
    }
    let never = |own: &mut ClientSettings| own.rotation = Some(RefreshTokenRotation::Never);
    assert_eq!(invalid(false, never), ["rotation"]);
    assert_eq!(invalid(true, never), [""; 0]);
    let opaque =
        |own: &mut ClientSettings| own.access_token_format = Some(AccessTokenFormat::Opaque);
    let without_user = |own: &mut ClientSettings| {
        opaque(own);
        own.grant_types = vec![ClientCredentials];
    };
    assert_eq!(invalid(true, without_user), ["access_token_format"]);
    let typed = |own: &mut ClientSettings| {
        opaque(own);
        own.access_token_type = Some(AccessTokenType::Jwt);
    };
    assert_eq!(invalid(true, typed), ["access_token_type"]);
}

#[test]
fn a_name_has_only_visible_characters() {
    let named = |name: &str| invalid(true, |own| name.clone_into(&mut own.client_name));
    let longest = "x".repeat(255);
    for name in ["Web", "日本語", "می‌خواهم", "Notes (staging)", &longest] {
        assert_eq!(named(name), [""; 0], "{name:?}");
    }
    let misleading = [
        "",
        " a",
        "a ",
        "a\nb",
        "a\u{1b}[31m",
        "a\u{202e}b",
        "a\u{200b}b",
        &"x".repeat(256),
    ];
    for name in misleading {
        assert_eq!(named(name), ["client_name"], "{name:?}");
    }
}

/// RFC 6749 §3.3, RFC 8707 §2; and few enough for a header.
#[test]
fn scopes_and_audiences_are_well_formed_and_not_too_many() {
    let scope = |scope: &str| invalid(true, |own| scope.clone_into(&mut own.scope));
    let audiences = |audiences: Vec<String>| invalid(true, |own| own.audience = audiences);
    assert_eq!(scope(""), [""; 0]);
    for malformed in [" ", "a  b", " a", "a ", "a\"", "a\\", "é", "a\nb"] {
        assert_eq!(scope(malformed), ["scope"], "{malformed:?}");
    }
    for audience in [
        "",
        "api",
        "/api",
        "https://a.test/#x",
        "https://a.test/ b",
        "https://a.test/\u{202e}",
        "https://a.\ttest",
        "https://é.test",
    ] {
        assert_eq!(audiences(words(&[audience])), ["audience"], "{audience:?}");
    }
    assert_eq!(
        audiences(words(&["https://a.test/x?y=z", "urn:example:api"])),
        [""; 0]
    );
    let many = |count: usize| {
        (0..count)
            .map(|number| format!("x:{number}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(scope(&many(64).join(" ")), [""; 0]);
    assert_eq!(audiences(many(64)), [""; 0]);
    assert_eq!(scope(&many(65).join(" ")), ["scope"]);
    assert_eq!(audiences(many(65)), ["audience"]);
    assert_eq!(scope(&"x".repeat(2048)), [""; 0]);
    assert_eq!(scope(&"x".repeat(2049)), ["scope"]);
    assert_eq!(
        audiences(vec![format!("x:{}", "y".repeat(2047))]),
        ["audience"]
    );
    let opaque = |scopes: usize, audiences: usize| {
        invalid(true, |own| {
            own.access_token_format = Some(AccessTokenFormat::Opaque);
            (own.scope, own.audience) = (many(scopes).join(" "), many(audiences));
        })
    };
    assert_eq!(opaque(16, 8), [""; 0]);
    assert_eq!(opaque(17, 9), ["scope", "audience"]);
}

#[test]
fn times_are_within_bounds() {
    type Field = fn(&mut ClientSettings) -> &mut Option<i64>;
    let fields: [(&str, Field, i64, i64); 5] = [
        (
            "access_token_lifetime",
            |own| &mut own.access_token_lifetime,
            1,
            DAY * 30,
        ),
        (
            "session_lifetime",
            |own| &mut own.session_lifetime,
            1,
            DAY * 3650,
        ),
        (
            "session_idle_lifetime",
            |own| &mut own.session_idle_lifetime,
            1,
            DAY * 3650,
        ),
        ("retry_window", |own| &mut own.retry_window, 0, 60),
        (
            "late_retry_spacing",
            |own| &mut own.late_retry_spacing,
            1,
            u32::MAX.into(),
        ),
    ];
    for (name, field, min, max) in fields {
        let check = |value: i64| invalid(false, |own| *field(own) = Some(value));
        for value in [min, max] {
            assert_eq!(check(value), [""; 0], "{name} {value}");
        }
        for value in [min - 1, max + 1, i64::MIN, i64::MAX] {
            assert_eq!(check(value), [name], "{value}");
        }
    }
}

#[test]
fn origins_are_valid_and_not_too_many() {
    let origins = |origins: Vec<String>| invalid(false, |own| own.origins = origins);
    let many = |count: usize| (0..count).map(|number| format!("https://a{number}.test"));
    assert_eq!(origins(many(64).collect()), [""; 0]);
    assert_eq!(origins(many(65).collect()), ["origins"]);
    assert_eq!(origins(words(&["https://*.test"])), ["origins"]);
}

/// row 17, and HTTP Basic without encoding.
#[test]
fn an_id_is_printable_and_not_the_id_of_a_user() {
    for id in ["web", "1PpG/Q 1", "100%", &"x".repeat(255)] {
        assert_eq!(check_id(id), Ok(()), "{id}");
    }
    let long = "x".repeat(256);
    let uuid = "0190a6c2-5b1c-7d2e-8f3a-0123456789ab";
    for id in ["", " a", "a ", "a:b", "é", "a\nb", &long, uuid] {
        assert_eq!(check_id(id).unwrap_err().field, "client_id", "{id:?}");
    }
}

pub(super) async fn register(
    jeton: &Jeton,
    id: &str,
    secret: bool,
    settings: Value,
) -> Result<client::Model, ClientError> {
    let new = NewClient {
        id: id.to_owned(),
        secret: secret.then(NewSecret::random),
        settings: merge_patch(settings),
    };
    client::register(&jeton.server.store, new, &jeton.cause()).await
}

pub(super) async fn update(
    jeton: &Jeton,
    id: &str,
    patch: Value,
) -> Result<UpdatedClient, ClientError> {
    let (store, patch) = (&jeton.server.store, merge_patch(patch));
    client::update(store, id, &patch, &jeton.cause()).await
}

/// By default a client gets no scope; a first-party client gets `account`, and one with the authorization code grant
/// those of OpenID Connect.
#[tokio::test]
async fn a_new_client_has_the_default_settings() {
    let jeton = Jeton::start().await;
    let plain = register(&jeton, "plain", false, json!({})).await.unwrap();
    assert_eq!(plain.settings(), ClientSettings::new("plain"));
    assert_eq!(
        (&*plain.name, &*plain.scope, &*plain.grant_types),
        ("plain", "", "")
    );
    assert!(!plain.first_party && !plain.confidential);
    let found = client::find(&jeton.server.store, "plain").await.unwrap();
    assert_eq!(found, Some(plain));
    let own = register(&jeton, "own", true, json!({ "first_party": true })).await;
    let own = own.unwrap();
    assert_eq!(&*own.scope, "account");
    assert!(own.first_party && own.confidential);
    let code = |grants: &[&str], first_party: bool| {
        json!({
            "grant_types": grants,
            "redirect_uris": ["https://app.example.com/cb"],
            "first_party": first_party,
        })
    };
    for (number, (grants, first_party, scope)) in [
        (&["authorization_code"][..], false, "openid profile email"),
        (
            &["authorization_code", "refresh_token"],
            false,
            "openid profile email offline_access",
        ),
        (
            &["authorization_code"],
            true,
            "account openid profile email",
        ),
        (&["refresh_token"], false, ""),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("code{number}");
        let added = register(&jeton, &id, true, code(grants, first_party)).await;
        assert_eq!(&*added.unwrap().scope, scope);
    }
    let scopeless = json!({ "first_party": true, "scope": "", "disabled": true });
    let other = register(&jeton, "other", true, scopeless).await.unwrap();
    assert_eq!((&*other.scope, other.disabled_at), ("", Some(jeton.now())));
    let taken = register(&jeton, "own", true, json!({})).await;
    assert!(matches!(taken, Err(ClientError::Taken)));
}

#[tokio::test]
async fn all_invalid_settings_are_named_at_once_and_nothing_is_registered() {
    let jeton = Jeton::start().await;
    let bad = json!({
        "client_name": "a\u{202e}b",
        "grant_types": ["password", "client_credentials"],
        "access_token_lifetime": DAY * 31,
    });
    let Err(ClientError::Invalid(invalid)) = register(&jeton, "a:b", false, bad).await else {
        panic!("registered");
    };
    let expected = [
        "client_id",
        "client_name",
        "grant_types",
        "grant_types",
        "access_token_lifetime",
    ];
    assert_eq!(fields(invalid), expected);
    let found = client::find(&jeton.server.store, "a:b").await.unwrap();
    assert_eq!(found, None);
}

/// A value other than the default for every setting but the format, which excludes a `typ`.
fn full() -> Value {
    json!({
        "client_name": "Web",
        "first_party": true,
        "grant_types": ["refresh_token", "password", "password"],
        "scope": "b a b",
        "audience": ["https://b.test", "https://a.test", "https://b.test"],
        "access_token_type": "JWT",
        "access_token_lifetime": 60,
        "session_lifetime": DAY,
        "session_idle_lifetime": DAY / 2,
        "rotation": "never",
        "retry_window": 1,
        "retry_device": "same",
        "late_retry": "never",
        "late_retry_spacing": 3,
        "origins": ["https://B.test/", "https://a.test"],
        "redirect_uris": ["https://b.test/b", "https://a.test/a", "https://b.test/b"],
        "post_logout_redirect_uris": ["https://b.test/b", "https://b.test/b"],
        "pkce": "optional",
        "consent": "skip",
        "disabled": true,
    })
}

/// RFC 7396: an absent member stays, `null` resets, a list replaces the list.
#[tokio::test]
async fn a_change_touches_only_the_settings_that_it_names() {
    let jeton = Jeton::start().await;
    let before = register(&jeton, "web", true, full()).await.unwrap();
    let settings = before.settings();
    let expected = ClientSettings {
        client_name: "Web".to_owned(),
        first_party: true,
        grant_types: vec![GrantType::Password, GrantType::RefreshToken],
        scope: "b a".to_owned(),
        audience: words(&["https://b.test", "https://a.test"]),
        access_token_format: None,
        access_token_type: Some(AccessTokenType::Jwt),
        access_token_lifetime: Some(60),
        session_lifetime: Some(DAY),
        session_idle_lifetime: Some(DAY / 2),
        rotation: Some(RefreshTokenRotation::Never),
        retry_window: Some(1),
        retry_device: Some(RetryDevice::Same),
        late_retry: Some(LateRetry::Never),
        late_retry_spacing: Some(3),
        origins: words(&["https://a.test", "https://b.test"]),
        redirect_uris: words(&["https://b.test/b", "https://a.test/a"]),
        post_logout_redirect_uris: words(&["https://b.test/b"]),
        pkce: Some(Pkce::Optional),
        consent: Some(Consent::Skip),
        disabled: true,
    };
    assert_eq!(settings, expected);

    let nothing = update(&jeton, "web", json!({})).await.unwrap();
    assert_eq!((&nothing.client, nothing.changed.len()), (&before, 0));
    let same = update(&jeton, "web", full()).await.unwrap();
    assert_eq!((&same.client, same.changed.len()), (&before, 0));
    let renamed = json!({ "client_name": "Shop", "scope": "c" });
    let renamed = update(&jeton, "web", renamed).await.unwrap();
    assert_eq!(renamed.changed, ["client_name", "scope"]);
    let expected = client::Model {
        name: "Shop".to_owned(),
        scope: "c".to_owned(),
        revision: renamed.client.revision,
        ..before.clone()
    };
    assert_eq!(renamed.client, expected);
    let stored = client::find(&jeton.server.store, "web").await.unwrap();
    assert_eq!(stored, Some(expected));

    let names = settings.members();
    let reset: Value = names
        .keys()
        .map(|name| (name.clone(), Value::Null))
        .collect();
    let reset = update(&jeton, "web", reset).await.unwrap();
    let default = client::Model {
        confidential: true,
        revision: reset.client.revision,
        epoch: before.epoch,
        ..client::Model::new("web", before.created_at)
    };
    assert_eq!(reset.client, default);
    assert_eq!(reset.changed.len(), 19);
}

/// Every setting is stored, and comes back as it was.
#[tokio::test]
async fn every_setting_is_stored() {
    let jeton = Jeton::start().await;
    let mut full = full();
    register(&jeton, "web", true, full.clone()).await.unwrap();
    full["access_token_type"] = Value::Null;
    full["access_token_format"] = json!("opaque");
    let opaque = json!({ "access_token_type": null, "access_token_format": "opaque" });
    update(&jeton, "web", opaque).await.unwrap();
    let stored = client::find(&jeton.server.store, "web").await.unwrap();
    let default = ClientSettings::new("web");
    let changed = stored.unwrap().settings().changes_since(&default);
    let mut unchanged = default.members();
    unchanged.retain(|name, _| !changed.contains_key(name));
    assert_eq!(unchanged.keys().collect::<Vec<_>>(), ["access_token_type"]);
}

/// An unknown member is refused, also with `null`.
#[tokio::test]
async fn an_unknown_or_unreadable_setting_is_refused() {
    let jeton = Jeton::start().await;
    jeton.add_client("web", None, |_| {}).await;
    for (patch, field) in [
        (json!({ "name": "x" }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "client_id": "x" }), "client_id"),
        (json!({ "first_party": "yes" }), "first_party"),
        (json!({ "scope": ["read"] }), "scope"),
        (json!({ "grant_types": ["implicit"] }), "grant_types[0]"),
        (json!({ "late_retry": "always" }), "late_retry"),
        (json!({ "retry_device": "other" }), "retry_device"),
        (json!({ "retry_window": 1.5 }), "retry_window"),
    ] {
        match update(&jeton, "web", patch.clone()).await {
            Err(ClientError::Invalid(invalid)) => assert_eq!(fields(invalid), [field]),
            other => panic!("{patch}: {other:?}"),
        }
    }
    let twice = serde_json::from_str::<jeton::client::ClientPatch>(r#"{"scope":"a","scope":"b"}"#);
    let error = twice.unwrap_err().to_string();
    assert!(error.contains("duplicate field `scope`"), "{error}");
}

/// "scope = scope-token *( SP scope-token )", RFC 6749 §3.3. The same scope twice counts once, but no scope is none.
#[tokio::test]
async fn a_scope_of_spaces_is_refused() {
    let jeton = Jeton::start().await;
    jeton.add_client("web", None, |_| {}).await;
    for scope in [" ", "  ", " read", "read ", "read  read"] {
        let patch = json!({ "scope": scope });
        match update(&jeton, "web", patch).await {
            Err(ClientError::Invalid(invalid)) => assert_eq!(fields(invalid), ["scope"]),
            other => panic!("{scope:?}: {other:?}"),
        }
    }
}

/// A change that makes a setting invalid is refused; one that does not touch a setting that was invalid before the
/// rules became stricter is made.
#[tokio::test]
async fn a_change_is_refused_only_for_what_it_makes_invalid() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("old", None, |row| {
            row.first_party = false;
            "refresh_token".clone_into(&mut row.grant_types);
        })
        .await;
    let renamed = update(&jeton, "old", json!({ "client_name": "Old" })).await;
    assert_eq!(renamed.unwrap().changed, ["client_name"]);
    for (patch, field) in [
        (json!({ "scope": "account" }), "scope"),
        (json!({ "grant_types": ["password"] }), "grant_types"),
    ] {
        match update(&jeton, "old", patch).await {
            Err(ClientError::Invalid(invalid)) => assert_eq!(fields(invalid), [field]),
            other => panic!("{other:?}"),
        }
    }
    let unknown = update(&jeton, "unknown", json!({})).await;
    assert!(matches!(unknown, Err(ClientError::NotFound)));
}

/// RFC 9110 §13.1.1. A new secret is a new revision, too.
#[tokio::test]
async fn a_change_of_an_old_revision_is_refused() {
    let jeton = Jeton::start().await;
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    let store = &jeton.server.store;
    let find = async || client::find(store, "web").await.unwrap().unwrap();
    let rename = async |seen: &client::Model, name: &str| {
        let patch = merge_patch(json!({ "client_name": name }));
        client::update(
            store,
            Target::at_revision("web", seen.revision),
            &patch,
            &jeton.cause(),
        )
        .await
    };
    let first = find().await;
    rename(&first, "One").await.unwrap();
    assert!(matches!(
        rename(&first, "Two").await,
        Err(ClientError::Stale)
    ));
    let second = find().await;
    client_secret::add(store, "web", &NewSecret::random(), &jeton.cause())
        .await
        .unwrap();
    assert!(matches!(
        rename(&second, "Two").await,
        Err(ClientError::Stale)
    ));
    assert_eq!(find().await.name, "One");
    rename(&find().await, "Two").await.unwrap();
}

#[tokio::test]
async fn a_client_is_disabled_together_with_another_change() {
    let jeton = Jeton::start().await;
    jeton.sign_in().await;
    let off = json!({ "client_name": "Off", "disabled": true });
    let changed = update(&jeton, "first-party", off.clone()).await.unwrap();
    assert!(changed.ended.is_some());
    assert_eq!(changed.changed, words(&["client_name"]));
    assert_eq!(changed.client.disabled_at, Some(jeton.now()));
    jeton.advance(SECOND);
    let again = update(&jeton, "first-party", off).await.unwrap();
    assert_eq!(again.client, changed.client);
}

/// row 44: "stays published until the last token it signed has expired".
#[tokio::test]
async fn keys_stay_published_for_a_raised_lifetime() {
    let jeton = Jeton::start().await;
    let longest = async || {
        let keys = signing_key::list(&jeton.server.store).await.unwrap();
        keys.iter().map(|key| key.longest_lifetime).max().unwrap()
    };
    assert_eq!(longest().await, 900_000_000);
    let lifetime = |seconds: i64| json!({ "access_token_lifetime": seconds });
    jeton.change_client("first-party", lifetime(DAY)).await;
    assert_eq!(longest().await, 86_400_000_000);
    // Tokens of the longer lifetime are still valid.
    jeton.change_client("first-party", lifetime(1)).await;
    assert_eq!(longest().await, 86_400_000_000);
}

/// A session is listed as revoked until its last access token has expired, if its row is kept for as long.
#[tokio::test]
async fn access_tokens_live_at_most_as_long_as_ended_sessions_are_kept() {
    let short = Duration::from_hours(1);
    let jeton = Jeton::with(|settings| settings.session.retention.0 = short).await;
    let lifetime = |seconds: i64| json!({ "access_token_lifetime": seconds });
    for (seconds, is_valid) in [(3601, false), (3600, true)] {
        let outcome = register(&jeton, "web", true, lifetime(seconds)).await;
        match outcome {
            Ok(_) => assert!(is_valid),
            Err(ClientError::Invalid(invalid)) => {
                assert_eq!(fields(invalid), ["access_token_lifetime"]);
                assert!(!is_valid);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let Err(ClientError::Invalid(invalid)) = update(&jeton, "web", lifetime(3601)).await else {
        panic!("the lifetime was accepted");
    };
    let message = invalid[0].message.as_str();
    assert!(message.starts_with("must be at most 1h"), "{message}");
    update(&jeton, "web", lifetime(3599)).await.unwrap();
    // A client from before a change of the setting.
    let long = |row: &mut client::Model| row.access_token_lifetime = Some(7200 * 1_000_000);
    jeton.add_client("old", None, long).await;
    update(&jeton, "old", json!({ "client_name": "Old" }))
        .await
        .unwrap();
}
