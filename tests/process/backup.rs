//! `jeton backup` and `jeton restore`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};

use super::crash::begin_sessions;
use super::{PASSWORD, Place, Process};

/// The names in the directory of the data, sorted.
fn data_files(place: &Place) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(place.path("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn connect(place: &Place, file: &str) -> DatabaseConnection {
    let path = place.path(file);
    let url = format!("sqlite:{}", path.display());
    Database::connect(url).await.unwrap()
}

async fn change(place: &Place, file: &str, statement: &str) {
    let database = connect(place, file).await;
    database.execute_unprepared(statement).await.unwrap();
    database.close().await.unwrap();
}

/// An empty place that has the root secret and a backup of the other one.
fn elsewhere(place: &Place, backup: &str) -> Place {
    let other = Place::empty();
    fs::create_dir(other.path("data")).unwrap();
    fs::copy(
        place.path("data/root-secret"),
        other.path("data/root-secret"),
    )
    .unwrap();
    fs::copy(place.path(backup), other.path("backup.db")).unwrap();
    other
}

/// A place with a backup, after which the password of `alice` and the sessions changed. Returns the refresh tokens of a
/// session that was revoked and of one that was not.
fn place_with_lost_changes() -> (Place, [String; 2]) {
    let place = Place::furnished();
    let server = place.start();
    let added = place.run_with(&["user", "add", "alice"], "the first one here\n");
    added.ok();
    let revoked = server
        .sign_in("alice", "the first one here")
        .refresh_token();
    let kept = server.sign_in("admin", PASSWORD).refresh_token();
    place.ok(&["backup", "backup.db"]);
    let changed = place.run_with(&["user", "password", "alice"], "a second one there\n");
    changed.ok();
    server.refresh(&revoked).assert_error(400, "invalid_grant");
    server.stop("TERM");
    (place, [revoked, kept])
}

#[test]
fn a_backup_is_private_and_complete_and_overwrites_nothing() {
    let place = Place::furnished();
    let server = place.start();
    let outcome = place.run(&["backup", "backup.db"]);
    assert!(
        outcome
            .stderr
            .contains("./data/root-secret, is not in the backup"),
        "{}",
        outcome.stderr
    );
    let said = outcome.ok();
    assert!(
        said.starts_with("backup.db is a checked copy of ./data/jeton.db at 2"),
        "{said}"
    );
    let mode = place
        .path("backup.db")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(place.contents(), ["backup.db", "data", "stderr", "stdout"]);
    let secret = fs::read_to_string(place.path("data/root-secret")).unwrap();
    let bytes = fs::read(place.path("backup.db")).unwrap();
    let secret = secret.trim().as_bytes();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));

    let said = place.run(&["backup", "backup.db"]).refusal();
    assert!(
        said.contains("backup.db exists, and a backup overwrites nothing"),
        "{said}"
    );
    assert_eq!(fs::read(place.path("backup.db")).unwrap(), bytes);
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_during_refreshes_signs_no_user_out() {
    const CLIENTS: usize = 4;
    let place = Place::furnished();
    let mut tokens = begin_sessions(&place, 400).await;
    let server = place.start();
    let stop = AtomicBool::new(false);
    let refresh_all = |server: &Process, tokens: &mut [String]| {
        let mut connection = server.connect();
        for token in tokens {
            *token = connection.refresh(token).unwrap().refresh_token();
        }
    };
    std::thread::scope(|scope| {
        for tokens in tokens.chunks_mut(400 / CLIENTS) {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    refresh_all(&server, tokens);
                }
            });
        }
        for number in 0..6 {
            let said = place.ok(&["backup", &format!("{number}.db")]);
            assert!(said.contains("checked copy"), "{said}");
        }
        stop.store(true, Ordering::SeqCst);
    });
    // The rows of all sessions are behind their tokens.
    server.kill();
    for number in ["0", "5"] {
        let other = elsewhere(&place, &format!("{number}.db"));
        other.ok(&["restore", "backup.db"]);
        assert_eq!(
            data_files(&other),
            ["jeton.db", "jeton.db-lock", "root-secret"]
        );
        let server = other.start();
        let mut tokens = tokens.clone();
        refresh_all(&server, &mut tokens);
        refresh_all(&server, &mut tokens);
    }
}

