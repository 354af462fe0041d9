//! Stores for tests: SQLite in memory, or, with `JETON_TEST_DATABASE_URL`, one database per test on that server,
//! copied from a template.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jeton::database_url::{DatabaseUrl, Engine, ServerUrl};
use jeton::store::{Limits, Store};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};

const VARIABLE: &str = "JETON_TEST_DATABASE_URL";
/// Host and port of a pooler in front of that server. Stores connect through it.
const POOLER: &str = "JETON_TEST_POOLER";
/// Long timeouts, because all tests run at once.
pub const LIMITS: Limits = Limits {
    connections: 8,
    acquire_timeout: Duration::from_secs(30),
    statement_timeout: Duration::from_secs(30),
};

/// A database on the server, dropped with the value.
pub struct TestDatabase {
    name: String,
}

/// An empty store on the engine of this run, dropped at the end of the test.
pub async fn store() -> Store {
    thread_local! {
        static OF_THIS_TEST: RefCell<Vec<TestDatabase>> = const { RefCell::new(Vec::new()) };
    }
    match TestDatabase::migrated() {
        None => Store::in_memory().await.unwrap(),
        Some(database) => {
            let store = connect(&database.url()).await;
            OF_THIS_TEST.with_borrow_mut(|databases| databases.push(database));
            store
        }
    }
}

/// A store at this URL.
pub async fn connect(url: &str) -> Store {
    let mut url = url::Url::parse(url).unwrap();
    if let Ok(pooler) = std::env::var(POOLER) {
        let (host, port) = pooler.split_once(':').unwrap();
        url.set_host(Some(host)).unwrap();
        url.set_port(Some(port.parse().unwrap())).unwrap();
    }
    connect_directly(url.as_str()).await
}

async fn connect_directly(url: &str) -> Store {
    let store = Store::connect(&parsed(url), LIMITS).await;
    store.unwrap()
}

pub fn parsed(url: &str) -> ServerUrl {
    match DatabaseUrl::parse(url) {
        Ok(DatabaseUrl::Server(url)) => url,
        other => panic!("{VARIABLE} is not the URL of a server: {other:?}"),
    }
}

/// The engine of the server; `None` on SQLite.
pub fn engine() -> Option<Engine> {
    server().map(|url| parsed(url).engine())
}

/// The engine of the server. Fails on SQLite, where the caller's test is ignored.
#[track_caller]
pub fn server_engine() -> Engine {
    engine().unwrap_or_else(|| panic!("{VARIABLE} is not set: run tests/stores.sh"))
}

impl TestDatabase {
    /// Without tables; `None` on SQLite.
    pub fn empty() -> Option<Self> {
        engine().map(Self::create)
    }

    fn create(engine: Engine) -> Self {
        let name = new_name();
        execute(match engine {
            Engine::Postgres => format!("CREATE DATABASE {name} TEMPLATE template0"),
            Engine::MySql => format!("CREATE DATABASE {name}"),
        });
        Self { name }
    }

    /// With the tables of this version; `None` on SQLite.
    pub fn migrated() -> Option<Self> {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        let engine = engine()?;
        let template = TEMPLATE.get_or_init(|| Template::create(engine));
        let name = new_name();
        execute(template.copy(&name));
        Some(Self { name })
    }

    pub fn url(&self) -> String {
        url(&self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = self.name.clone();
        block_on(async move {
            let connection = administer().await;
            drop_database(&connection, &name).await;
            connection.close().await.unwrap();
        });
    }
}

/// A database that others are copied from. The next run drops it.
struct Template {
    name: String,
    engine: Engine,
    tables: Vec<String>,
}

impl Template {
    fn create(engine: Engine) -> Self {
        drop_abandoned();
        let database = std::mem::ManuallyDrop::new(TestDatabase::create(engine));
        let (name, url) = (database.name.clone(), database.url());
        // A template must have no connections, and a pooler would keep some.
        block_on(async move { connect_directly(&url).await.close().await.unwrap() });
        let tables = match engine {
            Engine::Postgres => Vec::new(),
            Engine::MySql => names(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = ",
                &name,
            ),
        };
        Self {
            name,
            engine,
            tables,
        }
    }

