//! The browser session that a session was begun from, and whether the session outlives it.
//!
//! Null in sessions that began without a browser session, such as those from before this step.

use async_trait::async_trait;
use sea_orm::sea_query::{Index, IndexCreateStatement};
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::{boolean, uuid_null};
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "sessions";
const BROWSER_SESSION: &str = "browser_session_id";
const OFFLINE: &str = "offline";
const INDEX: &str = "sessions_browser_session_id";

pub(crate) struct AddBrowserSessions;

#[async_trait]
impl Step for AddBrowserSessions {
    fn name(&self) -> &'static str {
        "m20261128_000092_add_browser_sessions"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        let offline = boolean(OFFLINE).default(false).take();
        schema.add_column(TABLE, uuid_null(BROWSER_SESSION)).await?;
        schema.add_column(TABLE, offline).await?;
        schema.create_index(TABLE, &index()).await
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        schema.drop_index(TABLE, INDEX).await?;
        schema.drop_column(TABLE, OFFLINE).await?;
        schema.drop_column(TABLE, BROWSER_SESSION).await
    }
}

fn index() -> IndexCreateStatement {
    let mut index = Index::create().name(INDEX).table(TABLE).take();
    index.col(BROWSER_SESSION).take()
}
