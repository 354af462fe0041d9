//! What `jeton user import` refuses: nothing is half done, and no message repeats a hash.

use super::Place;
use super::user_import::{HASH, ID, bob};

/// The message of an import that must change nothing.
#[track_caller]
fn refusal(place: &Place, lines: &str, flags: &[&str]) -> String {
    let before = (place.users(), place.events("user_created"));
    let outcome = place.import(lines, flags);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    let said = outcome.refusal();
    assert!(
        !said.contains("$2a$") && !said.contains("hunter2"),
        "{said}"
    );
    assert_eq!((place.users(), place.events("user_created")), before);
    said
}

/// Refuses a line between two others in every mode.
#[track_caller]
fn assert_refused(place: &Place, line: &str, message: &str) {
    let fred = bob(HASH, "").replace("bob", "fred");
    let lines = format!("{}{line}\n{fred}", bob(HASH, ""));
    for flags in [&[][..], &["--dry-run"], &["--batch", "1"]] {
        let said = refusal(place, &lines, flags);
        let expected =
            format!("1 line cannot be imported; nothing was changed:\n  line 2: {message}");
        assert!(said.contains(&expected), "{said}");
    }
}

fn eve(hash: &str, more: &str) -> String {
    bob(hash, more).replace("bob", "eve")
}

#[test]
fn a_broken_line_is_named_and_the_lines_before_it_are_not_imported() {
    let place = Place::furnished();
    let name = |name: &str| eve(HASH, "").replace("eve", name);
    for (line, message) in [
        (
            "{\"username\":\"eve\"".to_owned(),
            "the line is not JSON: EOF",
        ),
        (format!("eve,{HASH}"), "the line is not a JSON object"),
        ("[\"eve\"]".to_owned(), "the line is not a JSON object"),
        (name("e v e"), "username: a username consists of"),
        (name("bob"), "username: line 1 has the same name"),
        (
            eve(HASH, ",\"password\":\"hunter2\""),
            "unknown field `password`",
        ),
        (eve(HASH, ",\"id\":\"7\""), "id: must be a UUID"),
        (
            eve(HASH, ",\"email\":\"eve\""),
            "email: must be an email address",
        ),
        (eve(HASH, ",\"roles\":\"a\""), "roles: expected a sequence"),
        (
            eve(HASH, ",\"created_at\":1767225600000"),
            "created_at: must be a time in seconds",
        ),
    ] {
        assert_refused(&place, &line, message);
    }
}

#[test]
fn an_unknown_hash_and_one_beyond_the_accepted_work_are_refused() {
    let place = Place::furnished();
    let costly = HASH.replace("$05$", "$13$");
    let large = "$argon2id$v=19$m=131072,t=4,p=1$AAECAwQFBgcICQoLDA0ODw$eKP0ASirizSYL15lztCmBsLk43uGhIqALT6BbX4UcN0";
    for (hash, message) in [
        (
            "hunter2",
            "unknown algorithm: not the beginning of an accepted hash; see",
        ),
        ("$P$B12345678hunter2", "unknown algorithm: "),
        (
            &costly,
            "bcrypt: cost is 13; from 4 to 12 is accepted; see \"Imported password hashes\"",
        ),
        (
            large,
            "argon2id: m · t is 524288; from 1 to 262144 is accepted",
        ),
    ] {
        assert_refused(&place, &eve(hash, ""), &format!("password_hash: {message}"));
    }
    let message = "password_hash: there is no such user, and a new user needs one";
    assert_refused(&place, "{\"username\":\"eve\"}", message);
}

#[test]
fn the_first_broken_lines_are_listed_and_all_are_counted() {
    let place = Place::furnished();
    let said = refusal(&place, &"x\n".repeat(100), &[]);
    assert!(said.contains("100 lines cannot be imported"), "{said}");
    assert!(
        said.contains("\n  line 1: ") && said.contains("\n  line 20: "),
        "{said}"
    );
    assert!(said.ends_with("\n  and 80 more\n"), "{said}");
}

