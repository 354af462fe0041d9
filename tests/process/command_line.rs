//! The command line while a server runs on the same store.

use super::{PASSWORD, Place, Process, eventually, kids};

const NEW: &str = "a quite different passphrase";

/// A server that loads new keys within a second.
fn running() -> (Place, Process) {
    let place = Place::furnished().set("JETON_KEYS__REFRESH_INTERVAL", "1s");
    let process = place.start();
    (place, process)
}

/// The value on the line that begins with `name`.
fn value(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line[name.len()..].trim().to_owned()
}

/// The line of a table that holds `word`.
#[track_caller]
fn row<'a>(table: &'a str, word: &str) -> &'a str {
    let found = table.lines().find(|line| line.contains(word));
    found.unwrap_or_else(|| panic!("no {word} in\n{table}"))
}

#[test]
fn a_user_is_added_changed_disabled_enabled_and_deleted() {
    let (place, server) = running();
    let added = place.run_with(
        &["user", "add", "Alice", "--role", "ops"],
        "the first one here\n",
    );
    assert!(added.ok().starts_with("user alice added: "));
    let token = server
        .sign_in("alice", "the first one here")
        .refresh_token();
    let listed = place.ok(&["user", "list"]);
    assert!(row(&listed, "alice").contains("active"), "{listed}");
    assert!(row(&listed, "alice").contains("ops"), "{listed}");

    let changed = place.run_with(&["user", "password", "alice"], &format!("{NEW}\n"));
    assert_eq!(
        changed.ok(),
        "user alice has a new password; sessions ended: 1\n"
    );
    server.refresh(&token).assert_error(400, "invalid_grant");
    server
        .sign_in("alice", "the first one here")
        .assert_error(400, "invalid_grant");
    let token = server.sign_in("alice", NEW).refresh_token();

    for said in ["is unlocked", "had no failed sign-ins"] {
        let unlocked = place.ok(&["user", "unlock", "alice"]);
        assert_eq!(unlocked, format!("user alice {said}\n"));
    }
    place.ok(&["user", "disable", "alice"]);
    server.refresh(&token).assert_error(400, "invalid_grant");
    server
        .sign_in("alice", NEW)
        .assert_error(400, "invalid_grant");
    assert!(row(&place.ok(&["user", "list"]), "alice").contains("disabled"));

    place.ok(&["user", "enable", "alice"]);
    server.refresh(&token).assert_error(400, "invalid_grant");
    let token = server.sign_in("alice", NEW).refresh_token();

    place.ok(&["user", "delete", "alice"]);
    server.refresh(&token).assert_error(400, "invalid_grant");
    server
        .sign_in("alice", NEW)
        .assert_error(400, "invalid_grant");
    assert!(!place.ok(&["user", "list"]).contains("alice"));
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
}

