//! Changes of the schema that can be repeated: each creates or removes only what is missing or left.
//!
//! MariaDB and MySQL commit each change of a table by itself. When a node is killed during a step, the next node
//! runs the whole step again. So steps change tables by these functions only, and rows by statements that have the
//! same effect when they run twice. Each single change is atomic on MariaDB 10.6 and MySQL 8.0.

use std::collections::BTreeSet;

use sea_orm::sea_query::{
    ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement, TableRef,
};
use sea_orm::{
    ConnectionTrait as _, DatabaseExecutor, DbBackend, DbErr, Statement, StatementBuilder,
};

use crate::engine::Engine;

const COLUMNS: Queries = Queries {
    sqlite: "SELECT name FROM pragma_table_info(?)",
    postgres: "SELECT CAST(column_name AS text) FROM information_schema.columns \
        WHERE table_schema = current_schema() AND table_name = $1",
    mysql: "SELECT column_name FROM information_schema.columns \
        WHERE table_schema = DATABASE() AND table_name = ?",
};
const INDEXES: Queries = Queries {
    sqlite: "SELECT name FROM pragma_index_list(?)",
    postgres: "SELECT CAST(indexname AS text) FROM pg_indexes \
        WHERE schemaname = current_schema() AND tablename = $1",
    mysql: "SELECT DISTINCT index_name FROM information_schema.statistics \
        WHERE table_schema = DATABASE() AND table_name = ?",
};

/// A query for names, with the name of a table as its parameter.
struct Queries {
    sqlite: &'static str,
    postgres: &'static str,
    mysql: &'static str,
}

/// The columns or the indexes of a table.
struct Names<'a>(&'static Queries, &'a str);

/// The tables of a database that is being migrated.
pub struct Schema<'a> {
    database: &'a DatabaseExecutor<'a>,
    engine: Engine,
}

impl<'a> Schema<'a> {
    /// Finds out the engine of the database.
    pub async fn of(database: &'a DatabaseExecutor<'a>) -> Result<Self, DbErr> {
        let engine = Engine::of(database).await?;
        Ok(Self { database, engine })
    }

    /// The engine of the database.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Creates the table if it is missing. A table of the same name with other columns belongs to another program
    /// and is refused.
    pub async fn create_table(&self, table: &TableCreateStatement) -> Result<(), DbErr> {
        let name = match table.get_table_name() {
            Some(TableRef::Table(name, _)) => name.1.to_string(),
            _ => return Err(DbErr::Migration("the table has no name".to_owned())),
        };
        let columns = table.get_columns().iter();
        let wanted: BTreeSet<String> = columns.map(ColumnDef::get_column_name).collect();
        let columns = Names(&COLUMNS, &name);
        self.change(table, columns, |found| {
            if found.is_empty() || *found == wanted {
                return Ok(!found.is_empty());
            }
            let why = format!("a table '{name}' exists that is not of Jeton; use another database");
            Err(DbErr::Migration(why))
        })
        .await
    }

    /// Drops the table if it exists.
    pub async fn drop_table(&self, name: &'static str) -> Result<(), DbErr> {
        let statement = Table::drop().table(name).if_exists().take();
        self.database.execute(&statement).await.map(drop)
    }

    /// Adds the column if it is missing.
    pub async fn add_column(&self, table: &'static str, column: ColumnDef) -> Result<(), DbErr> {
        let name = column.get_column_name();
        let statement = Table::alter().table(table).add_column(column).take();
        let columns = Names(&COLUMNS, table);
        self.change(&statement, columns, |found| Ok(found.contains(&name)))
            .await
    }

    /// Drops the column if it exists.
    pub async fn drop_column(
        &self,
        table: &'static str,
        column: &'static str,
    ) -> Result<(), DbErr> {
        let statement = Table::alter().table(table).drop_column(column).take();
        let columns = Names(&COLUMNS, table);
        self.change(&statement, columns, |found| Ok(!found.contains(column)))
            .await
    }

    /// Creates the index if the table has none of this name.
    pub async fn create_index(
        &self,
        table: &'static str,
        index: &IndexCreateStatement,
    ) -> Result<(), DbErr> {
        let name = index.get_index_spec().get_name().unwrap_or_default();
        let indexes = Names(&INDEXES, table);
        self.change(index, indexes, |found| Ok(found.contains(name)))
            .await
    }

    /// Drops the index if it exists.
    pub async fn drop_index(&self, table: &'static str, name: &'static str) -> Result<(), DbErr> {
        let mut statement = Index::drop();
        statement.table(table).name(name);
        let indexes = Names(&INDEXES, table);
        self.change(&statement, indexes, |found| Ok(!found.contains(name)))
            .await
    }

    /// Executes the statement unless the names show its effect already.
    ///
    /// On MariaDB and MySQL, the statement of a killed node may still run. Then this one waits for it and fails.
    async fn change(
        &self,
        statement: &impl StatementBuilder,
        names: Names<'_>,
        is_done: impl Fn(&BTreeSet<String>) -> Result<bool, DbErr> + Send + Sync,
    ) -> Result<(), DbErr> {
        if is_done(&self.find(&names).await?)? {
            return Ok(());
        }
        match self.database.execute(statement).await {
            Err(error) if matches!(self.engine, Engine::MySql { .. }) => {
                let is_done = is_done(&self.find(&names).await?)?;
                if is_done { Ok(()) } else { Err(error) }
            }
            executed => executed.map(drop),
        }
    }

    async fn find(&self, Names(queries, table): &Names<'_>) -> Result<BTreeSet<String>, DbErr> {
        let backend = self.database.get_database_backend();
        let query = match backend {
            DbBackend::Postgres => queries.postgres,
            DbBackend::MySql => queries.mysql,
            _ => queries.sqlite,
        };
        let query = Statement::from_sql_and_values(backend, query, [(*table).into()]);
        let rows = self.database.query_all_raw(query).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }
}
