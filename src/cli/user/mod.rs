//! `jeton user`: people who sign in.

mod add;
mod list;

use clap::{Args, Subcommand};
use serde_json::json;

use self::add::Add;
use self::list::List;
use super::{Failure, input, operator, output};
use crate::api::admin::json;
use crate::api::admin::users::User;
use crate::password::Password;
use crate::roles;
use crate::server::AuthorizationServer;
use crate::store::user::{self, Change, Changed, UserAttributes};
use crate::username::Username;

#[derive(Debug, Args)]
pub struct Group {
    /// Print JSON: one object a line, as the admin API gives it.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a user. The password is asked for, or read from standard input.
    Add(Add),
    /// List users.
    List(List),
    /// Show a user.
    Show {
        /// Whom: the name, or the id.
        user: String,
    },
    /// Give a user another name or other roles.
    Update(Update),
    /// Set a new password, and end all sessions of the user.
    Password {
        /// Whose: the name, or the id.
        user: String,
    },
    /// Let a user sign in no more, and end all their sessions.
    Disable {
        /// Whom: the name, or the id.
        user: String,
    },
    /// Let a disabled user sign in again.
    Enable {
        /// Whom: the name, or the id.
        user: String,
    },
    /// Delete a user, and end all their sessions.
    Delete {
        /// Whom: the name, or the id.
        user: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Names {
    /// Another name to sign in with.
    #[arg(long, value_name = "USERNAME")]
    username: Option<String>,
    /// A role that the user has from now on; may be given again. The roles that are not given are taken.
    #[arg(long = "role", value_name = "ROLE", conflicts_with = "no_roles")]
    roles: Vec<String>,
    /// Take all roles.
    #[arg(long)]
    no_roles: bool,
}

#[derive(Debug, Args)]
struct Update {
    /// Whom: the name, or the id.
    user: String,
    #[command(flatten)]
    names: Names,
}

impl Group {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let json = self.json;
        let (user, change, what) = match self.command {
            Command::Add(add) => return add.run(json, server).await,
            Command::List(list) => return list.run(json, server).await,
            Command::Show { user } => {
                let user = find(server, &user).await?;
                return list::print([user], json);
            }
            Command::Update(update) => {
                let change = Change::Attributes(update.names.parse()?);
                (find(server, &update.user).await?, change, "is changed")
            }
            Command::Password { user } => {
                let user = find(server, &user).await?;
                let hash = hash_new_password(server, &parse(&user.username)?).await?;
                (user, Change::password(hash), "has a new password")
            }
            Command::Disable { user } => {
                (find(server, &user).await?, Change::DISABLE, "is disabled")
            }
            Command::Enable { user } => {
                let user = find(server, &user).await?;
                (user, Change::ENABLE, "may sign in again")
            }
            Command::Delete { user } => (find(server, &user).await?, Change::Delete, "is deleted"),
        };
        let changed = user::change(&server.store, user.id, change, &operator(server)).await?;
        report(changed, what, json)
    }
}

impl Names {
    fn parse(self) -> Result<UserAttributes, Failure> {
        let name = self.username.as_deref().map(parse).transpose()?;
        let gives_roles = self.no_roles || !self.roles.is_empty();
        let roles = gives_roles.then(|| parse_roles(&self.roles)).transpose()?;
        Ok(UserAttributes {
            username: name.map(|name| name.as_str().to_owned()),
            roles,
            disabled: None,
        })
    }
}

fn report(changed: Changed, what: &str, as_json: bool) -> Result<(), Failure> {
    let Changed {
        user,
        sessions_ended,
    } = changed;
    if as_json {
        let user = json(&User::from(user));
        let object = json!({"user": user, "sessions_ended": sessions_ended});
        return output::line(&object.to_string());
    }
    output::line(&format!(
        "user {} {what}; sessions ended: {sessions_ended}",
        user.username
    ))
}

async fn hash_new_password(
    server: &AuthorizationServer,
    username: &Username,
) -> Result<String, Failure> {
    let password = Password::new(input::new_password()?.expose());
    let (hasher, rules) = (&server.hasher, &server.password_rules);
    let outcome = hasher.hash_chosen(password, username, rules).await;
    outcome.map_err(|error| Failure::new(format!("nothing was changed: {error}")))
}

/// The user with this name or id.
pub async fn find(server: &AuthorizationServer, user: &str) -> Result<user::Model, Failure> {
    let by_id = match user.parse() {
        Ok(id) => user::find(&server.store, id).await?,
        Err(_) => None,
    };
    let by_name = match (&by_id, parse(user)) {
        (_, Ok(name)) => user::find_by_username(&server.store, name.as_str()).await?,
        (Some(_), Err(_)) => None,
        (None, Err(failure)) => return Err(failure),
    };
    // People choose their names, and might choose that of another's id.
    if let (Some(one), Some(other)) = (&by_id, &by_name)
        && one.id != other.id
    {
        return Err(Failure::new(format!(
            "{user} is the id of the user {} and the name of the user {}; name the first by its name, \
             or the second by its id",
            one.username, other.id
        )));
    }
    by_id
        .or(by_name)
        .ok_or_else(|| Failure::new(format!("there is no user {user}; see `jeton user list`")))
}

fn parse(username: &str) -> Result<Username, Failure> {
    Username::parse(username).map_err(|error| Failure::new(error.to_string()))
}

fn parse_roles(roles: &[String]) -> Result<String, Failure> {
    roles::parse(roles)
        .map_err(|error| Failure::new(format!("{error}; give --role again for each")))
}
