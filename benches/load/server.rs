//! The server under load: its process, its store, and its figures in /proc.

use std::{
    env,
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::http::Connection;

pub const USERNAME: &str = "admin";
pub const PASSWORD: &str = "Load-bench-3f9c1e";

const STARTUP_TIMEOUT: Duration = Duration::from_secs(30);
const LOG: &str = "server.log";

/// The server's store. Default: a new SQLite file.
pub struct StoreOptions {
    pub database: Option<String>,
    pub root_secret: Option<PathBuf>,
    pub strict: bool,
}

/// A running server. Dropping it kills the process and removes its files.
pub struct Server {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
    /// The beginning of the process titles of its PostgreSQL backends.
    backend: Option<String>,
}

impl Server {
    /// Starts the server and waits until it is ready. Its files are in cargo's target directory, because the
    /// system's temporary directory may be in memory.
    pub fn start(store: &StoreOptions) -> io::Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let address = free_address()?;
        let process = command(directory.path(), address, store)?.spawn()?;
        let mut server = Self {
            process,
            address,
            directory,
            backend: store.database.as_deref().and_then(backend_title),
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time of all its threads, in user and kernel mode.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        cpu_time(&format!("/proc/{}/stat", self.process.id()))
    }

    /// CPU time of the server's PostgreSQL backends; `None` on SQLite.
    pub fn backends_cpu_time(&self) -> io::Result<Option<Duration>> {
        let Some(title) = &self.backend else {
            return Ok(None);
        };
        let mut whole = Duration::ZERO;
        for entry in fs::read_dir("/proc")? {
            let process = entry?.path();
            let title_line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
            if title_line.starts_with(title) {
                whole += cpu_time(&process.join("stat").to_string_lossy())?;
            }
        }
        Ok(Some(whole))
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> io::Result<u32> {
        fs::read_to_string(format!("/proc/{}/status", self.process.id()))?
            .lines()
            .find_map(|line| {
                line.strip_prefix("VmRSS:")?
                    .trim()
                    .strip_suffix(" kB")?
                    .parse()
                    .ok()
            })
            .ok_or_else(|| io::Error::other("no VmRSS in the process's status"))
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + STARTUP_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                return Err(self.failure(&format!("the server stopped ({status})")));
            }
            let answer =
                Connection::open(self.address).and_then(|mut connection| connection.get("/readyz"));
            if answer.is_ok_and(|response| response.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(self.failure("the server was not ready in time"))
    }

    fn failure(&self, reason: &str) -> io::Error {
        let log = fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default();
        io::Error::other(format!("{reason}; its log:\n{log}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only after the process has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// User and kernel time of a process or thread, in steps of 10 ms, from its `stat` file
/// (`proc_pid_stat(5)`).
pub fn cpu_time(stat: &str) -> io::Result<Duration> {
    /// Linux reports 100 ticks per second (`USER_HZ`) to every program.
    const TICK: Duration = Duration::from_millis(10);
    /// Fields 14 and 15, counted from field 3, because field 2 is a name in parentheses that may contain spaces.
    const USER: usize = 14 - 3;

    let text = fs::read_to_string(stat)?;
    let fields = text
        .rsplit_once(") ")
        .map_or("", |(_, fields)| fields)
        .split(' ');
    let ticks: Vec<u32> = fields
        .skip(USER)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    match ticks[..] {
        [user, system] => Ok(TICK * user.saturating_add(system)),
        _ => Err(io::Error::other(format!("{stat} has an unknown format"))),
    }
}

/// The command line and environment, without the caller's settings.
fn command(directory: &Path, address: SocketAddr, store: &StoreOptions) -> io::Result<Command> {
    let log = File::create(directory.join(LOG))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
    for (name, _) in
        env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"JETON_"))
    {
        command.env_remove(name);
    }
    command
        .arg("serve")
        .current_dir(directory)
        .env("JETON_SERVER__LISTEN", address.to_string())
        .env("JETON_DATA_DIR", directory.join("data"))
        .env("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    // Slows the sweep down: it is not to be measured.
    command
        .env("JETON_SWEEP__BATCH", "1")
        .env("JETON_SWEEP__PAUSE", "1m");
    if let Some(url) = &store.database {
        command.env("JETON_DATABASE__URL", url);
    }
    if let Some(file) = &store.root_secret {
        command.env("JETON_ROOT_SECRET__FILE", file);
    }
    if store.strict {
        command.env("JETON_DATABASE__ROTATION_DURABILITY", "strict");
    }
    Ok(command)
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// "postgres: USER DATABASE ", the beginning of a backend's process title.
fn backend_title(database: &str) -> Option<String> {
    let url = url::Url::parse(database).ok()?;
    let name = url.path().trim_start_matches('/');
    Some(format!("postgres: {} {name} ", url.username()))
}
