//! `jeton secret`: the root secret is replaced while clients refresh at two nodes.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use sea_orm::{ConnectionTrait as _, Database, DbBackend};

use super::http::Connection;
use super::{PASSWORD, Place, Process, eventually, free_address, read};

const CLIENTS: usize = 3;
/// The id of a session that seems to have begun long ago.
const OLD_SESSION: &str = "00000000-0000-7000-8000-000000000001";

/// Two nodes on one database, each with its own copy of the root secret.
struct Nodes {
    places: [Place; 2],
    addresses: [SocketAddr; 2],
    running: [Option<Process>; 2],
}

impl Nodes {
    fn start() -> Self {
        let issuer = |place: Place| place.set("JETON_ISSUER", "http://localhost:8080");
        let first = issuer(Place::on_server());
        let mut second = issuer(Place::empty())
            .set("JETON_DATA_DIR", first.path("data").display().to_string())
            .set("JETON_ROOT_SECRET__FILE", "root-secret");
        if let Some(database) = &first.on_server {
            second = second.set("JETON_DATABASE__URL", database.url());
        }
        let mut nodes = Self {
            places: [first, second],
            addresses: [free_address(), free_address()],
            running: [None, None],
        };
        nodes.copy_and_restart();
        nodes
    }

    /// The file of the first node, where the commands run.
    fn file(&self) -> std::path::PathBuf {
        self.places[0].path("data/root-secret")
    }

    /// Copies the file to the second node and restarts both, one after the other.
    fn copy_and_restart(&mut self) {
        fs::copy(self.file(), self.places[1].path("root-secret")).unwrap();
        for node in 0..2 {
            if let Some(process) = self.running[node].take() {
                process.stop("TERM");
            }
            self.running[node] = Some(self.places[node].start_at(self.addresses[node]));
        }
    }

    async fn execute(&self, statement: &str) {
        let place = &self.places[0];
        let url = match &place.on_server {
            Some(database) => database.url(),
            None => format!("sqlite:{}", place.path("data/jeton.db").display()),
        };
        let database = Database::connect(url).await.unwrap();
        let literal = match database.get_database_backend() {
            DbBackend::Postgres => format!("'{OLD_SESSION}'"),
            _ => format!("x'{}'", OLD_SESSION.replace('-', "")),
        };
        let statement = statement.replace("OLD_SESSION", &literal);
        database.execute_unprepared(&statement).await.unwrap();
        database.close().await.unwrap();
    }
}

/// What the clients have done.
#[derive(Default)]
struct Progress {
    stop: AtomicBool,
    refreshes: [AtomicU64; CLIENTS],
}

impl Progress {
    /// Waits until each client has refreshed at both nodes.
    fn advance(&self) {
        let count = |client: usize| self.refreshes[client].load(Ordering::SeqCst);
        let before: Vec<u64> = (0..CLIENTS).map(count).collect();
        eventually("every client refreshes", || {
            self.stop.load(Ordering::SeqCst)
                || (0..CLIENTS).all(|client| count(client) >= before[client] + 6)
        });
    }
}

/// Stops the clients when the test fails, too.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Refreshes at one node after the other. A node that does not respond is being restarted; the other one gets the same
/// token.
fn refresh_until_stopped(
    mut token: String,
    client: usize,
    nodes: [SocketAddr; 2],
    progress: &Progress,
) {
    let _stop = Stop(&progress.stop);
    let mut turn = client;
    while !progress.stop.load(Ordering::SeqCst) {
        turn += 1;
        let answer = Connection::open(nodes[turn % 2]).and_then(|mut node| node.refresh(&token));
        let Ok(answer) = answer else {
            thread::sleep(std::time::Duration::from_millis(5));
            continue;
        };
        if answer.status == 503 {
            continue;
        }
        assert_eq!(answer.status, 200, "{}", answer.json());
        token = answer.refresh_token();
        progress.refreshes[client].fetch_add(1, Ordering::SeqCst);
    }
}

