//! The API's own database: a row for each person, made when they first come.

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

/// How long a writer waits for another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// People of whom the API knew before anyone signed in: id, name, about. Nobody can sign in as them;
/// they show that each person sees their own row alone.
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

/// What the API knows about a person.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "people")]
pub struct Model {
    /// The `sub` of the person's tokens. An API that trusts several issuers keeps `iss` beside it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// What they are called; missing until they say.
    pub name: Option<String>,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Where calls reach them.
    pub phone: Option<String>,
    /// What they tell about themselves.
    pub about: Option<String>,
    /// Counts the changes; the `ETag`.
    pub version: i64,
    /// When the row was made, in seconds since 1970.
    pub created_at: i64,
    /// When it was changed last, in seconds since 1970; missing until it is.
    pub updated_at: Option<i64>,
}

/// No table is related to another.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database(DatabaseConnection);

impl Database {
    /// Opens the SQLite file at `path`; makes and seeds it, and its directory, if it is missing.
    ///
    /// # Errors
    ///
    /// [`Failure`], which names the file.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |why: String| Failure(format!("cannot open {}: {why}", path.display()));
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

    /// The row of a person; made at their first visit.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub async fn find_or_make(&self, subject: &str) -> Result<Model, DbErr> {
        if let Some(row) = self.find(subject).await? {
            return Ok(row);
        }
        // Two tabs may come first at once: one makes the row, both read it.
        self.insert_if_missing(new_row(subject)).await?;
        let row = self.find(subject).await?;
        row.ok_or_else(|| DbErr::RecordNotFound("a row that was just made".to_owned()))
    }

    /// Changes a person's row, if it still has the expected version; `None` if it has another.
    ///
    /// # Errors
    ///
    /// What the database says.
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

    /// Whether the database answers.
    ///
    /// # Errors
    ///
    /// What it says when it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.0.ping().await
    }

    /// Finishes what is under way, and closes the file.
    ///
    /// # Errors
    ///
    /// What the database says when it cannot.
    pub async fn close(self) -> Result<(), DbErr> {
        self.0.close().await
    }

    async fn find(&self, subject: &str) -> Result<Option<Model>, DbErr> {
        Entity::find_by_id(subject).one(&self.0).await
    }

    async fn insert_if_missing(&self, row: ActiveModel) -> Result<(), DbErr> {
        let stays = OnConflict::column(Column::Subject).do_nothing().to_owned();
        Entity::insert(row)
            .on_conflict(stays)
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

#[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// What people told the API is for its own eyes: the directory's and the file's mode say so.
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
