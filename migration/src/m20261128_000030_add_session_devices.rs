//! The device of a session, and the setting `retry_device` of a client.
//!
//! The digests of a session from before this step are null until its next refresh.

use async_trait::async_trait;
use sea_orm::sea_query::ColumnDef;
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::{binary_len_null, boolean, string_len_null};
use crate::migrator::Step;
use crate::schema::Schema;

const COLUMNS: [(&str, &str); 4] = [
    ("sessions", "device_digest"),
    ("sessions", "user_agent_digest"),
    ("sessions", "repeated_elsewhere"),
    ("clients", "retry_device"),
];

pub(crate) struct AddSessionDevices;

/// `device_digest` is a MAC of the `User-Agent` and network to which the current generation was last written;
/// `user_agent_digest` of the `User-Agent` alone. `repeated_elsewhere`: another `User-Agent` has received a
/// repeated response.
fn columns() -> [(&'static str, ColumnDef); 4] {
    let [
        (sessions, device),
        (_, user_agent),
        (_, repeated),
        (clients, setting),
    ] = COLUMNS;
    [
        (sessions, binary_len_null(device, 16)),
        (sessions, binary_len_null(user_agent, 16)),
        (sessions, boolean(repeated).default(false).take()),
        (clients, string_len_null(setting, 16)),
    ]
}

#[async_trait]
impl Step for AddSessionDevices {
    fn name(&self) -> &'static str {
        "m20261128_000030_add_session_devices"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        for (table, column) in columns() {
            schema.add_column(table, column).await?;
        }
        Ok(())
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        for (table, column) in COLUMNS {
            schema.drop_column(table, column).await?;
        }
        Ok(())
    }
}