#[test]
fn two_lines_with_one_id_are_refused() {
    let place = Place::furnished();
    let line = bob(HASH, &format!(",\"id\":\"{ID}\""));
    let lines = format!("{line}\n{}", line.replace("bob", "eve"));
    let said = refusal(&place, &lines, &[]);
    assert!(
        said.contains("line 3: id: line 1 has the same id"),
        "{said}"
    );
}

/// Neither the name nor the id of an existing user moves to another one.
#[test]
fn an_id_or_a_name_that_exists_with_another_is_refused() {
    let place = Place::furnished();
    let with_id =
        |name: &str, id: &str| bob(HASH, &format!(",\"id\":\"{id}\"")).replace("bob", name);
    place.import(&with_id("bob", ID), &[]).ok();
    let other = ID.replace("550e", "660e");
    let lines = with_id("eve", ID) + &with_id("bob", &other);
    let said = refusal(&place, &lines, &["--replace-passwords"]);
    assert!(
        said.contains("line 1: id: it is the id of the user bob"),
        "{said}"
    );
    let expected = format!("line 2: id: the user of this name has the id {ID}");
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_csv_file_without_a_header_is_refused() {
    let place = Place::furnished();
    for (text, message) in [
        (
            format!("bob,{HASH}\n"),
            "line 1: column 1 has no known name; nothing was changed. The first line names",
        ),
        (
            format!("username,password_hash\nbob,{HASH},x\n"),
            "line 2: the line has 3 values, and the header has 2",
        ),
        (
            format!("username,disabled,password_hash\nbob,{HASH},true\n"),
            "line 2: disabled: expected a boolean",
        ),
        (
            format!("username,password_hash\nbob,{HASH}\n\"eve,{HASH}\n"),
            "line 3: a quotation mark is not closed",
        ),
    ] {
        let said = refusal(&place, &text, &["--format", "csv"]);
        assert!(said.contains(message), "{said}");
    }
}

/// What only the transaction of a batch shows: each batch is imported as a whole or not at all, and none after it.
#[test]
fn a_batch_that_fails_is_rolled_back_as_a_whole() {
    let place = Place::furnished();
    let demoted = "{\"username\":\"admin\",\"roles\":[]}\n";
    let line = |name: &str| bob(HASH, "").replace("bob", name);
    let lines = line("anna") + &line("bert") + &line("carl") + demoted + &line("dora");
    let said = refusal(&place, &lines, &[]);
    assert!(
        said.contains("line 4: this is the last administrator"),
        "{said}"
    );
    assert!(said.contains("the lines 1 to 5 were not changed"), "{said}");
    assert!(said.contains("Before: users created: 0,"), "{said}");

    let said = place.import(&lines, &["--batch", "2"]).refusal();
    assert!(
        said.contains("line 4: this is the last administrator"),
        "{said}"
    );
    assert!(
        said.contains("the lines 3 to 4 were not changed, nor those after them"),
        "{said}"
    );
    assert!(said.contains("Before: users created: 2,"), "{said}");
    let users = place.users();
    let has = |name: &str| users.contains(&format!("\"{name}\""));
    assert_eq!(
        ["anna", "bert", "carl", "dora"].map(has),
        [true, true, false, false]
    );
    // After the correction.
    let said = place
        .import(&lines.replace(demoted, ""), &["--batch", "2"])
        .ok();
    assert_eq!(said, "users created: 2, updated: 0, unchanged: 2\n");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let place = Place::furnished();
    let said = place.run(&["user", "import", "none.jsonl"]).refusal();
    assert!(said.contains("none.jsonl: No such file"), "{said}");
    let said = place.run(&["user", "import", "data"]).refusal();
    assert!(said.contains("data: Is a directory"), "{said}");
}
