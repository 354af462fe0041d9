//! The API's database: a row for each user, created at the first request.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ConnectOptions, DatabaseConnection, Schema};

use super::Failure;
use super::draft::Draft;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows that exist from the start: id, name, about. They have no user at Jeton, and show that each user
/// sees only their own row.
const SEED: [(&str, &str, &str); 2] = [
    (
        "seed-ada",
        "Ada Lovelace",
        "Wrote a program for a machine that was never built.",
    ),
    (
        "seed-grace",
        "Grace Hopper",
        "Taught machines to read words.",
    ),
];

/// The info of a user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_info")]
pub struct Model {
    /// The `sub` of the user's tokens. An API with several issuers also stores `iss`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Missing until the user sets it.
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub about: Option<String>,
    /// Number of the current version; the `ETag`.
    pub version: i64,
    /// In seconds since 1970.
    pub created_at: i64,
    /// Time of the last change, in seconds since 1970; missing before the first.
    pub updated_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

#[derive(Clone, Debug)]
pub struct Database(DatabaseConnection);

impl Database {
    /// Opens the SQLite file at `path`. Creates and seeds it, and its directory, if missing.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        let failed =
            |why: String| Failure::Message(format!("cannot open {}: {why}", path.display()));
        create_private(path).map_err(|error| failed(error.to_string()))?;
        Self::connect(path)
            .await
            .map_err(|error| failed(error.to_string()))
    }

    async fn connect(path: &Path) -> Result<Self, DbErr> {
        let path = path.to_owned();
        let mut options = ConnectOptions::new("sqlite:");
        options
            .max_connections(4)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |options| {
                options
                    .filename(&path)
                    .create_if_missing(true)
                    .busy_timeout(BUSY_TIMEOUT)
                    .pragma("journal_mode", "WAL")
            });
        let connection = sea_orm::Database::connect(options).await?;
        let schema = Schema::new(connection.get_database_backend());
        let mut table = schema.create_table_from_entity(Entity);
        connection.execute(table.if_not_exists()).await?;
        let database = Self(connection);
        for (subject, name, about) in SEED {
            let mut row = new_row(subject);
            row.name = Set(Some(name.to_owned()));
            row.about = Set(Some(about.to_owned()));
            database.insert_if_missing(row).await?;
        }
        Ok(database)
    }

    /// The row of a user, created if missing.
    pub async fn find_or_create(&self, subject: &str) -> Result<Model, DbErr> {
        if let Some(row) = self.find(subject).await? {
            return Ok(row);
        }
        // Two first requests may run at once: one creates the row, both read it.
        self.insert_if_missing(new_row(subject)).await?;
        let row = self.find(subject).await?;
        row.ok_or_else(|| DbErr::RecordNotFound("the row that was just created".to_owned()))
    }

    /// Changes the row of a user; `None` if it no longer has the expected version.
    pub async fn change(
        &self,
        subject: &str,
        draft: Draft,
        expected: Option<i64>,
    ) -> Result<Option<Model>, DbErr> {
        let mut update = Entity::update_many()
            .set(ActiveModel {
                name: Set(Some(draft.name)),
                email: Set(draft.email),
                phone: Set(draft.phone),
                about: Set(draft.about),
                updated_at: Set(Some(now())),
                ..Default::default()
            })
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Subject.eq(subject));
        if let Some(version) = expected {
            update = update.filter(Column::Version.eq(version));
        }
        let changed = update.exec_with_returning(&self.0).await?;
        Ok(changed.into_iter().next())
    }

    pub async fn ping(&self) -> Result<(), DbErr> {
        self.0.ping().await
    }

    pub async fn close(self) -> Result<(), DbErr> {
        self.0.close().await
    }

    async fn find(&self, subject: &str) -> Result<Option<Model>, DbErr> {
        Entity::find_by_id(subject).one(&self.0).await
    }

    async fn insert_if_missing(&self, row: ActiveModel) -> Result<(), DbErr> {
        let keep = OnConflict::column(Column::Subject).do_nothing().to_owned();
        Entity::insert(row)
            .on_conflict(keep)
            .exec_without_returning(&self.0)
            .await?;
        Ok(())
    }
}

fn new_row(subject: &str) -> ActiveModel {
    ActiveModel {
        subject: Set(subject.to_owned()),
        version: Set(1),
        created_at: Set(now()),
        ..Default::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Creates directory and file with access for their owner only, because they contain personal data.
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

    if let Some(directory) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)?;
    Ok(())
}
