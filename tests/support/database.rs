//! Where the stores of tests are: SQLite, or, with `JETON_TEST_DATABASE_URL`, databases of their own on that
//! server, as which each test's store is a copy of a template.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jeton::database_url::{DatabaseUrl, Engine, ServerUrl};
use jeton::store::{Limits, Store};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};

const VARIABLE: &str = "JETON_TEST_DATABASE_URL";
/// Host and port of a pooler before that server, by which stores connect.
const POOLER: &str = "JETON_TEST_POOLER";
/// A machine that runs all tests at once is slow.
pub const LIMITS: Limits = Limits {
    connections: 8,
    acquire_timeout: Duration::from_secs(30),
    statement_timeout: Duration::from_secs(30),
};

/// A database on the server, gone with the value.
pub struct TestDatabase {
    name: String,
}

/// An empty store of the test that asks, on the engine that tests run on; gone when the test ends.
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

/// What the server speaks that tests run on; `None` when they run on SQLite.
pub fn engine() -> Option<Engine> {
    server().map(|url| parsed(url).engine())
}

impl TestDatabase {
    /// With no tables; `None` when tests run on SQLite.
    pub fn empty() -> Option<Self> {
        engine().map(Self::make)
    }

    fn make(engine: Engine) -> Self {
        let name = new_name();
        execute(match engine {
            Engine::Postgres => format!("CREATE DATABASE {name} TEMPLATE template0"),
            Engine::MySql => format!("CREATE DATABASE {name}"),
        });
        Self { name }
    }

    /// With the tables of this version; `None` when tests run on SQLite.
    pub fn migrated() -> Option<Self> {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        let engine = engine()?;
        let template = TEMPLATE.get_or_init(|| Template::make(engine));
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
        wait_for(async move {
            let connection = administer().await;
            drop_database(&connection, &name).await;
            connection.close().await.unwrap();
        });
    }
}

/// A database that others are copied from; it lasts as long as the process.
struct Template {
    name: String,
    engine: Engine,
    tables: Vec<String>,
}

impl Template {
    fn make(engine: Engine) -> Self {
        sweep();
        let database = std::mem::ManuallyDrop::new(TestDatabase::make(engine));
        let (name, url) = (database.name.clone(), database.url());
        // A pooler would keep connections, and what is copied must have none.
        wait_for(async move { connect_directly(&url).await.close().await.unwrap() });
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

/// Whether tests run on a database server, and not on SQLite.
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

/// By the process, so that what one left behind is known for what it is.
fn new_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("jeton_test_{}_{count}", std::process::id())
}

/// Drops what processes left that are no more: a template each, and whatever a killed one had.
fn sweep() {
    let question = match engine().unwrap() {
        Engine::Postgres => "SELECT CAST(datname AS text) FROM pg_database WHERE datname LIKE ",
        Engine::MySql => {
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE "
        }
    };
    let left = names(question, "jeton_test_%");
    wait_for(async move {
        let connection = administer().await;
        for name in left {
            let process = name.split('_').nth(2).unwrap();
            if !std::path::Path::new("/proc").join(process).exists() {
                drop_database(&connection, &name).await;
            }
        }
        connection.close().await.unwrap();
    });
}

/// Whoever is connected to it, and if another process was first.
async fn drop_database(connection: &DatabaseConnection, name: &str) {
    let drop = match engine().unwrap() {
        Engine::Postgres => format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        Engine::MySql => {
            let users =
                format!("SELECT id FROM information_schema.processlist WHERE db = '{name}'");
            let users = Statement::from_string(connection.get_database_backend(), users);
            for row in connection.query_all_raw(users).await.unwrap() {
                let id: i64 = row.try_get_by_index(0).unwrap();
                // It may have gone by itself.
                let _ = connection.execute_unprepared(&format!("KILL {id}")).await;
            }
            format!("DROP DATABASE IF EXISTS {name}")
        }
    };
    let _ = connection.execute_unprepared(&drop).await;
}

/// The names that this question is answered by.
fn names(question: &'static str, about: &str) -> Vec<String> {
    let question = format!("{question}'{about}'");
    let (told, answer) = std::sync::mpsc::channel();
    wait_for(async move {
        let connection = administer().await;
        let question = Statement::from_string(connection.get_database_backend(), question);
        for row in connection.query_all_raw(question).await.unwrap() {
            told.send(row.try_get_by_index(0).unwrap()).unwrap();
        }
        connection.close().await.unwrap();
    });
    answer.iter().collect()
}

fn execute(sql: String) {
    wait_for(async move {
        let connection = administer().await;
        connection.execute_unprepared(&sql).await.unwrap();
        connection.close().await.unwrap();
    });
}

async fn administer() -> DatabaseConnection {
    Database::connect(server().unwrap()).await.unwrap()
}

/// On a thread of its own, because a test's own runtime may be over, or be the one that waits.
fn wait_for(future: impl Future<Output = ()> + Send + 'static) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future);
    };
    std::thread::spawn(run).join().unwrap();
}
