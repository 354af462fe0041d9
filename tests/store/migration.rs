//! Migrations: down and up, interrupted ones, changes that are repeated, tables of other programs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::migration::Schema;
use jeton::database_url::Engine;
use sea_orm::sea_query::{ColumnDef, Index, Query, Table};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DatabaseExecutor, DbErr};
use uuid::Uuid;

use super::schema::{empty_database, open, rows, schema};
use crate::support::database::{processlist, server_engine};

#[tokio::test]
async fn the_schema_is_the_same_after_down_and_up() {
    let (_data, connection) = empty_database().await;
    migration::up(&connection).await.unwrap();
    let before = schema(&connection).await;
    assert!(before.iter().any(|line| line.contains("sessions_user_id")));
    migration::down(&connection).await.unwrap();
    for line in schema(&connection).await {
        assert!(line.contains("seaql_migrations"), "{line}");
    }
    migration::up(&connection).await.unwrap();
    assert_eq!(schema(&connection).await, before);
}

/// A node may be killed after any statement. The engines that commit each change of a table by itself then keep a part.
#[tokio::test]
async fn a_migration_that_was_interrupted_after_any_statement_is_completed_by_the_next() {
    let (_data, connection) = empty_database().await;
    migration::up(&connection).await.unwrap();
    let (complete, rows) = (schema(&connection).await, row_counts(&connection).await);
    let mut statements = 0;
    loop {
        statements += 1;
        let (data, connection) = empty_database().await;
        let finished = migrate_until(connection, statements).await;
        let connection = data.connect().await;
        let outcome = migration::up(&connection).await;
        outcome.unwrap_or_else(|error| panic!("after {statements} statements: {error}"));
        assert_eq!(schema(&connection).await, complete, "{statements}");
        assert_eq!(row_counts(&connection).await, rows, "{statements}");
        connection.close().await.unwrap();
        if finished {
            break;
        }
    }
    assert!(statements > 20, "only {statements} statements");
}

/// Migrates, and stops like a killed process after this number of statements. Returns whether it finished earlier.
async fn migrate_until(mut connection: DatabaseConnection, statements: usize) -> bool {
    let executed = AtomicUsize::new(0);
    connection.set_metric_callback(move |_| {
        if executed.fetch_add(1, Ordering::SeqCst) + 1 == statements {
            // Unwinds without a message.
            std::panic::resume_unwind(Box::new("killed"));
        }
    });
    let migration = tokio::spawn(async move { migration::up(&connection).await });
    match migration.await {
        Ok(outcome) => outcome.is_ok(),
        Err(killed) => !killed.is_panic(),
    }
}

/// The rows that the migration itself inserts.
async fn row_counts(connection: &DatabaseConnection) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in ["seaql_migrations", "leases"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let row = rows(connection, &sql).await;
        counts.push(row[0].try_get_by_index(0).unwrap());
    }
    counts
}

#[tokio::test]
async fn every_change_of_the_schema_can_be_repeated() -> Result<(), DbErr> {
    let (_data, connection) = empty_database().await;
    let executor = DatabaseExecutor::from(&connection);
    let tables = Schema::of(&executor).await?;
    let column = |name| ColumnDef::new(name).big_integer().not_null().take();
    let table = Table::create().table("samples").col(column("id")).take();
    let added = column("added").default(1).take();
    let index = Index::create().table("samples").name("i").col("id").take();
    for _ in 0..2 {
        tables.create_table(&table).await?;
    }
    connection
        .execute_unprepared("INSERT INTO samples (id) VALUES (7)")
        .await?;
    for _ in 0..2 {
        tables.add_column("samples", added.clone()).await?;
    }
    for _ in 0..2 {
        tables.create_index("samples", &index).await?;
    }
    let row = rows(&connection, "SELECT id + added FROM samples").await;
    assert_eq!(row[0].try_get_by_index::<i64>(0)?, 8);
    for _ in 0..2 {
        tables.drop_index("samples", "i").await?;
        tables.drop_column("samples", "added").await?;
    }
    assert!(!schema(&connection).await.concat().contains("added"));
    for _ in 0..2 {
        tables.drop_table("samples").await?;
    }
    assert!(schema(&connection).await.is_empty());
    Ok(())
}

