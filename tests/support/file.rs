//! A database file, for tests that need several connections, several nodes, or the program itself.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use jeton::store::Store;
use sea_orm::{ConnectionTrait as _, Database, DbBackend, QueryResult, Statement};
use tempfile::TempDir;

use super::ROOT_SECRET;

/// A data directory of its own, gone with the value.
pub struct DataDir(TempDir);

impl DataDir {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn database(&self) -> PathBuf {
        self.0.path().join("jeton.db")
    }

    /// A store with connections of its own, as another process would have.
    pub async fn open(&self) -> Store {
        Store::open(&self.database()).await.unwrap()
    }

    /// Writes past the server, by a connection of its own; says how many rows were touched.
    pub async fn execute(&self, sql: &str) -> u64 {
        let url = format!("sqlite:{}", self.database().display());
        let connection = Database::connect(url).await.unwrap();
        let outcome = connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
        outcome.rows_affected()
    }

    /// Asks the database, by a connection of its own; the answer as text.
    pub async fn question(&self, sql: &str) -> String {
        let url = format!("sqlite:{}", self.database().display());
        let connection = Database::connect(url).await.unwrap();
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        let text = |row: &QueryResult| row.try_get::<String>("", "detail").unwrap();
        let texts: Vec<String> = rows.iter().map(text).collect();
        connection.close().await.unwrap();
        texts.join("\n")
    }

    /// All that is on disk.
    pub fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.0.path()).unwrap();
        let contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        contents.flatten().collect()
    }

    /// Runs `jeton` with these arguments on this directory.
    pub async fn jeton(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command
            .args(arguments)
            .env("JETON_DATA_DIR", self.0.path())
            .env("JETON_ROOT_SECRET__VALUE", ROOT_SECRET)
            .stdin(Stdio::null());
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
