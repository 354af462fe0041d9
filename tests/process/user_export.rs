//! `jeton user export`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::Place;
use super::user_import::{HASH, ID, bob};

/// A place with users that have and lack everything that can be absent, and with letters that CSV quotes.
fn place_with_users() -> Place {
    let place = Place::on_server();
    let full = format!(
        ",\"id\":\"{ID}\",\"name\":\"O\\\"Neil, Bob\",\"email\":\"bob@example.com\",\"roles\":[\"b\",\"a,c\"],\
         \"disabled\":true,\"created_at\":1000000000"
    );
    let lines = bob(HASH, &full) + &bob(HASH, "").replace("bob", "éloïse");
    place.import(&lines, &[]).ok();
    place
}

#[test]
fn an_export_can_be_imported_again_and_changes_nothing() {
    let place = place_with_users();
    for file in ["users.jsonl", "users.csv"] {
        let said = place.ok(&["user", "export", file, "--with-password-hashes"]);
        assert_eq!(said, format!("{file} has 3 users, with password hashes\n"));
        let before = place.users();
        let said = place.ok(&["user", "import", file, "--verbose", "--replace-passwords"]);
        assert_eq!(said, "users created: 0, updated: 0, unchanged: 3\n");
        assert_eq!(place.users(), before);

        let text = fs::read_to_string(place.path(file)).unwrap();
        let others: String = text
            .split_inclusive('\n')
            .filter(|line| !line.contains("admin"))
            .collect();
        let copy = Place::on_server();
        copy.write(file, others);
        let said = copy.ok(&["user", "import", file]);
        assert_eq!(said, "users created: 2, updated: 0, unchanged: 0\n");
        let without_admin = |users: String| -> Vec<String> {
            let lines = users.lines().filter(|line| !line.contains("\"admin\""));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(without_admin(copy.users()), without_admin(before));
    }
}

#[test]
fn hashes_are_exported_only_when_asked() {
    let place = place_with_users();
    let text = place.ok(&["user", "export"]);
    assert!(
        !text.contains('$') && !text.contains("password_hash"),
        "{text}"
    );
    let users: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let id = |user: &Value| user["id"].as_str().unwrap().to_owned();
    assert!(users.is_sorted_by_key(id), "{text}");
    let bob = json!({
        "id": ID, "username": "bob", "name": "O\"Neil, Bob", "email": "bob@example.com", "roles": ["b", "a,c"],
        "disabled": true, "created_at": 1_000_000_000
    });
    assert!(users.contains(&bob), "{text}");
    let said = place.import(&text, &[]).ok();
    assert_eq!(said, "users created: 0, updated: 0, unchanged: 3\n");
    let text = place.ok(&["user", "export", "--format", "csv"]);
    let header = "id,username,name,email,roles,disabled,created_at\n";
    assert!(text.starts_with(header) && !text.contains('$'), "{text}");
    let row = format!("\n{ID},bob,\"O\"\"Neil, Bob\",bob@example.com,\"b a,c\",true,1000000000\n");
    assert!(text.contains(&row), "{text}");
}

#[test]
fn an_exported_file_is_private_and_overwrites_nothing() {
    let place = Place::furnished();
    place.ok(&["user", "export", "users.jsonl"]);
    let path = place.path("users.jsonl");
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    place.write("users.jsonl", "mine");
    let said = place.run(&["user", "export", "users.jsonl"]).refusal();
    assert!(
        said.contains("users.jsonl exists, and an export overwrites nothing"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    let said = place.run(&["user", "export", "none/users.jsonl"]).refusal();
    assert!(said.contains("none/users.jsonl: No such file"), "{said}");
    assert_eq!(place.contents(), ["data", "users.jsonl"]);
}
