//! `jeton user list` and `jeton user show`.

use clap::Args;

use crate::api::admin::json;
use crate::api::admin::users::User;
use crate::cli::{CommandError, MAX_LIMIT, output};
use crate::server::AuthorizationServer;
use crate::store::user::{self, Model, UserFilter};

#[derive(Debug, Args)]
pub struct UserList {
    /// Only users with this text in their names.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only users with this role.
    #[arg(long)]
    role: Option<String>,
    /// Only disabled users (true), or only enabled ones (false).
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// Only users after this name: the last of the previous page.
    #[arg(long, value_name = "USERNAME")]
    after: Option<String>,
    /// Maximum number of users.
    #[arg(long, default_value_t = MAX_LIMIT, value_parser = clap::value_parser!(u64).range(1..=MAX_LIMIT))]
    limit: u64,
}

impl UserList {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
        let filter = UserFilter {
            name_part: self.search.as_deref(),
            role: self.role.as_deref(),
            disabled: self.disabled,
        };
        let after = self.after.as_deref();
        print(
            user::search(&server.store, filter, after, self.limit).await?,
            json,
        )
    }
}

const COLUMNS: [&str; 7] = [
    "USERNAME", "ID", "STATE", "ROLES", "NAME", "EMAIL", "CREATED",
];

pub fn print(users: impl IntoIterator<Item = Model>, as_json: bool) -> Result<(), CommandError> {
    let users = users.into_iter();
    if as_json {
        return output::json(users.map(|user| json(&User::from(user))));
    }
    let rows = users.map(|user| {
        let state = if user.disabled_at.is_some() {
            "disabled"
        } else {
            "active"
        };
        vec![
            user.username,
            user.id.to_string(),
            state.to_owned(),
            user.roles,
            user.name.unwrap_or_default(),
            user.email.unwrap_or_default(),
            user.created_at.to_string(),
        ]
    });
    output::table(&COLUMNS, rows)
}
