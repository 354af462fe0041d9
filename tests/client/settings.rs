//! What may be registered of a client, field by field, and how a part of it is changed.

use std::time::Duration;

use jeton::client::registration::{Invalid, Refused};
use jeton::client::secret::NewSecret;
use jeton::client::{Change, NewClient, Setting, Settings, add, check_id, update};
use jeton::config::LateRetry;
use jeton::store::client::{self, AccessTokenFormat, AccessTokenType, RefreshTokenRotation, Whom};
use jeton::store::{client_origin, signing_key};
use jeton::web_origin::WebOrigin;

use crate::support::Jeton;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn good() -> Settings {
    Settings {
        name: "Web".to_owned(),
        ..Settings::default()
    }
}

/// The fields with which something is wrong.
#[track_caller]
fn wrong(confidential: bool, change: impl FnOnce(&mut Settings)) -> Vec<&'static str> {
    let mut settings = good();
    change(&mut settings);
    let wrong = settings.check(confidential);
    wrong.into_iter().map(|invalid| invalid.field).collect()
}

/// RFC 9700 §2.4, RFC 6749 §4.4, RFC 9700 §4.14.2: who may have what.
#[test]
fn what_a_client_may_have_depends_on_what_it_is() {
    let grants = |grants: &[&str], first_party, confidential| {
        wrong(confidential, |own| {
            own.grant_types = words(grants);
            own.first_party = first_party;
        })
    };
    assert_eq!(grants(&["password", "refresh_token"], true, false), [""; 0]);
    assert_eq!(grants(&["password"], false, false), ["grant_types"]);
    assert_eq!(grants(&["password"], false, true), ["grant_types"]);
    assert_eq!(grants(&["client_credentials"], false, true), [""; 0]);
    assert_eq!(
        grants(&["client_credentials"], true, false),
        ["grant_types"]
    );
    assert_eq!(grants(&["implicit"], true, true), ["grant_types"]);
    for scope in ["account", "admin"] {
        let scopes = |first_party| {
            wrong(true, |own| {
                own.scope = words(&["read", scope]);
                own.first_party = first_party;
            })
        };
        assert_eq!(scopes(false), ["scope"]);
        assert_eq!(scopes(true), [""; 0]);
    }
    let never = |own: &mut Settings| own.rotation = Some(RefreshTokenRotation::Never);
    assert_eq!(wrong(false, never), ["rotation"]);
    assert_eq!(wrong(true, never), [""; 0]);
    let opaque = |own: &mut Settings| own.access_token_format = Some(AccessTokenFormat::Opaque);
    let for_itself = |own: &mut Settings| {
        opaque(own);
        own.grant_types = words(&["client_credentials"]);
    };
    assert_eq!(wrong(true, for_itself), ["access_token_format"]);
    let typed = |own: &mut Settings| {
        opaque(own);
        own.access_token_type = Some(AccessTokenType::Jwt);
    };
    assert_eq!(wrong(true, typed), ["access_token_type"]);
}

