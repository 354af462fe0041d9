//! The differences between database engines that the schema depends on. Released steps use them, so their
//! meaning does not change.

use sea_orm::sea_query::{ColumnDef, Table, TableCreateStatement};
use sea_orm::{ConnectionTrait as _, DatabaseExecutor, DbBackend, DbErr, Statement};

/// Whether a table, or one of its columns, has another collation.
const OTHER_CHARACTER_SETS: &str = "SELECT 1 FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name = ? AND table_collation <> ? \
    UNION SELECT 1 FROM information_schema.columns \
    WHERE table_schema = DATABASE() AND table_name = ? AND collation_name <> ?";

/// The database engine that a migration runs on.
pub enum Engine {
    Sqlite,
    Postgres,
    /// MySQL or MariaDB, which name the collation that compares every byte differently.
    MySql {
        collation: &'static str,
    },
}

impl Engine {
    pub async fn of(database: &DatabaseExecutor<'_>) -> Result<Self, DbErr> {
        Ok(match database.get_database_backend() {
            DbBackend::Postgres => Self::Postgres,
            DbBackend::MySql => Self::MySql {
                collation: collation(database).await?,
            },
            _ => Self::Sqlite,
        })
    }

    /// A table that names its character set and collation, so that the server's defaults do not matter.
    pub fn table(&self, name: &'static str) -> TableCreateStatement {
        let mut table = Table::create().table(name).take();
        if let Self::MySql { collation } = self {
            table.character_set("utf8mb4").collate(*collation);
        }
        table
    }

    /// The same column, compared byte by byte.
    ///
    /// SQLite does this by default and MySQL by the table's collation. PostgreSQL compares by the rules of a
    /// language, and an update of the operating system may change them and break indexes.
    pub fn bytewise(&self, mut column: ColumnDef) -> ColumnDef {
        if let Self::Postgres = self {
            column.extra(r#"COLLATE "C""#);
        }
        column
    }

    /// Keeps a tenth of each page free on PostgreSQL. An update then writes the new row version into the same
    /// page and touches no index.
    pub fn leave_space_for_updates(&self, mut table: TableCreateStatement) -> TableCreateStatement {
        if let Self::Postgres = self {
            table.extra("WITH (fillfactor = 90)");
        }
        table
    }

    /// Sets character set and collation of a table that was created with the server's defaults.
    pub async fn convert(&self, database: &DatabaseExecutor<'_>, table: &str) -> Result<(), DbErr> {
        if let Self::MySql { collation } = self {
            let values = [table, collation, table, collation].map(Into::into);
            let query =
                Statement::from_sql_and_values(DbBackend::MySql, OTHER_CHARACTER_SETS, values);
            if database.query_one_raw(query).await?.is_none() {
                return Ok(());
            }
            let sql = format!(
                "ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}"
            );
            let statement = Statement::from_string(DbBackend::MySql, sql);
            database.execute_raw(statement).await?;
        }
        Ok(())
    }
}

/// The collation of MariaDB or MySQL that compares every byte, trailing spaces included.
async fn collation(database: &DatabaseExecutor<'_>) -> Result<&'static str, DbErr> {
    let query = Statement::from_string(DbBackend::MySql, "SELECT VERSION()");
    let row = database.query_one_raw(query).await?;
    let version: String = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
    Ok(if version.contains("MariaDB") {
        "utf8mb4_nopad_bin"
    } else {
        "utf8mb4_0900_bin"
    })
}