/// The statement of a killed node ends while the next node waits for the table.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB: tests/stores.sh mariadb"]
async fn a_column_that_another_connection_adds_meanwhile_is_accepted_on_mariadb() {
    assert_eq!(server_engine(), Engine::MySql);
    let (data, other) = empty_database().await;
    let connection = data.connect().await;
    for sql in [
        "CREATE TABLE samples (id bigint)",
        "LOCK TABLES samples WRITE",
    ] {
        other.execute_unprepared(sql).await.unwrap();
    }
    let adding = tokio::spawn(async move {
        let executor = DatabaseExecutor::from(&connection);
        let column = ColumnDef::new("added").big_integer().take();
        let tables = Schema::of(&executor).await?;
        tables.add_column("samples", column).await
    });
    let waiting = format!(
        "SELECT count(*) FROM {} WHERE db = DATABASE() AND state LIKE 'Waiting for table metadata lock%'",
        processlist()
    );
    // On another connection: one with LOCK TABLES may read only the locked table.
    while data.number(&waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for sql in [
        "ALTER TABLE samples ADD COLUMN added bigint",
        "UNLOCK TABLES",
    ] {
        other.execute_unprepared(sql).await.unwrap();
    }
    adding.await.unwrap().unwrap();
}

/// A database may be shared with another program by mistake.
#[tokio::test]
async fn a_table_of_another_program_is_refused_and_kept() {
    let (data, connection) = empty_database().await;
    let others = "CREATE TABLE users (id integer, email varchar(99))";
    connection.execute_unprepared(others).await.unwrap();
    for _ in 0..2 {
        let error = open(&data).await.err().unwrap().to_string();
        assert!(
            error.contains("a table 'users' exists that is not of Jeton; use another database"),
            "{error}"
        );
    }
    rows(&connection, "SELECT email FROM users").await;
}

/// A store that was created by a version that left this to the server.
#[tokio::test]
#[ignore = "needs MariaDB: tests/stores.sh mariadb"]
async fn tables_with_the_character_set_of_the_server_are_converted_on_mariadb() {
    assert_eq!(server_engine(), Engine::MySql);
    let (_data, connection) = empty_database().await;
    migration::up(&connection).await.unwrap();
    for sql in [
        "ALTER TABLE leases CONVERT TO CHARACTER SET latin1",
        "ALTER TABLE seaql_migrations CONVERT TO CHARACTER SET latin1",
        "ALTER TABLE signing_keys DEFAULT CHARACTER SET latin1",
        "INSERT INTO leases (name, expires_at) VALUES ('säut', 0)",
        "DELETE FROM seaql_migrations WHERE version LIKE '%set_character_sets'",
    ] {
        connection.execute_unprepared(sql).await.unwrap();
    }
    migration::up(&connection).await.unwrap();
    let others = "SELECT table_name FROM information_schema.columns WHERE table_schema = DATABASE() \
        AND collation_name NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') UNION SELECT table_name \
        FROM information_schema.tables WHERE table_schema = DATABASE() \
        AND table_collation NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')";
    assert!(rows(&connection, others).await.is_empty());
    let kept = "SELECT name FROM leases WHERE name = 'säut'";
    assert_eq!(rows(&connection, kept).await.len(), 1);
}

/// A store of a version before the role had this name. Roles that are only called alike stay.
#[tokio::test]
async fn the_role_of_administrators_is_renamed() {
    let (_data, connection) = empty_database().await;
    migration::up(&connection).await.unwrap();
    let roles = [
        ("admin", "jeton:admin"),
        ("admin reader", "jeton:admin reader"),
        ("reader admin writer", "reader jeton:admin writer"),
        (
            "Admin administrator not-admin",
            "Admin administrator not-admin",
        ),
        ("", ""),
    ];
    for (index, (before, _)) in roles.iter().enumerate() {
        let user = Query::insert()
            .into_table("users")
            .columns([
                "id",
                "username",
                "password_hash",
                "roles",
                "session_epoch",
                "created_at",
            ])
            .values_panic([
                Uuid::from_u128(index as u128).into(),
                index.to_string().into(),
                "".into(),
                (*before).into(),
                0_i64.into(),
                0_i64.into(),
            ])
            .take();
        connection.execute(&user).await.unwrap();
    }
    for _ in 0..2 {
        let step = "DELETE FROM seaql_migrations WHERE version LIKE '%rename_admin_role'";
        connection.execute_unprepared(step).await.unwrap();
        migration::up(&connection).await.unwrap();
        let found = rows(&connection, "SELECT roles FROM users ORDER BY username").await;
        let found: Vec<String> = found
            .iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect();
        assert_eq!(found, roles.map(|(_, after)| after));
    }
}
