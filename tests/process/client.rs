//! Clients by the command line: what a script reads and writes there.

use serde_json::{Value, json};

use super::{PASSWORD, Place, Process};

impl Place {
    /// The object that a command prints, its times and random texts hidden.
    fn object(&self, arguments: &[&str]) -> Value {
        let said = self.ok(arguments);
        assert_eq!(said.lines().count(), 1, "{said}");
        let mut object: Value = serde_json::from_str(&said).unwrap();
        hide(&mut object);
        object
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn hide(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Object(members) => {
            for (name, value) in members {
                match &**name {
                    "id" | "created_at" | "expires_at" | "disabled_at" | "client_secret" => {
                        let is_time = value.as_i64().is_some_and(|at| at > 1_700_000_000);
                        assert!(is_time || value.as_str().is_some_and(|text| text.len() >= 36));
                        *value = "[hidden]".into();
                    }
                    _ => hide(value),
                }
            }
        }
        _ => {}
    }
}

fn sign_in(server: &Process, client: &str, secret: &str) -> super::Answer {
    server.token(&[
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
        ("client_id", client),
        ("client_secret", secret),
    ])
}

#[test]
fn a_client_is_added_as_json() {
    let place = Place::furnished();
    let added = place.object(&words(
        "client add shop --confidential --grant refresh_token --scope orders --access-token-type JWT \
         --audience https://api.example.com --access-token-lifetime 5m --rotation never --json",
    ));
    insta::assert_json_snapshot!(added, @r#"
    {
      "client_id": "shop",
      "token_endpoint_auth_method": "client_secret_basic",
      "client_name": "shop",
      "first_party": false,
      "grant_types": [
        "refresh_token"
      ],
      "scope": "orders",
      "audience": [
        "https://api.example.com"
      ],
      "access_token_type": "JWT",
      "access_token_lifetime": 300,
      "rotation": "never",
      "origins": [],
      "redirect_uris": [],
      "post_logout_redirect_uris": [],
      "disabled": false,
      "created_at": "[hidden]",
      "secrets": [
        {
          "id": "[hidden]",
          "created_at": "[hidden]"
        }
      ],
      "client_secret": "[hidden]"
    }
    "#);
    let listed = place.ok(&words("client list --json"));
    let ids = listed.lines().map(|line| {
        let client: Value = serde_json::from_str(line).unwrap();
        client["client_id"].clone()
    });
    let ids: Vec<Value> = ids.collect();
    assert_eq!(ids, ["first-party", "jeton:browser", "my-info", "shop"]);
}

/// A token of such a client is refused at `/account`.
#[test]
fn a_client_with_a_scope_of_this_server_and_another_audience_gets_a_hint() {
    let place = Place::furnished();
    let hint = |line: &str| place.run(&words(line)).hints();
    let added = hint("client add web --first-party --scope account --audience https://api.test");
    assert!(added.contains("hint: tokens of web are not for"), "{added}");
    assert!(added.contains("resource=http://"), "{added}");
    let changed = hint("client update web --scope notes --json");
    assert!(!changed.contains("hint"), "{changed}");
    let changed = hint("client update web --scope account --json");
    assert!(changed.contains("scope account"), "{changed}");
    let changed = hint("client update web --default audience");
    assert!(!changed.contains("hint"), "{changed}");
}

#[test]
fn a_client_is_changed_as_json() {
    let place = Place::furnished();
    place.ok(&words(
        "client add shop --scope orders --audience https://a.test --access-token-type JWT",
    ));
    let updated = place.object(&words(
        "client update shop --name Shop --scope orders --scope bills --default audience --default \
         access-token-type --session-lifetime 1d --json",
    ));
    let shown = place.object(&words("client show shop --json"));
    insta::assert_json_snapshot!(shown, @r#"
    {
      "client_id": "shop",
      "token_endpoint_auth_method": "none",
      "client_name": "Shop",
      "first_party": false,
      "grant_types": [],
      "scope": "orders bills",
      "audience": [],
      "session_lifetime": 86400,
      "origins": [],
      "redirect_uris": [],
      "post_logout_redirect_uris": [],
      "disabled": false,
      "created_at": "[hidden]"
    }
    "#);
    let names = words("client_name scope audience access_token_type session_lifetime");
    let expected = json!({ "client": shown, "changed": names, "sessions_ended": 0 });
    assert_eq!(updated, expected);
    let say = |line: &str| place.ok(&words(line));
    insta::assert_snapshot!(say("client update shop --name Shop"), @r#"client shop: nothing to change"#);
    insta::assert_snapshot!(say("client update shop --name X --late-retry never"), @r#"client shop: changed client_name, late_retry"#);
    insta::assert_snapshot!(say("client update shop"), @r#"client shop: nothing to change"#);
    insta::assert_snapshot!(say("client disable shop"), @r#"client shop is disabled; sessions ended: 0"#);
    insta::assert_snapshot!(say("client enable shop"), @r#"client shop is enabled"#);

    let origins = place.object(&words(
        "client origins shop --add https://shop.example.com --json",
    ));
    assert_eq!(
        origins,
        json!({ "client_id": "shop", "origins": ["https://shop.example.com"] })
    );
    let disabled = place.object(&words("client disable shop --json"));
    assert_eq!(disabled["client"]["disabled_at"], "[hidden]");
    assert_eq!(
        (&disabled["changed"], &disabled["sessions_ended"]),
        (&json!([]), &json!(0))
    );
    let shown = place.object(&words("client show shop --json"));
    assert_eq!(shown, disabled["client"]);
    let enabled = place.object(&words("client enable shop --json"));
    assert_eq!(enabled["client"]["disabled"], false);
    let deleted = place.object(&words("client delete shop --json"));
    assert_eq!(
        deleted,
        json!({ "client": enabled["client"], "sessions_ended": 0 })
    );
}

/// One command adds the grant and its redirect URI; the grant brings `refresh_token`.
#[test]
fn a_client_gets_the_authorization_code_grant_by_flags() {
    let place = Place::furnished();
    place.ok(&words("client add grafana --confidential"));
    let updated = place.object(&words(
        "client update grafana --grant authorization_code --redirect-uri https://grafana.example.com/login \
         --redirect-uri http://localhost/callback --post-logout-redirect-uri https://grafana.example.com/ \
         --pkce optional --consent skip --json",
    ));
    let changed = words("grant_types redirect_uris post_logout_redirect_uris pkce consent");
    assert_eq!(updated["changed"], json!(changed));
    insta::assert_json_snapshot!(updated["client"], @r#"
    {
      "client_id": "grafana",
      "token_endpoint_auth_method": "client_secret_basic",
      "client_name": "grafana",
      "first_party": false,
      "grant_types": [
        "refresh_token",
        "authorization_code"
      ],
      "scope": "",
      "audience": [],
      "origins": [],
      "redirect_uris": [
        "https://grafana.example.com/login",
        "http://localhost/callback"
      ],
      "post_logout_redirect_uris": [
        "https://grafana.example.com/"
      ],
      "pkce": "optional",
      "consent": "skip",
      "disabled": false,
      "created_at": "[hidden]",
      "secrets": [
        {
          "id": "[hidden]",
          "created_at": "[hidden]"
        }
      ]
    }
    "#);
    let listed = place.ok(&words("client list"));
    assert!(
        listed.contains("https://grafana.example.com/login http://localhost/callback"),
        "{listed}"
    );
    let reset = place.ok(&words(
        "client update grafana --default pkce --default consent --default post-logout-redirect-uri",
    ));
    insta::assert_snapshot!(reset, @r#"client grafana: changed post_logout_redirect_uris, pkce, consent"#);
}

#[test]
fn invalid_settings_of_the_authorization_code_grant_are_named_by_their_flags() {
    let place = Place::furnished();
    let add = "client add grafana --grant authorization_code --redirect-uri com.example.app:/cb";
    place.ok(&words(add));
    let refusal = |line: &str| place.run(&words(line)).refusal();
    insta::assert_snapshot!(refusal("client update grafana --default redirect-uri"), @r#"jeton: --redirect-uri: must be at least one for the grant authorization_code, which returns users there"#);
    insta::assert_snapshot!(refusal("client add web --grant authorization_code --pkce optional"), @r#"
    jeton: --redirect-uri: must be at least one for the grant authorization_code, which returns users there
    --pkce: must be required for a client without a secret (--confidential): without PKCE, a stolen code is enough for tokens (RFC 9700, 2.1.1)
    "#);
    insta::assert_snapshot!(refusal("client add web --first-party --consent required"), @r#"jeton: --consent: must not be required with --first-party: users consent to the access of others' clients only"#);
    insta::assert_snapshot!(refusal("client add web --redirect-uri http://app.example.com/"), @r#"
    error: invalid value 'http://app.example.com/' for '--redirect-uri <URI>': must be https: http is only for the hosts 127.0.0.1, [::1] and localhost

    For more information, try '--help'.
    "#);
}

#[test]
fn a_client_is_shown_as_a_table() {
    let place = Place::furnished();
    place.ok(&words(
        "client add web --first-party --grant password --retry-window 5s",
    ));
    let shown = place.ok(&words("client show web"));
    let lines = shown.lines().filter(|line| !line.contains("created_at"));
    let lines: Vec<&str> = lines.collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    FIELD                       VALUE
    client_id                   web
    token_endpoint_auth_method  none
    client_name                 web
    first_party                 yes
    grant_types                 password refresh_token
    scope                       account
    audience                    (the issuer)
    access_token_format         (as the server)
    access_token_type           (as the server)
    access_token_lifetime       (as the server)
    session_lifetime            (as the server)
    session_idle_lifetime       (as the server)
    rotation                    (as the server)
    retry_window                5s
    retry_device                (as the server)
    late_retry                  (as the server)
    late_retry_spacing          (as the server)
    origins                     (none)
    redirect_uris               (none)
    post_logout_redirect_uris   (none)
    pkce                        (required)
    consent                     (required unless first-party)
    disabled                    no
    "#);
}

/// A secret is replaced while the client runs; it is shown once, and no list contains it.
#[test]
fn secrets_are_added_and_removed_as_json() {
    let place = Place::furnished();
    let server = place.start();
    let secret = |line: &str| {
        let said: Value = serde_json::from_str(&place.ok(&words(line))).unwrap();
        said["client_secret"].as_str().unwrap().to_owned()
    };
    let first = secret("client add web --confidential --first-party --grant password --json");
    let add = "client secret add web --expires-in 30d --json";
    let second = secret(add);
    for secret in [&first, &second] {
        assert_eq!(sign_in(&server, "web", secret).status, 200);
    }
    insta::assert_json_snapshot!(place.object(&words(add)), @r#"
    {
      "id": "[hidden]",
      "created_at": "[hidden]",
      "expires_at": "[hidden]",
      "client_id": "web",
      "client_secret": "[hidden]"
    }
    "#);
    let listed = place.ok(&words("client secret list web --json"));
    assert_eq!(listed.lines().count(), 3);
    assert!(
        !listed.contains(&first) && !listed.contains(&second),
        "{listed}"
    );
    let oldest: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let id = oldest["id"].as_str().unwrap();
    let removed = place.ok(&words(&format!("client secret remove web {id} --json")));
    let removed: Value = serde_json::from_str(&removed).unwrap();
    assert_eq!(removed, json!({ "client_id": "web", "id": id }));
    assert_eq!(sign_in(&server, "web", &first).status, 401);
    assert_eq!(sign_in(&server, "web", &second).status, 200);
    let text = "a secret of our own, which is long enough";
    let brought = words("client secret add web --secret-stdin");
    let said = place.run_with(&brought, &format!("{text}\n")).ok();
    assert!(said.contains(text));
    assert_eq!(sign_in(&server, "web", text).status, 200);
}

/// All invalid settings are named by their flags, and nothing is changed.
#[test]
fn invalid_settings_are_named_by_their_flags() {
    let place = Place::furnished();
    let refusal = |arguments: &[&str]| place.run(&[&["client"], arguments].concat()).refusal();
    insta::assert_snapshot!(refusal(&["add", "web", "--grant", "password"]), @r#"jeton: --grant: the password grant shows users' passwords to the client (RFC 9700, 2.4): it requires --first-party"#);
    insta::assert_snapshot!(refusal(&["add", "web", "--scope", "account", "--scope", "é", "--rotation", "never", "--retry-window", "90s"]), @r#"
    jeton: --scope: must be scopes of printable ASCII without " and \, separated by single spaces
    --scope: account, admin and introspect give access to this server's own APIs: they require --first-party; introspect alone may be of another client with a secret and the grant client_credentials
    --rotation: must be always for a client without a secret (--confidential): only rotation detects a stolen refresh token (RFC 9700, 4.14.2)
    --retry-window: must be 0s to 60s, in whole seconds
    "#);
    insta::assert_snapshot!(refusal(&["add", "web", "--grant", "client_credentials"]), @r#"jeton: --grant: client_credentials requires a client with a secret (--confidential)"#);
    insta::assert_snapshot!(refusal(&["update", "first-party", "--access-token-lifetime", "31d"]), @r#"jeton: --access-token-lifetime: must be 1s to 30d, in whole seconds"#);
    insta::assert_snapshot!(refusal(&["update", "first-party", "--default", "first-party"]), @r#"
    jeton: --grant: the password grant shows users' passwords to the client (RFC 9700, 2.4): it requires --first-party
    --scope: account, admin and introspect give access to this server's own APIs: they require --first-party; introspect alone may be of another client with a secret and the grant client_credentials
    "#);
    insta::assert_snapshot!(refusal(&["update", "missing", "--name", "x"]), @r#"jeton: there is no client missing; see `jeton client list`"#);
    insta::assert_snapshot!(refusal(&["show", "missing"]), @r#"jeton: there is no client missing; see `jeton client list`"#);
    insta::assert_snapshot!(refusal(&["secret", "list", "missing"]), @r#"jeton: there is no client missing; see `jeton client list`"#);
    insta::assert_snapshot!(refusal(&["secret", "add", "first-party"]), @r#"jeton: there is no confidential client first-party; see `jeton client list`"#);
    let id = "01900000-0000-7000-8000-000000000001";
    insta::assert_snapshot!(refusal(&["secret", "remove", "first-party", id]), @r#"jeton: there is no confidential client first-party; see `jeton client list`"#);
    place.ok(&["client", "add", "job", "--confidential"]);
    insta::assert_snapshot!(refusal(&["secret", "remove", "job", id]), @r#"jeton: client job has no such secret; see `jeton client secret list job`"#);
    let listed = place.ok(&["client", "secret", "list", "job"]);
    let own = listed
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    insta::assert_snapshot!(refusal(&["secret", "remove", "job", own]), @r#"jeton: it is the last valid secret of client job; add another first, or disable the client instead"#);
    insta::assert_snapshot!(refusal(&["secret", "add", "job", "--expires-in", "0s"]), @r#"jeton: --expires-in: must be 1s to 3650d"#);
    for _ in 0..4 {
        place.ok(&["client", "secret", "add", "job"]);
    }
    insta::assert_snapshot!(refusal(&["secret", "add", "job"]), @r#"jeton: client job has 5 secrets already; remove an unused one, see `jeton client secret list job`"#);
    assert!(!place.ok(&["client", "list"]).contains("web"));
}

/// Which clients still use the password grant, before it is taken from them.
#[test]
fn the_list_of_clients_shows_the_last_sign_in_by_the_password_grant() {
    let place = Place::furnished();
    let server = place.start();
    let line = || {
        let listed = place.ok(&words("client list"));
        let mut lines = listed.lines();
        let line = lines.find(|line| line.contains(" first-party "));
        line.unwrap().to_owned()
    };
    assert!(line().contains(" -  "), "{}", line());
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    assert!(!line().contains(" -  "), "{}", line());
}
