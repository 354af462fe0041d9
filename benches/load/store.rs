//! The store of the servers under load, and their settings.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    database::Database,
    options::{DatabaseOption, Options},
    process::Process,
    temporary_database::TemporaryDatabase,
};

pub const USERNAME: &str = "admin";
pub const PASSWORD: &str = "Load-bench-3f9c1e";

/// The issuer, and the audience of its tokens.
pub const ISSUER: &str = "http://127.0.0.1:8080";

const LOG: &str = "server.log";
const DATA: &str = "data";

/// A store and a directory for files, in cargo's target directory, because the system's temporary directory may
/// be in memory.
pub struct Store {
    directory: TempDir,
    /// `None`: SQLite.
    database: Option<Database>,
    /// Its server, if this program has started one. Declared later, so it stops after the connection is closed.
    _temporary: Option<TemporaryDatabase>,
    root_secret: Option<PathBuf>,
    strict: bool,
}

/// The state of a store at one time. All of it only grows.
pub struct Reading {
    /// CPU time of the database server, if it is on this machine.
    pub cpu: Option<Duration>,
    pub size: u64,
    /// Bytes written: on SQLite to the disk by the server, else to the database's write-ahead log.
    pub written: u64,
    /// Size of the server's own log.
    pub log: u64,
}

impl Store {
    pub fn open(options: &Options) -> io::Result<Self> {
        let temporary = match &options.database {
            DatabaseOption::Temporary(engine) => Some(TemporaryDatabase::start(engine)?),
            _ => None,
        };
        let url = match &options.database {
            DatabaseOption::Url(url) => Some(url.clone()),
            _ => temporary.as_ref().map(|server| server.url().to_owned()),
        };
        let database = url.map(Database::connect).transpose()?;
        Ok(Self {
            directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
            database,
            _temporary: temporary,
            root_secret: options.root_secret.clone(),
            strict: options.strict,
        })
    }

    /// Jeton on this store, without the caller's settings.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        for (name, _) in
            env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"JETON_"))
        {
            command.env_remove(name);
        }
        command
            .current_dir(self.directory.path())
            .env("JETON_DATA_DIR", self.data())
            // The same for servers on different ports, and for commands.
            .env("JETON_ISSUER", ISSUER)
            .env("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD)
            .env("JETON_ACCOUNT__REGISTRATION", "open")
            .env("JETON_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "10000")
            // A connection may wait for a whole round.
            .env("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "1h")
            // A token is introspected for as long as the run takes.
            .env("JETON_ACCESS_TOKEN__LIFETIME", "1d")
            // Slows the sweep down: it is not to be measured.
            .env("JETON_SWEEP__BATCH", "1")
            .env("JETON_SWEEP__PAUSE", "1m")
            .stdin(Stdio::null());
        if let Some(database) = &self.database {
            command.env("JETON_DATABASE__URL", database.url());
        }
        if let Some(file) = &self.root_secret {
            command.env("JETON_ROOT_SECRET__FILE", file);
        }
        if self.strict {
            command.env("JETON_DATABASE__ROTATION_DURABILITY", "strict");
        }
        command
    }

    /// An empty file for the log of the next server.
    pub fn create_log(&self) -> io::Result<File> {
        File::create(self.directory.path().join(LOG))
    }

    /// The log of the last server.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default()
    }

    pub fn read(&self, server: &Process) -> io::Result<Reading> {
        let log = size(&self.directory.path().join(LOG));
        if let Some(database) = &self.database {
            return Ok(Reading {
                cpu: database.cpu_time()?,
                size: database.size()?,
                written: database.written()?,
                log,
            });
        }
        let files = ["jeton.db", "jeton.db-wal"];
        Ok(Reading {
            cpu: None,
            size: files.iter().map(|file| size(&self.data().join(file))).sum(),
            written: server.written_bytes()?,
            log,
        })
    }

    /// The file of the root secret, if it was given.
    pub fn root_secret(&self) -> Option<&Path> {
        self.root_secret.as_deref()
    }

    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join(DATA)
    }
}

/// The size of a file; 0 if there is none.
fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}