/// RFC 6749 §3.3, RFC 8707 §2; and so much that a token still fits into a header.
#[test]
fn scopes_and_audiences_are_well_formed_and_not_too_many() {
    let scopes = |scopes: Vec<String>| wrong(true, |own| own.scope = scopes);
    let audiences = |audiences: Vec<String>| wrong(true, |own| own.audience = audiences);
    for scope in ["", "a b", "a\"", "a\\", "é", "a\nb"] {
        assert_eq!(scopes(words(&[scope])), ["scope"], "{scope:?}");
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
    assert_eq!((scopes(many(64)), audiences(many(64))), (vec![], vec![]));
    assert_eq!(scopes(many(65)), ["scope"]);
    assert_eq!(audiences(many(65)), ["audience"]);
    assert_eq!(scopes(vec!["x".repeat(2048)]), [""; 0]);
    assert_eq!(scopes(vec!["x".repeat(2049)]), ["scope"]);
    assert_eq!(
        audiences(vec![format!("x:{}", "y".repeat(2047))]),
        ["audience"]
    );
    let opaque = |scopes: usize, audiences: usize| {
        wrong(true, |own| {
            own.access_token_format = Some(AccessTokenFormat::Opaque);
            (own.scope, own.audience) = (many(scopes), many(audiences));
        })
    };
    assert_eq!(opaque(16, 8), [""; 0]);
    assert_eq!(opaque(17, 9), ["scope", "audience"]);
}

#[test]
fn times_are_within_bounds_and_in_whole_seconds() {
    type Field = fn(&mut Settings) -> &mut Option<Duration>;
    let fields: [(&str, Field, Duration, Duration); 4] = [
        (
            "access_token_lifetime",
            |own| &mut own.access_token_lifetime,
            SECOND,
            DAY * 30,
        ),
        (
            "session_lifetime",
            |own| &mut own.session_lifetime,
            SECOND,
            DAY * 3650,
        ),
        (
            "session_idle_lifetime",
            |own| &mut own.session_idle_lifetime,
            SECOND,
            DAY * 3650,
        ),
        (
            "retry_window",
            |own| &mut own.retry_window,
            Duration::ZERO,
            SECOND * 60,
        ),
    ];
    for (name, field, least, most) in fields {
        let check = |value: Duration| wrong(false, |own| *field(own) = Some(value));
        for value in [least, most] {
            assert_eq!(check(value), [""; 0], "{name} {value:?}");
        }
        for value in [most + SECOND, least + SECOND / 2] {
            assert_eq!(check(value), [name], "{value:?}");
        }
        if !least.is_zero() {
            assert_eq!(check(Duration::ZERO), [name]);
        }
    }
    assert_eq!(
        wrong(false, |own| own.late_retry_spacing = Some(0)),
        ["late_retry_spacing"]
    );
}

/// row 17, and HTTP Basic without encoding.
#[test]
fn an_id_is_printable_and_no_users() {
    for id in ["web", "1PpG/Q 1", "100%", &"x".repeat(255)] {
        assert_eq!(check_id(id), Ok(()), "{id}");
    }
    let long = "x".repeat(256);
    let uuid = "0190a6c2-5b1c-7d2e-8f3a-0123456789ab";
    for id in ["", " a", "a ", "a:b", "é", "a\nb", &long, uuid] {
        assert_eq!(check_id(id).unwrap_err().field, "client_id", "{id:?}");
    }
}

async fn register(
    jeton: &Jeton,
    id: &str,
    secret: bool,
    settings: Change,
) -> Result<client::Model, Refused> {
    let new = NewClient {
        id: id.to_owned(),
        secret: secret.then(NewSecret::random),
        settings,
        origins: vec![WebOrigin::parse("https://app.example.com").unwrap()],
    };
    add(new, &jeton.cause(), &jeton.server).await
}

/// A client of which nothing is said gets nothing of this server's own doors, and its tokens allow
/// nothing; a first-party one sees its people's account.
#[tokio::test]
async fn a_new_client_has_little() {
    let jeton = Jeton::start().await;
    let plain = register(&jeton, "plain", false, Change::default())
        .await
        .unwrap();
    assert_eq!(
        (&*plain.name, &*plain.scope, &*plain.grant_types),
        ("plain", "", "")
    );
    assert!(!plain.first_party && !plain.confidential);
    let found = client::find(&jeton.server.store, "plain").await.unwrap();
    assert_eq!(found, Some(plain));
    let origins = client_origin::of_client(&jeton.server.store, "plain").await;
    assert_eq!(origins.unwrap(), ["https://app.example.com"]);
    let first_party = Change {
        first_party: Setting::To(true),
        ..Change::default()
    };
    let own = register(&jeton, "own", true, first_party.clone())
        .await
        .unwrap();
    assert_eq!(&*own.scope, "account");
    assert!(own.first_party && own.confidential);
    let scopeless = Change {
        scope: Setting::To(vec![]),
        ..first_party
    };
    let own = register(&jeton, "other", true, scopeless).await.unwrap();
    assert_eq!(&*own.scope, "");
    let again = register(&jeton, "own", true, Change::default()).await;
    assert!(matches!(again, Err(Refused::Taken)));
}

/// All that is wrong is told at once, and nothing is registered.
#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let jeton = Jeton::start().await;
    let bad = Change {
        name: Setting::To("a\u{202e}b".to_owned()),
        grant_types: Setting::To(words(&["password", "client_credentials"])),
        access_token_lifetime: Setting::To(DAY * 31),
        ..Change::default()
    };
    let Err(Refused::Invalid(wrong)) = register(&jeton, "a:b", false, bad).await else {
        panic!("registered");
    };
    let fields: Vec<&str> = wrong.iter().map(|invalid| invalid.field).collect();
    let expected = [
        "client_id",
        "name",
        "grant_types",
        "grant_types",
        "access_token_lifetime",
    ];
    assert_eq!(fields, expected);
    assert!(
        client::find(&jeton.server.store, "a:b")
            .await
            .unwrap()
            .is_none()
    );
}

