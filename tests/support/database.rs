//! Where the stores of tests are: SQLite, or, with `JETON_TEST_DATABASE_URL`, databases of their own on that
//! PostgreSQL server, as which each test's store is a copy of a template.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jeton::database_url::{DatabaseUrl, PostgresUrl};
use jeton::store::{Limits, Store};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};

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

pub fn parsed(url: &str) -> PostgresUrl {
    match DatabaseUrl::parse(url) {
        Ok(DatabaseUrl::Postgres(url)) => url,
        other => panic!("{VARIABLE} is not the URL of a PostgreSQL server: {other:?}"),
    }
}

impl TestDatabase {
    /// With no tables; `None` when tests run on SQLite.
    pub fn empty() -> Option<Self> {
        server()?;
        let name = new_name();
        execute(format!("CREATE DATABASE {name} TEMPLATE template0"));
        Some(Self { name })
    }

    /// With the tables of this version; `None` when tests run on SQLite.
    pub fn migrated() -> Option<Self> {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        server()?;
        let template = TEMPLATE.get_or_init(|| {
            sweep();
            let name = new_name();
            execute(format!("CREATE DATABASE {name} TEMPLATE template0"));
            let url = url(&name);
            // A pooler would keep connections, and what is copied must have none.
            wait_for(async move { connect_directly(&url).await.close().await.unwrap() });
            name
        });
        let name = new_name();
        execute(format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Some(Self { name })
    }

    pub fn url(&self) -> String {
        url(&self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        execute(format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
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
    wait_for(async {
        let connection = administer().await;
        let names = "SELECT datname FROM pg_database WHERE datname LIKE 'jeton_test_%'";
        let backend = connection.get_database_backend();
        let names = sea_orm::Statement::from_string(backend, names);
        for row in connection.query_all_raw(names).await.unwrap() {
            let name: String = row.try_get_by_index(0).unwrap();
            let process = name.split('_').nth(2).unwrap();
            if !std::path::Path::new("/proc").join(process).exists() {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                // Another process may sweep, too.
                let _ = connection.execute_unprepared(&drop).await;
            }
        }
        connection.close().await.unwrap();
    });
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