    fn copy(&self, copy: &str) -> String {
        let name = &self.name;
        if self.engine == Engine::Postgres {
            return format!("CREATE DATABASE {copy} TEMPLATE {name}");
        }
        let tables = self.tables.iter().map(|table| {
            format!(
                "CREATE TABLE {copy}.{table} LIKE {name}.{table};\
                 INSERT INTO {copy}.{table} SELECT * FROM {name}.{table};"
            )
        });
        format!("CREATE DATABASE {copy};") + &tables.collect::<String>()
    }
}

/// Whether tests run on a database server.
pub fn on_server() -> bool {
    server().is_some()
}

fn server() -> Option<&'static str> {
    static SERVER: OnceLock<Option<String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| std::env::var(VARIABLE).ok());
    server.as_deref().filter(|url| !url.is_empty())
}

fn url(name: &str) -> String {
    let mut url = url::Url::parse(server().unwrap()).unwrap();
    url.set_path(name);
    url.into()
}

/// Contains the process id, so that a later run recognizes abandoned databases.
fn new_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("jeton_test_{}_{count}", std::process::id())
}

/// Drops the databases of processes that have ended: their templates, and all of a killed process.
fn drop_abandoned() {
    let query = match engine().unwrap() {
        Engine::Postgres => "SELECT CAST(datname AS text) FROM pg_database WHERE datname LIKE ",
        Engine::MySql => {
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE "
        }
    };
    let names = names(query, "jeton_test_%");
    block_on(async move {
        let connection = administer().await;
        for name in names {
            let process = name.split('_').nth(2).unwrap();
            if !std::path::Path::new("/proc").join(process).exists() {
                drop_database(&connection, &name).await;
            }
        }
        connection.close().await.unwrap();
    });
}

/// Also with open connections, and after another process dropped it.
async fn drop_database(connection: &DatabaseConnection, name: &str) {
    let drop = match engine().unwrap() {
        Engine::Postgres => format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        Engine::MySql => {
            let users = format!(
                "SELECT CAST(id AS SIGNED) FROM {} WHERE db = '{name}'",
                processlist()
            );
            let users = Statement::from_string(connection.get_database_backend(), users);
            for row in connection.query_all_raw(users).await.unwrap() {
                let id: i64 = row.try_get_by_index(0).unwrap();
                // The connection may have ended already.
                let _ = connection.execute_unprepared(&format!("KILL {id}")).await;
            }
            format!("DROP DATABASE IF EXISTS {name}")
        }
    };
    let _ = connection.execute_unprepared(&drop).await;
}

/// The table of connections of MariaDB or MySQL, with `id`, `db` and `state`.
pub fn processlist() -> &'static str {
    if is_mariadb() {
        "information_schema.processlist"
    } else {
        "(SELECT processlist_id AS id, processlist_db AS db, processlist_state AS state \
         FROM performance_schema.threads) AS processlist"
    }
}

/// A query for the number of statements that wait for locks in the database of a connection to MariaDB or MySQL.
pub fn mysql_lock_waits() -> &'static str {
    if is_mariadb() {
        "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist \
         ON id = trx_mysql_thread_id WHERE db = database() AND trx_state = 'LOCK WAIT'"
    } else {
        "SELECT count(DISTINCT thread_id) FROM performance_schema.data_lock_waits \
         JOIN performance_schema.threads ON thread_id = requesting_thread_id WHERE processlist_db = database()"
    }
}

/// MySQL 9 fails to read the texts of statements in `information_schema` while one has bytes that are not text, such as
/// parameters. MariaDB's `performance_schema` is empty by default.
fn is_mariadb() -> bool {
    static IS_MARIADB: OnceLock<bool> = OnceLock::new();
    let query = "SELECT version() FROM dual WHERE version() LIKE ";
    *IS_MARIADB.get_or_init(|| !names(query, "%MariaDB%").is_empty())
}

/// The names that a query with this pattern returns.
fn names(query: &'static str, pattern: &str) -> Vec<String> {
    let query = format!("{query}'{pattern}'");
    let (sender, receiver) = std::sync::mpsc::channel();
    block_on(async move {
        let connection = administer().await;
        let query = Statement::from_string(connection.get_database_backend(), query);
        for row in connection.query_all_raw(query).await.unwrap() {
            sender.send(row.try_get_by_index(0).unwrap()).unwrap();
        }
        connection.close().await.unwrap();
    });
    receiver.iter().collect()
}

fn execute(sql: String) {
    block_on(async move {
        let connection = administer().await;
        connection.execute_unprepared(&sql).await.unwrap();
        connection.close().await.unwrap();
    });
}

async fn administer() -> DatabaseConnection {
    Database::connect(server().unwrap()).await.unwrap()
}

/// Runs on another thread, because the test's runtime may have ended or may be the one that waits.
fn block_on(future: impl Future<Output = ()> + Send + 'static) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future);
    };
    std::thread::spawn(run).join().unwrap();
}