/// A change of every setting but the format, which does not go with a `typ`.
fn full() -> Change {
    Change {
        name: Setting::To("Web".to_owned()),
        first_party: Setting::To(true),
        grant_types: Setting::To(words(&["refresh_token", "password", "password"])),
        scope: Setting::To(words(&["b", "a", "b"])),
        audience: Setting::To(words(&["https://b.test", "https://a.test"])),
        access_token_type: Setting::To(AccessTokenType::Jwt),
        access_token_lifetime: Setting::To(SECOND * 60),
        session_lifetime: Setting::To(DAY),
        session_idle_lifetime: Setting::To(DAY / 2),
        rotation: Setting::To(RefreshTokenRotation::Never),
        retry_window: Setting::To(SECOND),
        late_retry: Setting::To(LateRetry::Never),
        late_retry_spacing: Setting::To(3),
        ..Change::default()
    }
}

/// What is not named stays; what is given back follows the server; lists replace.
#[tokio::test]
async fn a_change_touches_what_it_names_and_nothing_else() {
    let jeton = Jeton::start().await;
    let before = register(&jeton, "web", true, full()).await.unwrap();
    assert_eq!(
        (&*before.scope, &*before.grant_types),
        ("b a", "password refresh_token")
    );
    assert_eq!(&*before.audience, "https://b.test https://a.test");

    let change = async |change| {
        update("web", change, &jeton.cause(), &jeton.server)
            .await
            .unwrap()
    };
    let nothing = change(Change::default()).await;
    assert_eq!((&nothing.client, nothing.settings.len()), (&before, 0));
    let renamed = change(Change {
        name: Setting::To("Shop".to_owned()),
        scope: Setting::To(words(&["c"])),
        ..Change::default()
    })
    .await;
    assert_eq!(renamed.settings, ["name", "scope"]);
    let expected = client::Model {
        name: "Shop".to_owned(),
        scope: "c".to_owned(),
        revision: 1,
        ..before.clone()
    };
    assert_eq!(renamed.client, expected);
    let stored = client::find(&jeton.server.store, "web").await.unwrap();
    assert_eq!(stored, Some(expected));

    let given_back = change(Change {
        name: Setting::Default,
        first_party: Setting::Default,
        grant_types: Setting::Default,
        scope: Setting::Default,
        audience: Setting::Default,
        access_token_format: Setting::Default,
        access_token_type: Setting::Default,
        access_token_lifetime: Setting::Default,
        session_lifetime: Setting::Default,
        session_idle_lifetime: Setting::Default,
        rotation: Setting::Default,
        retry_window: Setting::Default,
        late_retry: Setting::Default,
        late_retry_spacing: Setting::Default,
        disabled: Setting::Default,
    })
    .await;
    let blank = client::Model {
        confidential: true,
        revision: 2,
        ..client::Model::new("web", before.created_at)
    };
    assert_eq!(given_back.client, blank);
    assert_eq!(given_back.settings.len(), 13);
}

