//! The settings of a client for the authorization code grant.

use jeton::audit::Action;
use jeton::client::{ClientSettings, Consent, GrantType, Pkce, check};
use jeton::store::client::{self, ClientError};
use serde_json::{Value, json};

use super::settings::{fields, invalid, register, update, words};
use crate::support::Jeton;

const URI: &str = "https://app.example.com/callback";

/// row 62: public and confidential clients may have the grant, first-party or not. "The authorization server SHOULD
/// require all clients to register their redirection endpoint", RFC 6749 §3.1.2.2.
#[test]
fn a_client_with_the_authorization_code_grant_has_a_redirect_uri() {
    for (first_party, confidential) in [(false, false), (false, true), (true, false), (true, true)]
    {
        let with = |uris: &[&str]| {
            invalid(confidential, |own| {
                own.first_party = first_party;
                own.grant_types = vec![GrantType::AuthorizationCode];
                own.redirect_uris = words(uris);
            })
        };
        assert_eq!(with(&[URI]), [""; 0]);
        assert_eq!(with(&[]), ["redirect_uris"]);
    }
}

/// row 58, row 60: both lists have the same rules, and the message names the URI and the rule.
#[test]
fn redirect_uris_are_valid_and_not_too_many() {
    type Field = fn(&mut ClientSettings) -> &mut Vec<String>;
    let lists: [(&str, Field); 2] = [
        ("redirect_uris", |own| &mut own.redirect_uris),
        ("post_logout_redirect_uris", |own| {
            &mut own.post_logout_redirect_uris
        }),
    ];
    let many = |count: usize| (0..count).map(|number| format!("https://a.test/{number}"));
    for (name, field) in lists {
        let with = |uris: Vec<String>| invalid(false, |own| *field(own) = uris);
        assert_eq!(with(many(20).collect()), [""; 0]);
        assert_eq!(with(many(21).collect()), [name]);
        for refused in [
            "http://a.test/",
            "myapp:/",
            "https://a.test/#",
            "a\u{1b}b",
            "",
        ] {
            assert_eq!(with(words(&[URI, refused])), [name], "{refused:?}");
        }
        let mut settings = ClientSettings::new("web");
        *field(&mut settings) = words(&[URI, "https://a.test/\u{1b}"]);
        let message = &check(&settings, false)[0].message;
        assert!(
            message.starts_with(r#""https://a.test/\u{1b}" must have only"#),
            "{message}"
        );
    }
}

/// row 70: "Public clients MUST use PKCE", RFC 9700 §2.1.1; row 109: first-party clients skip consent.
#[tokio::test]
async fn pkce_and_consent_are_required_by_default() {
    let jeton = Jeton::start().await;
    let with = async |id: &str, secret, settings: Value| {
        let client = register(&jeton, id, secret, settings).await;
        client.map(|client| (client.requires_pkce(), client.requires_consent()))
    };
    assert_eq!(with("a", false, json!({})).await.unwrap(), (true, true));
    assert_eq!(with("b", true, json!({})).await.unwrap(), (true, true));
    let required = json!({ "pkce": "required", "consent": "required" });
    assert_eq!(with("c", true, required).await.unwrap(), (true, true));
    let not = json!({ "pkce": "optional", "consent": "skip" });
    assert_eq!(with("d", true, not).await.unwrap(), (false, false));
    let own = json!({ "first_party": true });
    assert_eq!(with("e", false, own).await.unwrap(), (true, false));
    for (settings, field) in [
        (json!({ "pkce": "optional" }), "pkce"),
        (
            json!({ "first_party": true, "consent": "required" }),
            "consent",
        ),
    ] {
        match with("f", false, settings).await {
            Err(ClientError::Invalid(invalid)) => assert_eq!(fields(invalid), [field]),
            other => panic!("{other:?}"),
        }
    }
    // A row that the rules refuse.
    let weak = |row: &mut client::Model| row.pkce = Some("optional".to_owned());
    jeton.add_client("weak", None, weak).await;
    let found = client::find(&jeton.server.store, "weak").await.unwrap();
    assert!(found.unwrap().requires_pkce());
}

#[tokio::test]
async fn the_grant_and_its_redirect_uri_are_added_by_one_change() {
    let jeton = Jeton::start().await;
    register(&jeton, "web", true, json!({})).await.unwrap();
    let grant = json!({ "grant_types": ["authorization_code"] });
    match update(&jeton, "web", grant).await {
        Err(ClientError::Invalid(invalid)) => assert_eq!(fields(invalid), ["redirect_uris"]),
        other => panic!("{other:?}"),
    }
    let both = json!({ "grant_types": ["authorization_code"], "redirect_uris": [URI, "http://localhost/cb"] });
    let updated = update(&jeton, "web", both).await.unwrap();
    assert_eq!(updated.changed, ["grant_types", "redirect_uris"]);
    let uris: Vec<&str> = updated.client.redirect_uris().collect();
    assert_eq!(uris, [URI, "http://localhost/cb"]);
    match update(&jeton, "web", json!({ "redirect_uris": [] })).await {
        Err(ClientError::Invalid(invalid)) => assert_eq!(fields(invalid), ["redirect_uris"]),
        other => panic!("{other:?}"),
    }
    let settings =
        json!({ "pkce": "optional", "consent": "skip", "post_logout_redirect_uris": [URI] });
    let updated = update(&jeton, "web", settings).await.unwrap();
    assert_eq!(
        (
            updated.client.settings().pkce,
            updated.client.settings().consent
        ),
        (Some(Pkce::Optional), Some(Consent::Skip))
    );
    let events = jeton.audit_events(Action::ClientUpdated).await;
    let mut details: Vec<&str> = events.iter().map(|event| event.detail.as_str()).collect();
    details.sort_unstable();
    insta::assert_debug_snapshot!(details, @r#"
    [
        "{\"changed\":\"grant_types redirect_uris\",\"grant_types\":[\"authorization_code\"],\"redirect_uris\":[\"https://app.example.com/callback\",\"http://localhost/cb\"]}",
        "{\"changed\":\"post_logout_redirect_uris pkce consent\",\"post_logout_redirect_uris\":[\"https://app.example.com/callback\"],\"pkce\":\"optional\",\"consent\":\"skip\"}",
    ]
    "#);
}
