//! The schema on each engine: tables, columns, character sets, refusal of other histories.

use std::collections::BTreeSet;

use jeton::database_url::Engine;
use jeton::store::{
    OpenError, Store, audit_event, client, client_secret, lease, session, sign_in_throttle,
    signing_key, user,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, EntityTrait, IdenStatic as _,
    Iterable as _, QueryResult, Statement,
};

use crate::support::database::{LIMITS, TestDatabase, engine, parsed, server_engine};
use crate::support::file::DataDir;

/// Columns, constraints, indexes and storage options, one row each.
const POSTGRES_SCHEMA: &str = "\
    SELECT concat_ws(' ', 'column', table_name, ordinal_position, column_name, data_type, \
        character_maximum_length, collation_name, is_nullable, column_default) \
    FROM information_schema.columns WHERE table_schema = current_schema() \
    UNION ALL SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid)) \
    FROM pg_constraint WHERE connamespace = current_schema()::regnamespace \
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() \
    UNION ALL SELECT concat_ws(' ', 'table', relname, reloptions::text) \
    FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace \
    ORDER BY 1";
const MYSQL_SCHEMA: &str = "\
    SELECT concat_ws(' ', 'column', table_name, ordinal_position, column_name, column_type, \
        collation_name, is_nullable, column_default) \
    FROM information_schema.columns WHERE table_schema = database() \
    UNION ALL SELECT concat_ws(' ', 'index', table_name, index_name, seq_in_index, column_name, \
        non_unique, sub_part) \
    FROM information_schema.statistics WHERE table_schema = database() \
    UNION ALL SELECT concat_ws(' ', 'table', table_name, engine, table_collation) \
    FROM information_schema.tables WHERE table_schema = database() \
    ORDER BY 1";
const SQLITE_SCHEMA: &str =
    "SELECT concat_ws(' ', type, name, tbl_name, sql) FROM sqlite_schema ORDER BY 1";

/// A connection to a database without tables.
pub(super) async fn empty_database() -> (DataDir, DatabaseConnection) {
    let data = TestDatabase::empty().map_or_else(DataDir::of_file, DataDir::on);
    std::fs::File::create(data.database()).unwrap();
    let connection = data.connect().await;
    (data, connection)
}

pub(super) async fn rows(connection: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_all_raw(statement).await.unwrap()
}

/// A description of everything in the schema.
pub(super) async fn schema(connection: &DatabaseConnection) -> Vec<String> {
    let sql = match engine() {
        None => SQLITE_SCHEMA,
        Some(Engine::Postgres) => POSTGRES_SCHEMA,
        Some(Engine::MySql) => MYSQL_SCHEMA,
    };
    let rows = rows(connection, sql).await;
    let text = |row: &QueryResult| row.try_get_by_index(0).unwrap();
    rows.iter().map(text).collect()
}

/// Opens a store on the engine of this run.
pub(super) async fn open(data: &DataDir) -> Result<Store, OpenError> {
    match engine() {
        None => Store::open(&data.database()).await,
        Some(_) => Store::connect(&parsed(&data.url()), LIMITS).await,
    }
}

/// Names and nullability of columns are equal.
#[tokio::test]
async fn the_tables_have_the_columns_of_their_entities() {
    let data = DataDir::new();
    data.open().await.close().await.unwrap();
    let connection = data.connect().await;
    compare(&connection, audit_event::Entity).await;
    compare(&connection, client::Entity).await;
    compare(&connection, client_secret::Entity).await;
    compare(&connection, client::ended_epoch::Entity).await;
    compare(&connection, lease::Entity).await;
    compare(&connection, session::Entity).await;
    compare(&connection, sign_in_throttle::Entity).await;
    compare(&connection, signing_key::Entity).await;
    compare(&connection, user::Entity).await;
}

async fn compare<E: EntityTrait>(connection: &DatabaseConnection, entity: E) {
    let table = entity.table_name();
    let sql = match engine() {
        None => format!("SELECT name, \"notnull\" = 0 FROM pragma_table_info('{table}')"),
        Some(engine) => format!(
            "SELECT column_name, is_nullable = 'YES' FROM information_schema.columns \
             WHERE table_name = '{table}' AND table_schema = {}",
            match engine {
                Engine::Postgres => "current_schema()",
                Engine::MySql => "database()",
            }
        ),
    };
    let rows = rows(connection, &sql).await;
    let found = rows.iter().map(|row| {
        let name: String = row.try_get_by_index(0).unwrap();
        let nullable: bool = row.try_get_by_index(1).unwrap();
        (name, nullable)
    });
    let expected = E::Column::iter().map(|column| {
        let nullable = column.def().is_null();
        (column.as_str().to_owned(), nullable)
    });
    assert_eq!(
        found.collect::<BTreeSet<_>>(),
        expected.collect::<BTreeSet<_>>(),
        "{table}"
    );
}

/// Trailing spaces are compared only under these collations. `jeton_locks` holds names of locks in ASCII.
#[tokio::test]
#[ignore = "needs MariaDB: tests/stores.sh mariadb"]
async fn no_table_has_the_default_collation_of_the_server_on_mariadb() {
    assert_eq!(server_engine(), Engine::MySql);
    let data = DataDir::new();
    data.open().await.close().await.unwrap();
    let connection = data.connect().await;
    let others = "\
        SELECT concat_ws(' ', table_name, table_collation) FROM information_schema.tables \
        WHERE table_schema = database() \
        AND table_collation NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') \
        UNION SELECT concat_ws(' ', table_name, collation_name) FROM information_schema.columns \
        WHERE table_schema = database() \
        AND collation_name NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')";
    let found = rows(&connection, others).await;
    let text = |row: &QueryResult| row.try_get_by_index::<String>(0).unwrap();
    let found: Vec<String> = found.iter().map(text).collect();
    assert_eq!(found, ["jeton_locks ascii_bin"]);
}

/// The store is left as it was, and the message names the migration and a remedy.
#[tokio::test]
async fn a_store_with_an_unreleased_schema_is_refused() {
    let data = DataDir::new();
    data.open().await.close().await.unwrap();
    data.execute("DELETE FROM seaql_migrations").await;
    data.execute("INSERT INTO seaql_migrations VALUES ('m20261122_000001_create_store', 0)")
        .await;
    for _ in 0..2 {
        let message = open(&data).await.err().unwrap().to_string();
        let remedy = "was created by an unreleased version of Jeton (migration \
                      m20261122_000001_create_store) and cannot be upgraded; export what you need \
                      and start with an empty database";
        assert!(message.ends_with(remedy), "{message}");
    }
    let history = "SELECT version AS detail FROM seaql_migrations";
    assert_eq!(data.query(history).await, "m20261122_000001_create_store");
}
