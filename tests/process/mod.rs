//! The binary on a SQLite file, or, in tests with many clients, on the database server of the test run.
//!
//! [`PATIENCE`] ends a test that hangs. No time is asserted.

mod backup;
mod client;
mod code;
mod command_line;
mod concurrency;
mod connection;
mod crash;
mod database_metrics;
mod doctor;
mod http;
mod http2;
mod listen;
mod log;
mod metrics;
mod origin;
mod refusal;
mod restart;
mod secret;
mod secret_file;
mod start;
mod tls;
mod token;
mod unix_socket;
mod user_export;
mod user_import;
mod user_import_interruption;
mod user_import_refusal;

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use sea_orm::{ConnectionTrait as _, Database, Statement};
use serde_json::Value;
use tempfile::TempDir;

use self::http::{Answer, Connection};
use crate::support::database::TestDatabase;
use crate::support::{encode, leak};

const PATIENCE: Duration = Duration::from_mins(2);
const PASSWORD: &str = "correct horse battery staple";

/// A directory to run `jeton` in, and the settings to run it with.
struct Place {
    directory: TempDir,
    settings: Vec<(String, String)>,
    on_server: Option<TestDatabase>,
    /// For clients of a server with TLS.
    tls: Option<Arc<ClientConfig>>,
}

/// Status and output of a command.
struct Outcome {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

/// A running server, killed when it is dropped.
struct Process {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
    tls: Option<Arc<ClientConfig>>,
}

impl Place {
    /// An empty directory.
    fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            settings: Vec::new(),
            on_server: None,
            tls: None,
        }
    }

    /// A directory in which a server has run before: it has a root secret, a signing key, the client
    /// `first-party` and the user `admin` with [`PASSWORD`].
    fn furnished() -> Self {
        static TEMPLATE: OnceLock<Place> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let place = Self::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
            place.start().stop("TERM");
            place
        });
        let place = Self::empty();
        fs::create_dir(place.path("data")).unwrap();
        for name in ["jeton.db", "root-secret"] {
            let from = template.path("data").join(name);
            fs::copy(from, place.path("data").join(name)).unwrap();
        }
        place
    }

    /// The same, with the database on the server that tests run on.
    fn on_server() -> Self {
        let Some(database) = TestDatabase::migrated() else {
            return Self::furnished();
        };
        let mut place = Self::empty()
            .set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD)
            .set("JETON_DATABASE__URL", database.url());
        place.on_server = Some(database);
        place.start().stop("TERM");
        place
    }

    fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        let is_secret = name.contains("PASSWORD") || name.contains("SECRET");
        if is_secret && !name.ends_with("_FILE") {
            leak::add(&value);
        }
        self.settings.push((name.to_owned(), value));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only its owner can read: it may be a secret.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        self
    }

    /// The names in the directory, sorted.
    fn contents(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The binary in the directory with these settings, without those of the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"JETON_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.directory.path())
            // Its default port may be in use.
            .env("JETON_METRICS__LISTEN", "")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    /// Runs a command that reads `input`.
    fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        for line in input.lines() {
            leak::add(line);
            leak::learn_json(line);
        }
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let id = child.id();
        let output = std::thread::spawn(move || child.wait_with_output().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !output.is_finished() {
            if Instant::now() > deadline {
                signal(id, "KILL");
            }
            sleep(Duration::from_millis(5));
        }
        let output = output.join().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        leak::assert_none(&stderr);
        Outcome {
            status: output.status,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr,
        }
    }

    /// Runs a command that must succeed; returns its output.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).ok()
    }

    /// Starts the server on a free port and waits until it is ready.
    fn start(&self) -> Process {
        self.start_with(&["serve"])
    }

    fn start_with(&self, arguments: &[&str]) -> Process {
        for _ in 0..5 {
            let process = self.spawn(arguments, free_address());
            if let Some(process) = process.ready() {
                return process;
            }
        }
        panic!("every free port was taken");
    }

    /// Starts the server at an address, as after a crash.
    fn start_at(&self, address: SocketAddr) -> Process {
        self.spawn(&["serve"], address).ready().unwrap()
    }

    fn spawn(&self, arguments: &[&str], address: SocketAddr) -> Process {
        self.spawn_on(&address.to_string(), arguments, address)
    }

    /// The same with a value of `server.listen`, which has the address.
    fn spawn_on(&self, listen: &str, arguments: &[&str], address: SocketAddr) -> Process {
        let file = |name| File::create(self.path(name)).unwrap();
        let child = self
            .command(arguments)
            .env("JETON_SERVER__LISTEN", listen)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        self.process(child, address)
    }

    /// Starts the server from a shell that has executed `command`.
    fn start_in_shell(&self, command: &str) -> Process {
        let address = free_address();
        let jeton = self.command(&[]);
        let settings = jeton.get_envs();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{command}; exec \"$0\" serve")])
            .arg(env!("CARGO_BIN_EXE_jeton"))
            .current_dir(self.directory.path())
            .env_clear()
            .envs(settings.filter_map(|(name, value)| Some((name, value?))))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("JETON_SERVER__LISTEN", address.to_string())
            .stdout(Stdio::null())
            .stderr(File::create(self.path("stderr")).unwrap());
        let process = self.process(shell.spawn().unwrap(), address);
        process.ready().unwrap()
    }

    /// A process that runs in the directory.
    fn process(&self, child: Child, address: SocketAddr) -> Process {
        Process {
            child,
            address,
            directory: self.directory.path().to_owned(),
            tls: self.tls.clone(),
        }
    }

    /// The number that a query returns.
    async fn number(&self, query: &str) -> i64 {
        let path = self.path("data/jeton.db");
        let url = match &self.on_server {
            Some(database) => database.url(),
            None => format!("sqlite:{}", path.display()),
        };
        let database = Database::connect(url).await.unwrap();
        let statement = Statement::from_string(database.get_database_backend(), query);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        let number = row.try_get_by_index(0).unwrap();
        database.close().await.unwrap();
        number
    }
}

