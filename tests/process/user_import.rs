//! `jeton user import`.

use serde_json::Value;

use super::{Outcome, Place};

/// Of "U*U", from the test vectors of the first implementation.
pub(super) const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
/// Of another password.
pub(super) const OTHER_HASH: &str = "$2b$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm";
pub(super) const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

/// Bob with this hash, and with further members.
pub(super) fn bob(hash: &str, more: &str) -> String {
    format!("{{\"username\":\"bob\",\"password_hash\":\"{hash}\"{more}}}\n")
}

impl Place {
    /// All users, each with everything that an import can change.
    #[track_caller]
    pub(super) fn users(&self) -> String {
        self.ok(&["user", "export", "--with-password-hashes"])
    }

    /// The number of audit events.
    pub(super) fn events(&self, action: &str) -> usize {
        let events = [
            "audit", "list", "--limit", "1000", "--json", "--action", action,
        ];
        self.ok(&events).lines().count()
    }

    fn user(&self, name: &str) -> Value {
        serde_json::from_str(&self.ok(&["user", "show", name, "--json"])).unwrap()
    }

    /// Imports lines from standard input.
    pub(super) fn import(&self, lines: &str, flags: &[&str]) -> Outcome {
        self.run_with(&[&["user", "import", "-"], flags].concat(), lines)
    }
}

/// A second run finds the hash that the sign-in has renewed, and keeps it.
#[test]
fn imported_users_sign_in_with_the_old_password_and_a_second_run_changes_nothing() {
    let place = Place::on_server();
    let more = format!(
        ",\"id\":\"{ID}\",\"name\":\"Bob\",\"email\":\"bob@example.com\",\"roles\":[\"b\",\"a\"],\"created_at\":1000000000"
    );
    place.write("users.jsonl", bob(HASH, &more));
    place.write(
        "more.csv",
        format!("password_hash,username,disabled\r\n{HASH},Carol,true\r\n{HASH},dave,\r\n"),
    );
    let said = place.ok(&["user", "import", "users.jsonl", "--verbose"]);
    let expected =
        format!("line 1: bob created: {ID}\nusers created: 1, updated: 0, unchanged: 0\n");
    assert_eq!(said, expected);
    let said = place.ok(&["user", "import", "more.csv", "--json"]);
    let numbers: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&numbers["created"], &numbers["dry_run"]),
        (&2.into(), &false.into())
    );
    let user = place.user("bob");
    assert_eq!(user["id"], ID);
    assert_eq!(user["created_at"], 1_000_000_000);
    assert_eq!(user["roles"], serde_json::json!(["b", "a"]));
    assert_eq!(place.user("carol")["disabled"], true);

    let server = place.start();
    for (name, password, status) in [
        ("bob", "U*U", 200),
        ("bob", "U*", 400),
        ("carol", "U*U", 400),
        ("dave", "U*U", 200),
    ] {
        assert_eq!(server.sign_in(name, password).status, status, "{name}");
    }
    let users = place.users();
    assert_eq!(users.matches(HASH).count(), 1, "carol's is left: {users}");
    let events = place.events("user_created");
    for file in ["users.jsonl", "more.csv"] {
        let said = place.ok(&["user", "import", file, "--verbose"]);
        assert!(
            said.starts_with("users created: 0, updated: 0, unchanged: "),
            "{said}"
        );
    }
    assert_eq!(place.users(), users);
    assert_eq!(
        (place.events("user_created"), place.events("user_updated")),
        (events, 0)
    );
    assert_eq!(server.sign_in("bob", "U*U").status, 200);
}

#[test]
fn the_audit_log_has_an_event_of_each_imported_user_and_no_hash() {
    let place = Place::furnished();
    let before = place.events("user_created");
    place
        .import(&bob(HASH, ",\"roles\":[\"reader\"]"), &[])
        .ok();
    assert_eq!(place.events("user_created"), before + 1);
    let events = place.ok(&["audit", "list", "--json"]);
    let event = events
        .lines()
        .find(|line| line.contains("\"bob\""))
        .unwrap();
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["actor"], "operator", "{event}");
    assert!(!events.contains("$2a$"), "{events}");
}

