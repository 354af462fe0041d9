//! `jeton user list` and `jeton user show`.

use clap::Args;

use crate::api::admin::json;
use crate::api::admin::users::User;
use crate::cli::{Failure, MOST, output};
use crate::server::AuthorizationServer;
use crate::store::user::{self, Model, UserFilter};

#[derive(Debug, Args)]
pub struct List {
    /// Only those with this in their names.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those with this role.
    #[arg(long)]
    role: Option<String>,
    /// Only those who are disabled, or only those who are not.
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// Only those who come after this name: the last of the page before.
    #[arg(long, value_name = "USERNAME")]
    after: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = MOST, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    limit: u64,
}

impl List {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), Failure> {
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

pub fn print(users: impl IntoIterator<Item = Model>, as_json: bool) -> Result<(), Failure> {
    let mut users = users.into_iter();
    if as_json {
        return users.try_for_each(|user| output::line(&json(&User::from(user)).to_string()));
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
            user.created_at.to_string(),
        ]
    });
    output::table(&["USERNAME", "ID", "STATE", "ROLES", "CREATED"], rows)
}