/// A change that would make the client wrong changes nothing; one that leaves alone what was wrong
/// before the rules became stricter goes through.
#[tokio::test]
async fn a_change_is_refused_for_what_it_makes_wrong() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("old", None, |row| {
            row.first_party = false;
            "refresh_token".clone_into(&mut row.grant_types);
        })
        .await;
    let try_ = async |change| update("old", change, &jeton.cause(), &jeton.server).await;
    let renamed = Change {
        name: Setting::To("Old".to_owned()),
        ..Change::default()
    };
    assert_eq!(try_(renamed).await.unwrap().settings, ["name"]);
    let scopes = Change {
        scope: Setting::To(words(&["account"])),
        ..Change::default()
    };
    let grants = Change {
        grant_types: Setting::To(words(&["password"])),
        ..Change::default()
    };
    for (change, field) in [(scopes, "scope"), (grants, "grant_types")] {
        let Err(Refused::Invalid(wrong)) = try_(change).await else {
            panic!("{field}");
        };
        assert!(matches!(&wrong[..], [Invalid { field: own, .. }] if *own == field));
    }
    let gone = update("nobody", Change::default(), &jeton.cause(), &jeton.server).await;
    assert!(matches!(gone, Err(Refused::Unknown)));
}

/// RFC 9110 §13.1.1: who says which state they saw changes no other; a secret or an origin that came
/// between counts.
#[tokio::test]
async fn a_change_of_a_state_that_is_over_is_refused() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("web", Some(crate::support::SECRET), |_| {})
        .await;
    let store = &jeton.server.store;
    let see = async || client::find(store, "web").await.unwrap().unwrap();
    let rename = async |seen: &client::Model, name: &str| {
        let change = Change {
            name: Setting::To(name.to_owned()),
            ..Change::default()
        };
        update(Whom::as_of(seen), change, &jeton.cause(), &jeton.server).await
    };
    let first = see().await;
    rename(&first, "One").await.unwrap();
    assert!(matches!(rename(&first, "Two").await, Err(Refused::Stale)));
    let second = see().await;
    let secret = NewSecret::random();
    jeton::client::secret::add("web", &secret, &jeton.cause(), &jeton.server)
        .await
        .unwrap();
    assert!(matches!(rename(&second, "Two").await, Err(Refused::Stale)));
    let third = see().await;
    let origins = [WebOrigin::parse("https://app.example.com").unwrap()];
    client_origin::add(store, "web", &origins, &jeton.cause())
        .await
        .unwrap();
    assert!(matches!(rename(&third, "Two").await, Err(Refused::Stale)));
    assert_eq!(see().await.name, "One");
    rename(&see().await, "Two").await.unwrap();
}

/// To disable and to enable is a change like others, and ends the sessions.
#[tokio::test]
async fn a_client_is_disabled_together_with_another_change() {
    let jeton = Jeton::start().await;
    jeton.sign_in().await;
    let off = Change {
        name: Setting::To("Off".to_owned()),
        disabled: Setting::To(true),
        ..Change::default()
    };
    let (cause, server) = (jeton.cause(), &jeton.server);
    let changed = update("first-party", off.clone(), &cause, server)
        .await
        .unwrap();
    assert_eq!(
        (changed.sessions_ended, &*changed.settings),
        (1, &["name"][..])
    );
    assert_eq!(changed.client.disabled_at, Some(jeton.now()));
    jeton.advance(SECOND);
    let again = update("first-party", off, &jeton.cause(), server)
        .await
        .unwrap();
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
    let lifetime = |life: Duration| Change {
        access_token_lifetime: Setting::To(life),
        ..Change::default()
    };
    jeton.change_client("first-party", lifetime(DAY)).await;
    assert_eq!(longest().await, 86_400_000_000);
    // Tokens of the longer life are still out.
    jeton.change_client("first-party", lifetime(SECOND)).await;
    assert_eq!(longest().await, 86_400_000_000);
}