#[test]
fn an_existing_user_gets_what_the_line_has() {
    let place = Place::furnished();
    place
        .import(
            &bob(
                HASH,
                ",\"name\":\"Bob\",\"email\":\"b@example.com\",\"roles\":[\"a\"]",
            ),
            &[],
        )
        .ok();
    let server = place.start();
    let token = server.sign_in("bob", "U*U").refresh_token();
    let created_at = place.user("bob")["created_at"].clone();
    // Without a hash, without the id, and in another case.
    let line = r#"{"username":"BOB","name":null,"roles":["c","a"],"created_at":7}"#;
    let said = place.import(line, &["--verbose"]).ok();
    assert!(said.contains("line 1: bob updated: "), "{said}");
    let user = place.user("bob");
    assert_eq!(user.get("name"), None);
    assert_eq!(user["email"], "b@example.com");
    assert_eq!(user["roles"], serde_json::json!(["c", "a"]));
    assert_eq!(user["created_at"], created_at);
    let token = server.refresh(&token).refresh_token();
    // An empty value of CSV is absent.
    place
        .import(
            "username,email,roles,disabled\nbob,,,true\n",
            &["--format", "csv"],
        )
        .ok();
    let user = place.user("bob");
    assert_eq!(user["email"], "b@example.com");
    assert_eq!(user["disabled"], true);
    server.refresh(&token).assert_error(400, "invalid_grant");
    assert_eq!(
        (place.events("user_updated"), place.events("user_disabled")),
        (1, 1)
    );
}

#[test]
fn a_password_is_replaced_only_when_asked_and_ends_the_sessions() {
    let place = Place::furnished();
    place.import(&bob(HASH, ""), &[]).ok();
    let server = place.start();
    let token = server.sign_in("bob", "U*U").refresh_token();
    let said = place.import(&bob(OTHER_HASH, ""), &[]).ok();
    assert_eq!(said, "users created: 0, updated: 0, unchanged: 1\n");
    let token = server.refresh(&token).refresh_token();
    let said = place
        .import(&bob(OTHER_HASH, ""), &["--replace-passwords"])
        .ok();
    assert_eq!(
        said,
        "users created: 0, updated: 1, unchanged: 0; sessions ended: 1\n"
    );
    server.refresh(&token).assert_error(400, "invalid_grant");
    server
        .sign_in("bob", "U*U")
        .assert_error(400, "invalid_grant");
    assert_eq!(
        server.sign_in("bob", "correct horse battery stäple").status,
        200
    );
    assert_eq!(place.events("password_changed"), 1);
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let place = Place::furnished();
    place.import(&bob(HASH, ""), &[]).ok();
    let before = place.users();
    let lines = bob(OTHER_HASH, ",\"name\":\"Bob\"")
        + &bob(HASH, "").replace("bob", "eve")
        + "\n{\"username\":\"admin\"}";
    let said = place
        .import(&lines, &["--dry-run", "--verbose", "--replace-passwords"])
        .ok();
    let expected = "line 1: bob updated\nline 2: eve created\nnothing was changed, because this is a dry run; an import \
                    would change this: users created: 1, updated: 1, unchanged: 1\n";
    assert_eq!(said, expected);
    assert_eq!(place.users(), before);
    let said = place.import(&bob("x", ""), &["--dry-run"]).refusal();
    assert!(said.contains("line 1: password_hash: "), "{said}");
}

/// Several batches, and several pages of the export.
#[test]
fn more_users_than_a_batch_are_imported_once() {
    let place = Place::on_server();
    let lines: String = (0..1201)
        .map(|number| bob(HASH, "").replace("bob", &format!("user-{number}")))
        .collect();
    let said = place.import(&lines, &[]).ok();
    assert_eq!(said, "users created: 1201, updated: 0, unchanged: 0\n");
    let users = place.users();
    assert_eq!(users.lines().count(), 1202);
    let said = place
        .import(&lines, &["--replace-passwords", "--batch", "1201"])
        .ok();
    assert_eq!(said, "users created: 0, updated: 0, unchanged: 1201\n");
    assert_eq!(
        place.import(&users, &["--verbose"]).ok(),
        "users created: 0, updated: 0, unchanged: 1202\n"
    );
    assert_eq!(place.users(), users);
}
