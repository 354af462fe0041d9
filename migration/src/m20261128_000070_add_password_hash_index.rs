//! The index of `users.password_hash`. Its first and last entries show whether a hash of another algorithm or cost
//! is stored.

use async_trait::async_trait;
use sea_orm::sea_query::{Index, IndexCreateStatement};
use sea_orm::{ConnectionTrait as _, DatabaseExecutor, DbBackend, DbErr, Statement};

use crate::engine::Engine;
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "users";
const INDEX: &str = "users_password_hash";

/// The order of a language does not keep texts of one prefix together.
const BYTEWISE: &str =
    r#"ALTER TABLE users ALTER COLUMN password_hash TYPE varchar(512) COLLATE "C""#;

pub(crate) struct AddPasswordHashIndex;

fn index() -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(INDEX).table(TABLE).col("password_hash").take()
}

#[async_trait]
impl Step for AddPasswordHashIndex {
    fn name(&self) -> &'static str {
        "m20261128_000070_add_password_hash_index"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        if let Engine::Postgres = schema.engine() {
            let statement = Statement::from_string(DbBackend::Postgres, BYTEWISE);
            database.execute_raw(statement).await?;
        }
        schema.create_index(TABLE, &index()).await
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        schema.drop_index(TABLE, INDEX).await
    }
}