impl Outcome {
    #[track_caller]
    fn ok(self) -> String {
        assert!(self.status.success(), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What a successful command prints on standard error.
    #[track_caller]
    fn hints(self) -> String {
        assert!(self.status.success(), "{}{}", self.stdout, self.stderr);
        self.stderr
    }

    /// The message of a command that must fail, which must not be a panic.
    #[track_caller]
    fn refusal(self) -> String {
        assert!(!self.status.success(), "{}{}", self.stdout, self.stderr);
        assert!(self.status.code().is_some(), "{}", self.status);
        for noise in ["panicked", "RUST_BACKTRACE", "unwrap"] {
            assert!(!self.stderr.contains(noise), "{}", self.stderr);
        }
        self.stderr
    }
}

impl Process {
    /// The process once it is ready; `None` when another process has taken its port.
    fn ready(mut self) -> Option<Self> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                let log = self.log();
                assert!(log.contains("Address already in use"), "{log}");
                return None;
            }
            let answer = self
                .try_connect()
                .and_then(|mut connection| connection.get("/readyz"));
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Some(self);
            }
            sleep(Duration::from_millis(10));
        }
        panic!("the server was not ready in time:\n{}", self.log());
    }

    /// What it has printed for the person who started it.
    fn console(&self) -> String {
        wait_for("Get a token", || read(&self.directory.join("stdout")))
    }

    fn log(&self) -> String {
        read(&self.directory.join("stderr"))
    }

    /// The log, once it contains `text`: a thread writes it.
    fn log_with(&self, text: &str) -> String {
        wait_for(text, || self.log())
    }

    fn connect(&self) -> Connection {
        self.try_connect().unwrap()
    }

    fn try_connect(&self) -> std::io::Result<Connection> {
        match &self.tls {
            Some(tls) => Connection::open_tls(self.address, tls),
            None => Connection::open(self.address),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.connect().get(path).unwrap()
    }

    fn token(&self, parameters: &[(&str, &str)]) -> Answer {
        self.connect().token(&encode(parameters)).unwrap()
    }

    /// Signs in with a password at the default client.
    fn sign_in(&self, username: &str, password: &str) -> Answer {
        self.token(&[
            ("grant_type", "password"),
            ("username", username),
            ("password", password),
        ])
    }

    fn refresh(&self, refresh_token: &str) -> Answer {
        self.connect().refresh(refresh_token).unwrap()
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Sends a signal and waits for a successful exit.
    fn stop(mut self, name: &str) {
        self.signal(name);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it did not stop:\n{}",
                self.log()
            );
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A test may have removed its directory.
        let log = fs::read_to_string(self.directory.join("stderr"));
        if let Ok(log) = log
            && !std::thread::panicking()
        {
            leak::assert_none(&log);
        }
    }
}

/// Polls until the condition holds.
#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// What `output` returns, once it contains `text`.
fn wait_for(text: &str, output: impl Fn() -> String) -> String {
    eventually(text, || output().contains(text));
    output()
}

fn signal(process: u32, name: &str) {
    let command = format!("kill -{name} {process}");
    let status = Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(status.success());
}

/// A port that no other test of this process gets, and that the system gives to no connection meanwhile: it is below
/// the range from which Linux takes ports by itself (32768 and above, unless changed).
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Several test processes may run at once.
    let start = std::process::id() * 97;
    let ports = std::iter::repeat_with(|| {
        let port = (start + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % 20_000 + 12_000;
        SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()))
    });
    let mut free = ports.filter(|address| TcpListener::bind(address).is_ok());
    free.next().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The kids that the JWKS names, in its order.
fn kids(process: &Process) -> Vec<String> {
    let answer = process.get("/.well-known/jwks.json");
    assert_eq!(answer.status, 200);
    let keys = answer.json()["keys"].as_array().cloned().unwrap();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}
