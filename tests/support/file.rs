//! A data directory with its own database, for tests that need several connections, several nodes or the binary.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use jeton::database_url::Engine;
use jeton::store::Store;
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, QueryResult, Statement,
};
use tempfile::TempDir;

use super::ROOT_SECRET;
use super::database::{TestDatabase, connect, mysql_lock_waits, server_engine};

/// The path of `jeton`. The fuzz targets, which share this file, have none.
const BINARY: Option<&str> = option_env!("CARGO_BIN_EXE_jeton");

/// A temporary data directory, removed with the value.
pub struct DataDir {
    directory: TempDir,
    on_server: Option<TestDatabase>,
}

impl DataDir {
    /// With a store on the engine of this run.
    pub fn new() -> Self {
        Self {
            on_server: TestDatabase::migrated(),
            ..Self::of_file()
        }
    }

    /// With a SQLite file on every engine, for tests of SQLite or of the file.
    pub fn of_file() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            on_server: None,
        }
    }

    /// With this database of a server.
    pub fn on(database: TestDatabase) -> Self {
        Self {
            on_server: Some(database),
            ..Self::of_file()
        }
    }

    /// The URL of the database.
    pub fn url(&self) -> String {
        match &self.on_server {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.database().display()),
        }
    }

    /// The path of the SQLite file.
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("jeton.db")
    }

    /// A store with its own connections, like that of another process.
    pub async fn open(&self) -> Store {
        match &self.on_server {
            Some(database) => connect(&database.url()).await,
            None => Store::open(&self.database()).await.unwrap(),
        }
    }

    /// A connection outside the stores.
    pub async fn connect(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(self.url());
        options.max_connections(1);
        Database::connect(options).await.unwrap()
    }

    /// Executes SQL on a new connection and returns the number of affected rows.
    pub async fn execute(&self, sql: &str) -> u64 {
        let connection = self.connect().await;
        let outcome = connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
        outcome.rows_affected()
    }

    /// The column `detail` of the rows of a query on a new connection, one line per row.
    pub async fn query(&self, sql: &str) -> String {
        let connection = self.connect().await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        let text = |row: &QueryResult| row.try_get::<String>("", "detail").unwrap();
        let texts: Vec<String> = rows.iter().map(text).collect();
        connection.close().await.unwrap();
        texts.join("\n")
    }

    /// The number that a query on a new connection returns.
    pub async fn number(&self, sql: &str) -> i64 {
        let connection = self.connect().await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        connection.close().await.unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// The number of lock waits in this database, which is not on SQLite.
    pub async fn lock_waits(&self) -> i64 {
        let waits = match server_engine() {
            Engine::Postgres => {
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'"
            }
            Engine::MySql => mysql_lock_waits(),
        };
        self.number(waits).await
    }

    /// The contents of all files.
    pub fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        contents.flatten().collect()
    }

    /// Runs `jeton` with these arguments on this directory.
    pub async fn jeton(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(BINARY.unwrap());
        command
            .args(arguments)
            .env("JETON_DATA_DIR", self.directory.path())
            .env("JETON_ROOT_SECRET__VALUE", ROOT_SECRET)
            .env_remove("JETON_TEST_DATABASE_URL")
            .env_remove("JETON_TEST_POOLER")
            .stdin(Stdio::null());
        if let Some(database) = &self.on_server {
            command.env("JETON_DATABASE__URL", database.url());
        }
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        run.await.unwrap()
    }

    /// The standard output of a command that must succeed.
    pub async fn jeton_ok(&self, arguments: &[&str]) -> String {
        let output = self.jeton(arguments).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }
}
