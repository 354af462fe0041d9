//! The role of this server's administrators, `jeton:admin`, which was `admin`.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, FunctionCall, Query, UpdateStatement};
use sea_orm::{ConnectionTrait as _, DatabaseExecutor, DbErr};

use crate::migrator::Step;

pub(crate) struct RenameAdminRole;

#[async_trait]
impl Step for RenameAdminRole {
    fn name(&self) -> &'static str {
        "m20261128_000041_rename_admin_role"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let rename = rename(" admin ", " jeton:admin ");
        database.execute(&rename).await.map(drop)
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let rename = rename(" jeton:admin ", " admin ");
        database.execute(&rename).await.map(drop)
    }
}

/// Renames a role, which stands between spaces. The second time, no row has it. `replace` respects case on every
/// engine, unlike LIKE.
fn rename(from: &'static str, to: &'static str) -> UpdateStatement {
    let spaced = || Func::cust("concat").args([" ".into(), Expr::col("roles"), " ".into()]);
    let replaced = |to: &'static str| -> FunctionCall {
        Func::cust("replace").args([spaced().into(), from.into(), to.into()])
    };
    Query::update()
        .table("users")
        .value("roles", Func::cust("trim").arg(replaced(to)))
        .value("revision", Expr::col("revision").add(1))
        .and_where(Expr::from(replaced("")).ne(spaced()))
        .take()
}