#[test]
fn a_restore_says_what_is_lost_and_keeps_the_former_database() {
    let (place, [revoked, kept]) = place_with_lost_changes();
    let said = place.run(&["restore", "backup.db"]).refusal();
    assert!(said.contains("--replace restores in its place"), "{said}");

    let said = place.ok(&["restore", "backup.db", "--replace"]);
    assert!(
        said.contains("./data/jeton.db is restored from backup.db, the backup of 2"),
        "{said}"
    );
    assert!(said.contains("s ago)"), "{said}");
    assert!(
        said.contains("Audit events of the former database after the backup: 1 password_changed"),
        "{said}"
    );
    assert!(
        said.contains("restore again with --replace --revoke-all-sessions"),
        "{said}"
    );
    let files = data_files(&place);
    assert!(
        files[1].starts_with("jeton.db.replaced-2") || files[2].starts_with("jeton.db.replaced-2"),
        "{files:?}"
    );
    assert_eq!(files.len(), 4, "{files:?}");

    let server = place.start();
    // As the message says.
    let revoked = server.refresh(&revoked).refresh_token();
    assert_eq!(server.sign_in("alice", "the first one here").status, 200);
    let kept = server.refresh(&kept).refresh_token();
    server.stop("TERM");

    let said = place.ok(&["restore", "backup.db", "--replace", "--revoke-all-sessions"]);
    assert!(
        said.contains("All active sessions of the backup are revoked: 2."),
        "{said}"
    );
    let server = place.start();
    for token in [revoked, kept] {
        server.refresh(&token).assert_error(400, "invalid_grant");
    }
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    let events = place.ok(&["audit", "list", "--action", "sessions_revoked", "--json"]);
    assert!(events.contains(r#""sessions_ended":2"#), "{events}");
}

#[tokio::test]
async fn a_restore_into_a_database_in_use_is_refused() {
    let (place, [revoked, _]) = place_with_lost_changes();
    let server = place.start();
    let restore = ["restore", "backup.db", "--replace"];
    let said = place.run(&restore).refusal();
    assert!(
        said.contains("data/jeton.db is in use; stop the server"),
        "{said}"
    );
    server.refresh(&revoked).assert_error(400, "invalid_grant");
    server.stop("TERM");
    assert_eq!(
        data_files(&place),
        ["jeton.db", "jeton.db-lock", "root-secret"]
    );

    // Another program than Jeton.
    let other = connect(&place, "data/jeton.db").await;
    other
        .execute_unprepared("SELECT count(*) FROM users")
        .await
        .unwrap();
    let said = place.run(&restore).refusal();
    assert!(
        said.contains("data/jeton.db is in use; stop the server"),
        "{said}"
    );
    other.close().await.unwrap();
    assert_eq!(
        data_files(&place),
        ["jeton.db", "jeton.db-lock", "root-secret"]
    );
    place.ok(&restore);
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_changes_nothing() {
    let place = Place::furnished();
    place.ok(&["backup", "good.db"]);
    let good = fs::read(place.path("good.db")).unwrap();
    let before = fs::read(place.path("data/jeton.db")).unwrap();
    place.write("diary", "My diary. ".repeat(500));
    place.write("empty", "");
    place.write("truncated.db", &good[..good.len() / 2]);
    place.write("beheaded.db", &good[4096..]);
    let mut damaged = good.clone();
    let middle = damaged.len() / 8 / 4096 * 4096;
    damaged[middle..middle + 4096].fill(0x55);
    place.write("damaged.db", damaged);
    place
        .write("in-use.db", &good)
        .write("in-use.db-wal", "changes");
    place.write("other.db", "");
    change(&place, "other.db", "CREATE TABLE users (id TEXT)").await;
    place.write("newer.db", &good);
    let newer = "INSERT INTO seaql_migrations VALUES ('m20991231_000001_future', 0)";
    change(&place, "newer.db", newer).await;
    let contents = place.contents();
    for (file, message) in [
        ("missing.db", "cannot read missing.db: No such file"),
        ("data", "cannot read data: it is not a file"),
        ("diary", "diary is not a backup of Jeton"),
        ("empty", "empty is not a backup of Jeton"),
        ("other.db", "other.db is not a backup of Jeton"),
        ("beheaded.db", "beheaded.db is not a backup of Jeton"),
        (
            "truncated.db",
            "the backup truncated.db is damaged or incomplete",
        ),
        (
            "damaged.db",
            "the backup damaged.db is damaged or incomplete",
        ),
        (
            "in-use.db",
            "in-use.db is no backup: its last changes are in in-use.db-wal",
        ),
        (
            "newer.db",
            "newer.db was written by a newer version of Jeton; run that version",
        ),
    ] {
        let said = place.run(&["restore", file, "--replace"]).refusal();
        assert!(said.contains(message), "{file}: {said}");
        assert_eq!(
            data_files(&place),
            ["jeton.db", "jeton.db-lock", "root-secret"],
            "{file}"
        );
    }
    assert_eq!(place.contents(), contents);
    assert_eq!(
        fs::read(place.path("data/jeton.db")).unwrap().len(),
        before.len()
    );
    assert_eq!(place.start().sign_in("admin", PASSWORD).status, 200);
}

/// Statements of a backup would run in the server.
#[tokio::test]
async fn a_backup_with_a_trigger_or_a_view_is_refused() {
    let place = Place::furnished();
    place.ok(&["backup", "trigger.db"]);
    place.ok(&["backup", "view.db"]);
    let trigger = "CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM audit_events; END";
    change(&place, "trigger.db", trigger).await;
    change(&place, "view.db", "CREATE VIEW v AS SELECT 1").await;
    for file in ["trigger.db", "view.db"] {
        let said = place.run(&["restore", file, "--replace"]).refusal();
        assert!(said.contains("it has triggers or views"), "{file}: {said}");
    }
    assert_eq!(place.start().sign_in("admin", PASSWORD).status, 200);
}

#[tokio::test]
async fn a_backup_of_an_older_version_is_migrated() {
    let place = Place::furnished();
    place.ok(&["backup", "backup.db"]);
    change(
        &place,
        "backup.db",
        "DROP TABLE consents; DELETE FROM seaql_migrations WHERE version LIKE '%add_consents'",
    )
    .await;
    let said = place.ok(&["restore", "backup.db", "--replace"]);
    assert!(
        said.contains("of an older version of Jeton: 1 steps of the schema were added"),
        "{said}"
    );
    assert_eq!(place.start().sign_in("admin", PASSWORD).status, 200);
}

/// The step of the schema is missing, as in a database before an upgrade: a backup must not migrate it.
#[tokio::test]
async fn a_backup_by_a_newer_version_does_not_migrate_the_database() {
    let place = Place::furnished();
    let older =
        "DROP TABLE consents; DELETE FROM seaql_migrations WHERE version LIKE '%add_consents'";
    change(&place, "data/jeton.db", older).await;
    let steps = "SELECT count(*) FROM seaql_migrations";
    let before = place.number(steps).await;
    place.ok(&["backup", "backup.db"]);
    assert_eq!(place.number(steps).await, before);
}

#[tokio::test]
async fn a_damaged_database_is_not_backed_up_and_can_be_replaced() {
    let place = Place::furnished();
    place.ok(&["backup", "backup.db"]);
    let mut bytes = fs::read(place.path("data/jeton.db")).unwrap();
    let middle = bytes.len() / 8 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x55);
    place.write("data/jeton.db", &bytes);
    let said = place.run(&["backup", "second.db"]).refusal();
    assert!(said.contains("./data/jeton.db is damaged"), "{said}");
    assert!(!place.path("second.db").exists());

    place.ok(&["restore", "backup.db", "--replace"]);
    assert_eq!(place.start().sign_in("admin", PASSWORD).status, 200);
}

/// SQLite would write the log of another database into the new one.
#[test]
fn a_log_without_its_database_is_put_aside() {
    let place = Place::furnished();
    place.ok(&["backup", "backup.db"]);
    let server = place.start();
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    server.kill();
    fs::remove_file(place.path("data/jeton.db")).unwrap();
    place.ok(&["restore", "backup.db"]);
    let files = data_files(&place);
    assert!(!files.contains(&"jeton.db-wal".to_owned()), "{files:?}");
    let kept = |name: &String| name.starts_with("jeton.db.replaced-2") && name.ends_with("-wal");
    assert!(files.iter().any(kept), "{files:?}");
    let server = place.start();
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    server.stop("TERM");
    place.ok(&["backup", "checked.db"]);
}

#[test]
fn a_root_secret_that_does_not_fit_the_backup_is_reported() {
    let place = Place::furnished();
    place.ok(&["backup", "backup.db"]);
    let other = Place::empty();
    fs::copy(place.path("backup.db"), other.path("backup.db")).unwrap();
    let said = other.run(&["restore", "backup.db"]).hints();
    assert!(
        said.contains("the server does not start before the root secret"),
        "{said}"
    );
    assert!(
        said.contains("(./data/root-secret): there is none"),
        "{said}"
    );
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing_behind() {
    let place = Place::furnished();
    for file in ["missing/backup.db", "/proc/backup.db"] {
        let said = place.run(&["backup", file]).refusal();
        assert!(said.contains(&format!("cannot create {file}")), "{said}");
        assert!(
            said.contains("its directory must exist and be writable"),
            "{said}"
        );
    }
    // A limit for files stands for a full disk. Blocks have 512 or 1024 bytes.
    let mut full = Command::new("sh");
    let jeton = place.command(&[]);
    full.args([
        "-c",
        "trap '' XFSZ; ulimit -f 100; exec \"$0\" backup full.db",
    ])
    .arg(env!("CARGO_BIN_EXE_jeton"))
    .current_dir(place.directory.path());
    for (name, value) in jeton.get_envs() {
        match value {
            Some(value) => full.env(name, value),
            None => full.env_remove(name),
        };
    }
    let output = full.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("cannot write the backup full.db"), "{said}");
    assert!(
        said.contains("is the disk full? Nothing was kept of it"),
        "{said}"
    );
    assert_eq!(place.contents(), ["data"]);
    place.ok(&["backup", "full.db"]);
}

#[test]
fn a_database_server_has_programs_of_its_own() {
    for (url, programs) in [
        (
            "postgres://jeton:pa55@127.0.0.1:1/jeton",
            ["pg_dump", "pg_restore"],
        ),
        (
            "mysql://jeton:pa55@127.0.0.1:1/jeton",
            ["mariadb-dump", "mariadb DATABASE"],
        ),
    ] {
        let place = Place::empty().set("JETON_DATABASE__URL", url);
        for (command, program) in ["backup", "restore"].into_iter().zip(programs) {
            let said = place.run(&[command, "backup.db"]).refusal();
            assert!(said.contains(program), "{said}");
            assert!(!said.contains("pa55"), "{said}");
        }
        assert_eq!(place.contents(), Vec::<String>::new());
    }
}

/// Opening a pipe waits for its writer, and the command would not even end by Ctrl-C.
#[test]
fn a_restore_from_a_pipe_is_refused() {
    let place = Place::furnished();
    let made = Command::new("mkfifo").arg(place.path("pipe")).status();
    assert!(made.unwrap().success());
    let said = place.run(&["restore", "pipe", "--replace"]).refusal();
    assert!(said.contains("it is not a file"), "{said}");
}

/// Root runs the command, as docs/operating.md says for systemd.
#[test]
#[ignore = "needs root, to run as one user what another one has to open"]
fn a_restore_by_root_leaves_the_files_to_the_user_of_the_server() {
    let place = Place::furnished();
    place.ok(&["backup", "backup.db"]);
    fs::remove_file(place.path("data/jeton.db-lock")).unwrap();
    for path in ["data", "data/jeton.db"] {
        std::os::unix::fs::chown(place.path(path), Some(4321), Some(4322)).unwrap();
    }
    let owner = |name: &str| {
        let file = fs::metadata(place.path(name)).unwrap();
        (file.uid(), file.gid(), file.permissions().mode() & 0o777)
    };
    place.ok(&["restore", "backup.db", "--replace"]);
    assert_eq!(owner("data/jeton.db"), (4321, 4322, 0o600));
    assert_eq!(owner("data/jeton.db-lock"), (4321, 4322, 0o600));
    for file in ["data/jeton.db", "data/jeton.db-lock"] {
        fs::remove_file(place.path(file)).unwrap();
    }
    place.ok(&["restore", "backup.db"]);
    assert_eq!(owner("data/jeton.db"), (4321, 4322, 0o600));
}