#[test]
fn a_user_has_a_name_and_an_email_address_until_they_are_removed() {
    let place = Place::furnished();
    let refusal = |arguments: &[&str]| place.run_with(arguments, "four random words\n").refusal();
    insta::assert_snapshot!(refusal(&["user", "add", "bob", "--name", " Bob"]), @"jeton: --name must be 1 to 255 bytes of text, with no space at either end and no control or invisible characters");
    insta::assert_snapshot!(refusal(&["user", "add", "bob", "--email", "bob"]), @"jeton: --email must be an email address such as alice@example.com, at most 254 characters of ASCII");
    let with = ["--name", "Bob Example", "--email", "bob@example.com"];
    let added = [&["user", "add", "bob"][..], &with].concat();
    place.run_with(&added, "four random words\n").ok();
    let shown = place.ok(&["user", "show", "bob"]);
    assert!(
        row(&shown, "bob").contains("Bob Example  bob@example.com"),
        "{shown}"
    );
    place.ok(&["user", "update", "bob", "--name", "Robert", "--no-email"]);
    let shown = place.ok(&["user", "show", "bob", "--json"]);
    assert!(shown.contains(r#""name":"Robert""#), "{shown}");
    assert!(!shown.contains("email"), "{shown}");
    place.ok(&["user", "update", "bob", "--no-name"]);
    assert!(
        !place
            .ok(&["user", "show", "bob", "--json"])
            .contains("\"name\"")
    );
    insta::assert_snapshot!(refusal(&["user", "update", "bob", "--email", "a@b@c"]), @"jeton: --email must be an email address such as alice@example.com, at most 254 characters of ASCII");
}

/// "Verifiers and CSPs SHALL require passwords that are used as a single-factor authentication mechanism
/// to be a minimum of 15 characters in length", NIST SP 800-63B-4 §3.1.1.2; the operator's
/// message names the rule, and the settings can relax it. Hashes are imported unchanged.
#[test]
fn a_weak_password_is_refused_with_the_reason_unless_the_settings_allow_it() {
    let place = Place::furnished();
    let refusal = |arguments: &[&str], input: &str| place.run_with(arguments, input).refusal();
    insta::assert_snapshot!(refusal(&["user", "add", "bob"], "fourteen chars\n"), @r#"jeton: nothing was changed: a password has 15 characters or more; a few words do"#);
    insta::assert_snapshot!(refusal(&["user", "add", "bob"], "qwertyuiopasdfghjkl\n"), @r#"jeton: nothing was changed: the password is too easy to guess. This is similar to a commonly used password. Add another word or two. Uncommon words are better."#);
    insta::assert_snapshot!(refusal(&["user", "add", "bob.the.builder"], "Bob.The.Builder\n"), @r#"jeton: nothing was changed: a password is not the name of its user or of this server"#);
    insta::assert_snapshot!(refusal(&["user", "password", "admin"], "hunter2\n"), @r#"jeton: nothing was changed: a password has 15 characters or more; a few words do"#);
    insta::assert_snapshot!(refusal(&["user", "password", "admin"], &"n0 end ".repeat(40)), @r#"jeton: nothing was changed: a password has 256 characters at most"#);
    assert_eq!(place.ok(&["user", "list"]).lines().count(), 2);

    // bcrypt of "U*U".
    let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n";
    place
        .run_with(&["user", "add", "carol", "--password-hash"], hash)
        .ok();
    let place = place
        .set("JETON_PASSWORD__MIN_LENGTH", "8")
        .set("JETON_PASSWORD__MIN_SCORE", "0");
    place.run_with(&["user", "add", "bob"], "password\n").ok();
    let server = place.start();
    assert_eq!(server.sign_in("bob", "password").status, 200);
    assert_eq!(server.sign_in("carol", "U*U").status, 200);
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
}

#[test]
fn a_client_secret_is_shown_once_and_replaced_while_the_client_runs() {
    let (place, server) = running();
    let added = place.ok(&[
        "client",
        "add",
        "backend",
        "--confidential",
        "--first-party",
        "--grant",
        "password",
    ]);
    assert_eq!(value(&added, "client_id"), "backend");
    let first = value(&added, "client_secret");
    let listed = place.ok(&["client", "list"]);
    assert!(row(&listed, "backend").contains("confidential"), "{listed}");
    assert!(!listed.contains(&first), "{listed}");

    let sign_in = |secret: &str| {
        server.token(&[
            ("grant_type", "password"),
            ("username", "admin"),
            ("password", PASSWORD),
            ("client_id", "backend"),
            ("client_secret", secret),
        ])
    };
    assert_eq!(sign_in(&first).status, 200);
    let second = place.ok(&["client", "secret", "add", "backend"]);
    let second = value(&second, "client_secret");
    assert_ne!(second, first);
    assert_eq!(sign_in(&first).status, 200);
    assert_eq!(sign_in(&second).status, 200);
    let listed = place.ok(&["client", "secret", "list", "backend"]);
    assert!(
        !listed.contains(&first) && !listed.contains(&second),
        "{listed}"
    );
    let oldest = row(&listed, "active").split_whitespace().next().unwrap();
    place.ok(&["client", "secret", "remove", "backend", oldest]);
    sign_in(&first).assert_error(401, "invalid_client");
    assert_eq!(sign_in(&second).status, 200);

    place.ok(&["client", "disable", "backend"]);
    sign_in(&second).assert_error(401, "invalid_client");
    place.ok(&["client", "enable", "backend"]);
    assert_eq!(sign_in(&second).status, 200);
    place.ok(&["client", "delete", "backend"]);
    sign_in(&second).assert_error(401, "invalid_client");
}

/// row 22: the password grant is off by default.
#[test]
fn a_public_client_has_no_secret_and_no_password_grant_by_default() {
    let (place, server) = running();
    let added = place.ok(&["client", "add", "web"]);
    assert!(!added.contains("client_secret"), "{added}");
    place.ok(&[
        "client",
        "add",
        "ours",
        "--first-party",
        "--grant",
        "password",
    ]);
    let sign_in = |client: &str| {
        server.token(&[
            ("grant_type", "password"),
            ("username", "admin"),
            ("password", PASSWORD),
            ("client_id", client),
        ])
    };
    sign_in("web").assert_error(400, "unauthorized_client");
    assert_eq!(sign_in("ours").status, 200);
    assert!(row(&place.ok(&["client", "list"]), "web").contains("public"));
}

#[test]
fn a_session_is_revoked_by_its_id_or_with_all_sessions_of_its_user() {
    let (place, server) = running();
    let tokens: Vec<String> = (0..3)
        .map(|_| server.sign_in("admin", PASSWORD).refresh_token())
        .collect();
    let listed = place.ok(&["session", "list", "--user", "admin"]);
    assert_eq!(listed.matches("active").count(), 3, "{listed}");
    let newest = row(&listed, "active").split_whitespace().next().unwrap();

    assert_eq!(
        place.ok(&["session", "revoke", newest]),
        format!("session {newest} is revoked\n")
    );
    server
        .refresh(&tokens[2])
        .assert_error(400, "invalid_grant");
    assert_eq!(server.refresh(&tokens[0]).status, 200);
    assert_eq!(
        place.ok(&["session", "revoke", newest]),
        format!("session {newest} had already ended\n")
    );

    assert_eq!(
        place.ok(&["session", "revoke", "--user", "admin"]),
        "sessions of admin ended: 2\n"
    );
    server
        .refresh(&tokens[1])
        .assert_error(400, "invalid_grant");
    let listed = place.ok(&["session", "list"]);
    assert_eq!(listed.matches("revoked (operator)").count(), 3, "{listed}");
}

/// row 44: a key is published before it signs.
#[test]
fn a_new_key_is_published_and_a_second_rotation_is_refused_until_it_signs() {
    let (place, server) = running();
    let before = kids(&server);
    let said = place.ok(&["key", "rotate"]);
    assert!(said.contains("is published and signs from 20"), "{said}");
    eventually("the new key is published", || kids(&server).len() == 2);
    assert_eq!(kids(&server)[0], before[0], "the signing key stands first");
    let listed = place.ok(&["key", "list"]);
    assert_eq!(listed.matches("active").count(), 1, "{listed}");
    assert_eq!(listed.matches("next").count(), 1, "{listed}");
    assert!(listed.contains("PUBLISHED SINCE"), "{listed}");
    assert!(listed.contains("SIGNS FROM"), "{listed}");

    let refusal = place.run(&["key", "rotate"]).refusal();
    assert!(refusal.contains("signs from 20"), "{refusal}");
    assert!(refusal.contains("--soon"), "{refusal}");
    assert!(refusal.contains("--emergency"), "{refusal}");
    assert_eq!(kids(&server).len(), 2);
}

#[test]
fn an_emergency_rotation_revokes_every_key_and_signs_no_user_out() {
    let (place, server) = running();
    let signed_in = server.sign_in("admin", PASSWORD);
    let before = kids(&server);
    let said = place.ok(&["key", "rotate", "--emergency"]);
    assert!(said.contains("keys revoked: 1"), "{said}");
    assert!(said.contains("are invalid"), "{said}");
    eventually("the old key is removed", || {
        let now = kids(&server);
        now.len() == 1 && now != before
    });
    let listed = place.ok(&["key", "list"]);
    assert!(row(&listed, &before[0]).contains("revoked"), "{listed}");

    let account = |token: &str| {
        let mut connection = server.connect();
        connection
            .send(format!(
                "GET /account HTTP/1.1\r\nHost: jeton\r\nAuthorization: Bearer {token}\r\n\r\n"
            ))
            .unwrap();
        connection.receive().unwrap().status
    };
    assert_eq!(account(&signed_in.member("access_token")), 401);
    let refreshed = server.refresh(&signed_in.refresh_token());
    assert_eq!(account(&refreshed.member("access_token")), 200);
}

#[test]
fn the_settings_in_force_are_shown_with_their_sources_and_without_secrets() {
    let place = Place::empty()
        .set("JETON_KEYS__BITS", "3072")
        .set(
            "JETON_ROOT_SECRET__VALUE",
            "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w",
        )
        .set("JETON_BOOTSTRAP__ADMIN_PASSWORD", "hunter2");
    place.write("jeton.toml", "[session]\nlifetime = \"5d\"\n");
    let said = place.ok(&["--config", "jeton.toml", "config"]);
    assert!(
        !said.contains("hunter2") && !said.contains("b2xk"),
        "{said}"
    );
    let words = |name| row(&said, name).split_whitespace().collect::<Vec<_>>();
    assert_eq!(
        words("keys.bits"),
        ["keys.bits", "\"3072\"", "JETON_KEYS__BITS"]
    );
    assert_eq!(
        words("session.lifetime"),
        ["session.lifetime", "\"5d\"", "jeton.toml"]
    );
    assert_eq!(
        words("password.queue"),
        ["password.queue", "\"64\"", "default"]
    );
    let hidden = [
        "root_secret.value",
        "\"[hidden]\"",
        "JETON_ROOT_SECRET__VALUE",
    ];
    assert_eq!(words("root_secret.value"), hidden);
    assert_eq!(place.contents(), ["jeton.toml"]);
}

#[test]
fn the_printed_document_is_the_served_one() {
    let (place, server) = running();
    let place = place.set("JETON_ISSUER", format!("http://{}", server.address));
    assert_eq!(place.ok(&["openapi"]), server.get("/openapi.json").body);
}

#[test]
fn every_command_has_a_help_text() {
    let place = Place::empty();
    let groups: [(&str, &[&str]); 8] = [
        ("serve", &[]),
        (
            "user",
            &[
                "add", "list", "password", "unlock", "disable", "enable", "delete",
            ],
        ),
        (
            "client",
            &[
                "add", "list", "show", "update", "secret", "origins", "disable", "enable", "delete",
            ],
        ),
        ("session", &["list", "revoke"]),
        ("key", &["list", "rotate"]),
        ("audit", &["list"]),
        ("openapi", &[]),
        ("config", &[]),
    ];
    let overview = place.ok(&["--help"]);
    for (group, commands) in groups {
        assert!(overview.contains(&format!("  {group} ")), "{overview}");
        let help = place.ok(&[group, "--help"]);
        assert!(help.contains("Usage: jeton"), "{help}");
        for command in commands {
            assert!(help.contains(&format!("  {command} ")), "{help}");
            let help = place.ok(&[group, command, "--help"]);
            assert!(
                help.contains(&format!("Usage: jeton {group} {command}")),
                "{help}"
            );
        }
    }
    assert_eq!(place.contents(), Vec::<String>::new());
}

#[test]
fn a_refused_command_says_why_and_changes_nothing() {
    let place = Place::furnished();
    let refusal = |arguments: &[&str], input: &str| place.run_with(arguments, input).refusal();
    insta::assert_snapshot!(refusal(&["user", "disable", "unknown"], ""), @r#"jeton: there is no user unknown; see `jeton user list`"#);
    insta::assert_snapshot!(refusal(&["user", "add", "ADMIN"], "some passphrase\n"), @r#"jeton: there is a user admin already; nothing was changed"#);
    insta::assert_snapshot!(refusal(&["user", "add", "bob"], "\n"), @r#"jeton: the password is empty; nothing was changed"#);
    insta::assert_snapshot!(refusal(&["user", "add", "bob"], ""), @r#"jeton: the password is empty; nothing was changed"#);
    insta::assert_snapshot!(refusal(&["user", "password", "admin"], ""), @r#"jeton: the password is empty; nothing was changed"#);
    insta::assert_snapshot!(refusal(&["user", "add", "b ob"], "some passphrase\n"), @r#"jeton: a username consists of letters and digits of any language and of signs on an English keyboard, such as . _ - + @, without spaces, emoji or invisible characters; letters that run from right to left and others do not mix"#);
    insta::assert_snapshot!(refusal(
        &["user", "add", "bob", "--role", "a b"],
        "some passphrase\n"
    ), @r#"jeton: a user has at most 50 roles, each a word of 1 to 64 visible ASCII characters; repeat --role for each"#);
    insta::assert_snapshot!(refusal(&["client", "add", "first-party"], ""), @r#"jeton: there is a client first-party already"#);
    let uuid = "01900000-0000-7000-8000-000000000001";
    insta::assert_snapshot!(refusal(&["client", "add", uuid], ""), @r#"jeton: a client id must not be a UUID: users' ids are"#);
    insta::assert_snapshot!(refusal(&["client", "secret", "add", "first-party"], ""), @r#"jeton: there is no confidential client first-party; see `jeton client list`"#);
    insta::assert_snapshot!(refusal(&["client", "disable", "unknown"], ""), @r#"jeton: there is no client unknown; see `jeton client list`"#);
    let short = ["client", "add", "x", "--confidential", "--secret-stdin"];
    insta::assert_snapshot!(refusal(&short, "short\n"), @r#"jeton: a client secret must be 32 to 255 random characters of printable ASCII: the server stores a fast digest of it"#);
    insta::assert_snapshot!(refusal(&["session", "revoke", uuid], ""), @r#"jeton: there is no session 01900000-0000-7000-8000-000000000001; see `jeton session list`"#);
    insta::assert_snapshot!(refusal(&["session", "list", "--user", "unknown"], ""), @r#"jeton: there is no user unknown; see `jeton user list`"#);
    let server = place.start();
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    assert_eq!(place.ok(&["user", "list"]).lines().count(), 2);
    assert_eq!(place.ok(&["client", "list"]).lines().count(), 4);
}

/// A wrong path must not create an empty store.
#[test]
fn a_command_without_a_database_creates_none() {
    let place = Place::empty();
    insta::assert_snapshot!(place.run(&["user", "list"]).refusal(), @r#"jeton: there is no database at ./data/jeton.db; run `jeton serve` once to create it, or correct data_dir or --config"#);
    insta::assert_snapshot!(
        place
            .run_with(&["user", "add", "bob"], "some passphrase\n")
            .refusal(), @r#"jeton: there is no database at ./data/jeton.db; run `jeton serve` once to create it, or correct data_dir or --config"#);
    assert_eq!(place.contents(), Vec::<String>::new());
}

#[test]
fn the_former_name_of_the_role_of_administrators_is_an_ordinary_role() {
    let place = Place::furnished();
    let warning =
        "jeton: warning: admin is an ordinary role; jeton:admin gives access to the admin API";
    let password = "eight brown dogs bark\n";
    for (arguments, is_warned) in [
        (&["user", "add", "bob", "--role", "admin"][..], true),
        (
            &[
                "user", "update", "bob", "--role", "reader", "--role", "admin",
            ],
            true,
        ),
        (&["user", "update", "bob", "--role", "jeton:admin"], false),
    ] {
        let outcome = place.run_with(arguments, password);
        assert!(outcome.status.success(), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.contains(warning), is_warned, "{arguments:?}");
    }
}
