//! Imports that are killed, and two at once.

use std::process::{Child, Stdio};

use super::Place;
use super::user_import::{HASH, bob};

const USERS: usize = 2000;
const BATCH: usize = 50;

/// A file with this many users.
fn write_users(place: &Place) {
    let line = |number| bob(HASH, "").replace("bob", &format!("user-{number}"));
    place.write("users.jsonl", (0..USERS).map(line).collect::<String>());
}

fn start(place: &Place) -> Child {
    let mut command = place.command(&["user", "import", "users.jsonl", "--batch", "50"]);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

async fn users(place: &Place) -> usize {
    let number = place.number("SELECT COUNT(*) FROM users WHERE username LIKE 'user-%'");
    usize::try_from(number.await).unwrap()
}

/// The number of events of created users, without that of the administrator.
async fn events(place: &Place) -> usize {
    let number = place.number("SELECT COUNT(*) FROM audit_events WHERE action = 'user_created'");
    usize::try_from(number.await).unwrap() - 1
}

/// Each batch is imported as a whole or not at all; another run imports the rest.
#[tokio::test]
async fn an_import_that_is_killed_leaves_whole_batches_and_the_next_one_finishes() {
    let place = Place::on_server();
    write_users(&place);
    let mut import = start(&place);
    let mut imported = 0;
    while imported == 0 {
        imported = users(&place).await;
        assert!(import.try_wait().unwrap().is_none() || imported > 0);
    }
    import.kill().unwrap();
    import.wait().unwrap();
    let imported = users(&place).await;
    assert!((BATCH..USERS).contains(&imported), "{imported}");
    assert_eq!(imported % BATCH, 0);
    assert_eq!(events(&place).await, imported);

    let said = place.ok(&["user", "import", "users.jsonl"]);
    let rest = USERS - imported;
    let expected = format!("users created: {rest}, updated: 0, unchanged: {imported}\n");
    assert_eq!(said, expected);
}

/// Both may finish, because each sees what the other has imported; or one says that it must be repeated.
#[tokio::test]
async fn two_imports_at_once_import_each_user_once() {
    let place = Place::on_server();
    write_users(&place);
    let (first, second) = (start(&place), start(&place));
    for import in [first, second] {
        let output = import.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let is_conflict = said.contains("Run the import again: it changes what is left");
        assert!(output.status.success() || is_conflict, "{said}");
    }
    place.ok(&["user", "import", "users.jsonl"]);
    assert_eq!(users(&place).await, USERS);
    assert_eq!(events(&place).await, USERS);
    let said = place.ok(&["user", "import", "users.jsonl"]);
    assert_eq!(
        said,
        format!("users created: 0, updated: 0, unchanged: {USERS}\n")
    );
}
