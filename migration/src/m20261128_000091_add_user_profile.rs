//! The profile of a user: name, email address, and the time of the last change of these and the username.
//!
//! Null in users from before this step.

use async_trait::async_trait;
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::{big_integer_null, string_len_null};
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "users";
const NAME: &str = "name";
const EMAIL: &str = "email";
const UPDATED_AT: &str = "profile_updated_at";

pub(crate) struct AddUserProfile;

#[async_trait]
impl Step for AddUserProfile {
    fn name(&self) -> &'static str {
        "m20261128_000091_add_user_profile"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        schema.add_column(TABLE, string_len_null(NAME, 255)).await?;
        let email = string_len_null(EMAIL, 254);
        schema.add_column(TABLE, email).await?;
        schema.add_column(TABLE, big_integer_null(UPDATED_AT)).await
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        for column in [UPDATED_AT, EMAIL, NAME] {
            schema.drop_column(TABLE, column).await?;
        }
        Ok(())
    }
}