fn sign_in(process: &Process) -> String {
    process.sign_in("admin", PASSWORD).refresh_token()
}

fn fingerprints(place: &Place) -> Vec<(String, String)> {
    let said = place.ok(&["secret", "list", "--json"]);
    let objects = said
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    objects
        .map(|object| (text(&object["fingerprint"]), text(&object["role"])))
        .collect()
}

fn roles(place: &Place) -> Vec<String> {
    let found = fingerprints(place).into_iter();
    found.map(|(_, role)| role).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_fails_while_the_root_secret_is_replaced_on_two_nodes() {
    let mut nodes = Nodes::start();
    let old = read(&nodes.file());
    let progress = Progress::default();
    let tokens = [(); CLIENTS].map(|()| sign_in(nodes.running[0].as_ref().unwrap()));
    let addresses = nodes.addresses;
    thread::scope(|scope| {
        let _stop = Stop(&progress.stop);
        for (client, token) in tokens.into_iter().enumerate() {
            let progress = &progress;
            scope.spawn(move || refresh_until_stopped(token, client, addresses, progress));
        }
        add(&mut nodes, &progress);
        promote(&mut nodes, &progress);
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(remove(&mut nodes, &progress));
        });
    });
    let new = read(&nodes.file());
    assert_eq!(new.lines().count(), 1);
    assert_ne!(new, old);
    assert_eq!(
        nodes.file().metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let revoked = "SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL";
    assert_eq!(nodes.places[0].number(revoked).await, 1);
}

fn add(nodes: &mut Nodes, progress: &Progress) {
    progress.advance();
    let said = nodes.places[0].run(&["secret", "add"]);
    assert!(
        !said
            .stdout
            .contains(read(&nodes.file()).lines().last().unwrap())
    );
    assert!(
        said.stderr
            .contains("`jeton secret promote --all-nodes-have-it`"),
        "{}",
        said.stderr
    );
    assert_eq!(roles(&nodes.places[0]), ["signs", "added"]);
    let again = nodes.places[0].run(&["secret", "add"]).refusal();
    assert!(
        again.contains("the next step is `jeton secret promote`"),
        "{again}"
    );
    nodes.copy_and_restart();
    progress.advance();
}

fn promote(nodes: &mut Nodes, progress: &Progress) {
    let before = fingerprints(&nodes.places[0]);
    let said = nodes.places[0].run(&["secret", "promote"]).refusal();
    assert!(said.contains("signs users out"), "{said}");
    nodes.places[0].ok(&["secret", "promote", "--all-nodes-have-it"]);
    // The nodes still run with the former order.
    progress.advance();
    nodes.copy_and_restart();
    progress.advance();
    let after = fingerprints(&nodes.places[0]);
    assert_eq!((&after[0].0, after[0].1.as_str()), (&before[1].0, "signs"));
    assert_eq!((&after[1].0, after[1].1.as_str()), (&before[0].0, "former"));
    let again = nodes.places[0]
        .run(&["secret", "promote", "--all-nodes-have-it"])
        .refusal();
    assert!(again.contains("is the former one"), "{again}");
}

async fn remove(nodes: &mut Nodes, progress: &Progress) {
    let said = nodes.places[0].run(&["secret", "remove"]).refusal();
    assert!(said.contains("a node signed with root secret"), "{said}");
    // As if it were two hours later, and one session had begun before.
    let old = fingerprints(&nodes.places[0])[1].0.clone();
    let earlier = format!(
        "UPDATE root_secret_uses SET last_signed_at = last_signed_at - 7200000000 WHERE fingerprint = '{old}'"
    );
    nodes.execute(&earlier).await;
    let session = nodes.running[0].as_ref().unwrap();
    sign_in(session);
    let newest =
        "UPDATE sessions SET id = OLD_SESSION WHERE generation = 0 AND client_id = 'first-party'";
    nodes.execute(newest).await;
    let said = nodes.places[0].run(&["secret", "remove"]).refusal();
    assert!(said.contains("the last of them ends at"), "{said}");
    assert_eq!(read(&nodes.file()).lines().count(), 2);
    nodes.places[0].ok(&["session", "revoke", OLD_SESSION]);
    let said = nodes.places[0].run(&["secret", "remove"]).hints();
    assert!(
        said.contains(&format!("root secret {old} is removed")),
        "{said}"
    );
    nodes.copy_and_restart();
    progress.advance();
    assert_eq!(roles(&nodes.places[0]), ["signs"]);
}

