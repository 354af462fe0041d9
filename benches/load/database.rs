//! A database server: its queries and its processes.

use std::{fs, future::Future, io, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, QueryResult,
    Statement,
};
use tokio::runtime::Runtime;

use crate::process;

pub struct Database {
    url: String,
    runtime: Runtime,
    connection: DatabaseConnection,
    /// The server's first process; `None` if it cannot be found on this machine.
    process: Option<u32>,
}

impl Database {
    /// A database on a running server.
    pub fn connect(url: String) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let options = ConnectOptions::new(&url).max_connections(1).to_owned();
        let connection = runtime
            .block_on(sea_orm::Database::connect(options))
            .map_err(io::Error::other)?;
        let mut database = Self {
            url,
            runtime,
            connection,
            process: None,
        };
        database.process = database.find_process()?;
        Ok(database)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgres(&self) -> bool {
        self.connection.get_database_backend() == DbBackend::Postgres
    }

    /// CPU time of the server's processes.
    pub fn cpu_time(&self) -> io::Result<Option<Duration>> {
        self.process.map_or(Ok(None), process::family_cpu_time)
    }

    /// Bytes of the database's tables and indexes.
    pub fn size(&self) -> io::Result<u64> {
        self.number(if self.is_postgres() {
            "SELECT pg_database_size(current_database())"
        } else {
            "SELECT CAST(SUM(FILE_SIZE) AS SIGNED) FROM information_schema.INNODB_SYS_TABLESPACES
             WHERE NAME LIKE CONCAT(DATABASE(), '/%')"
        })
    }

    /// Bytes of the write-ahead log since the server was created, or started.
    pub fn written(&self) -> io::Result<u64> {
        self.number(if self.is_postgres() {
            "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
        } else {
            "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS
             WHERE VARIABLE_NAME = 'INNODB_OS_LOG_WRITTEN'"
        })
    }

    /// The rows of a query.
    pub fn query(&self, sql: &str, values: Vec<sea_orm::Value>) -> io::Result<Vec<QueryResult>> {
        let backend = self.connection.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        self.wait(self.connection.query_all_raw(statement))
    }

    /// PostgreSQL's backends are children of its first process. MariaDB has one process, with a thread per
    /// connection, and writes its number into a file.
    fn find_process(&self) -> io::Result<Option<u32>> {
        if self.is_postgres() {
            let backend = self.number("SELECT pg_backend_pid()::bigint")?;
            return Ok(u32::try_from(backend).ok().and_then(process::parent));
        }
        let row = self.first("SELECT @@pid_file")?;
        let file: String = row.try_get_by_index(0).map_err(io::Error::other)?;
        Ok(fs::read_to_string(file)
            .ok()
            .and_then(|number| number.trim().parse().ok()))
    }

    fn number(&self, sql: &str) -> io::Result<u64> {
        let number: i64 = self
            .first(sql)?
            .try_get_by_index(0)
            .map_err(io::Error::other)?;
        u64::try_from(number).map_err(io::Error::other)
    }

    fn first(&self, sql: &str) -> io::Result<QueryResult> {
        let row = self.query(sql, Vec::new())?.into_iter().next();
        row.ok_or_else(|| io::Error::other("a query without a result"))
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T, DbErr>>) -> io::Result<T> {
        self.runtime.block_on(future).map_err(io::Error::other)
    }
}
