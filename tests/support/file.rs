//! A data directory with a database of its own, for tests that need several connections, several nodes, or
//! the program itself.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use jeton::store::Store;
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, QueryResult, Statement,
};
use tempfile::TempDir;

use super::ROOT_SECRET;
use super::database::{TestDatabase, connect};

/// A data directory of its own, gone with the value.
pub struct DataDir {
    directory: TempDir,
    on_server: Option<TestDatabase>,
}

impl DataDir {
    /// On the engine that tests run on.
    pub fn new() -> Self {
        Self {
            on_server: TestDatabase::migrated(),
            ..Self::of_file()
        }
    }

    /// For what is about SQLite, or about what stands in its file.
    pub fn of_file() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            on_server: None,
        }
    }

    /// On this database of a server.
    pub fn on(database: TestDatabase) -> Self {
        Self {
            on_server: Some(database),
            ..Self::of_file()
        }
    }

    /// Where the database is.
    pub fn url(&self) -> String {
        match &self.on_server {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.database().display()),
        }
    }

    /// The file of SQLite.
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("jeton.db")
    }

    /// A store with connections of its own, as another process would have.
    pub async fn open(&self) -> Store {
        match &self.on_server {
            Some(database) => connect(&database.url()).await,
            None => Store::open(&self.database()).await.unwrap(),
        }
    }

    /// A connection past the server.
    pub async fn hand(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(self.url());
        options.max_connections(1);
        Database::connect(options).await.unwrap()
    }

    /// Writes past the server, by a connection of its own; says how many rows were touched.
    pub async fn execute(&self, sql: &str) -> u64 {
        let connection = self.hand().await;
        let outcome = connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
        outcome.rows_affected()
    }

    /// Asks the database, by a connection of its own; the answer as text.
    pub async fn question(&self, sql: &str) -> String {
        let connection = self.hand().await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        let text = |row: &QueryResult| row.try_get::<String>("", "detail").unwrap();
        let texts: Vec<String> = rows.iter().map(text).collect();
        connection.close().await.unwrap();
        texts.join("\n")
    }

    /// All that is on disk.
    pub fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        contents.flatten().collect()
    }

    /// Runs `jeton` with these arguments on this directory.
    pub async fn jeton(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command
            .args(arguments)
            .env("JETON_DATA_DIR", self.directory.path())
            .env("JETON_ROOT_SECRET__VALUE", ROOT_SECRET)
            .env_remove("JETON_TEST_DATABASE_URL")
            .stdin(Stdio::null());
        if let Some(database) = &self.on_server {
            command.env("JETON_DATABASE__URL", database.url());
        }
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        run.await.unwrap()
    }

    /// The same, for a command that must succeed; what it printed.
    pub async fn jeton_ok(&self, arguments: &[&str]) -> String {
        let output = self.jeton(arguments).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }
}