/// The refresh tokens of these sessions are by the removed root secret.
#[test]
fn removing_at_once_ends_the_sessions_that_were_begun_with_the_former_root_secret() {
    let place = Place::furnished();
    let server = place.start();
    let token = sign_in(&server);
    place.ok(&["secret", "add"]);
    place.ok(&["secret", "promote", "--all-nodes-have-it"]);
    server.stop("TERM");
    let server = place.start();
    let kept = sign_in(&server);
    assert!(
        place
            .run(&["secret", "remove"])
            .refusal()
            .contains("--end-sessions does not wait")
    );
    place.ok(&["secret", "remove", "--end-sessions"]);
    server.stop("TERM");
    let server = place.start();
    assert_eq!(server.refresh(&token).json()["error"], "invalid_grant");
    assert_eq!(server.refresh(&kept).status, 200);
}

#[test]
fn a_new_root_secret_that_has_not_signed_is_removed_again() {
    let place = Place::furnished();
    let before = read(&place.path("data/root-secret"));
    place.ok(&["secret", "add"]);
    place.ok(&["secret", "remove"]);
    assert_eq!(read(&place.path("data/root-secret")), before);
    let said = place.run(&["secret", "remove"]).refusal();
    assert!(said.contains("there is one root secret"), "{said}");
    let said = place
        .run(&["secret", "promote", "--all-nodes-have-it"])
        .refusal();
    assert!(said.contains("there is no new root secret"), "{said}");
}

#[test]
fn a_root_secret_that_is_not_in_a_file_is_replaced_by_hand() {
    let place = Place::furnished();
    let value = read(&place.path("data/root-secret"));
    let place = place.set("JETON_ROOT_SECRET__VALUE", value.trim());
    let said = place.run(&["secret", "add"]).refusal();
    assert!(said.contains("JETON_ROOT_SECRET__VALUE"), "{said}");
    assert!(said.contains("add a line at its end"), "{said}");
    assert!(!said.contains(value.trim()), "{said}");
    assert_eq!(roles(&place), ["signs"]);
}

/// The temporary name beside it is too long; to this process it is like a file system that is read only.
#[test]
fn a_root_secret_in_a_place_that_cannot_be_written_is_replaced_by_hand() {
    let place = Place::furnished();
    let value = read(&place.path("data/root-secret"));
    let name = "r".repeat(245);
    place.write(&name, &value);
    let place = place.set("JETON_ROOT_SECRET__FILE", &name);
    let said = place.run(&["secret", "add"]).refusal();
    assert!(said.contains("cannot be replaced"), "{said}");
    assert!(said.contains("Do this step there"), "{said}");
    assert_eq!(read(&place.path(&name)), value);
    assert_eq!(place.contents(), ["data".to_owned(), name]);
}

#[test]
fn a_root_secret_that_everyone_can_read_is_refused() {
    let place = Place::furnished();
    let path = place.path("data/root-secret");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let said = place.run(&["user", "list"]).refusal();
    assert!(
        said.contains("can be read by all users of this machine (mode 644)"),
        "{said}"
    );
    assert!(said.contains("`chmod o= ./data/root-secret`"), "{said}");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    place.ok(&["user", "list"]);
}
