//! The settings of a client for the authorization code grant.

use async_trait::async_trait;
use sea_orm::sea_query::{ColumnDef, Expr};
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::{string_len_null, text};
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "clients";
const COLUMNS: [&str; 4] = [
    "redirect_uris",
    "post_logout_redirect_uris",
    "pkce",
    "consent",
];

pub(crate) struct AddAuthorizationSettings;

fn columns() -> [ColumnDef; 4] {
    let [redirect, post_logout, pkce, consent] = COLUMNS;
    // MySQL accepts only an expression as the default of a text.
    let list = |name| text(name).default(Expr::cust("('')")).take();
    [
        list(redirect),
        list(post_logout),
        string_len_null(pkce, 16),
        string_len_null(consent, 16),
    ]
}

#[async_trait]
impl Step for AddAuthorizationSettings {
    fn name(&self) -> &'static str {
        "m20261128_000090_add_authorization_settings"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        for column in columns() {
            schema.add_column(TABLE, column).await?;
        }
        Ok(())
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        for column in COLUMNS {
            schema.drop_column(TABLE, column).await?;
        }
        Ok(())
    }
}
