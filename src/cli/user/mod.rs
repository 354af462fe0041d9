//! `jeton user`: users.

mod add;
mod export;
mod format;
mod import;
mod list;

use clap::{Args, Subcommand};
use serde_json::json;

use self::add::UserAdd;
use self::export::UserExport;
pub use self::format::Format;
use self::import::UserImport;
pub use self::import::{Line, Records};
use self::list::UserList;
use super::{CommandError, input, operator, output};
use crate::api::admin::json;
use crate::api::admin::users::User;
use crate::display_name;
use crate::email;
use crate::password::Password;
use crate::roles;
use crate::server::AuthorizationServer;
use crate::sign_in;
use crate::store::user::{self, ADMIN_ROLE, Change, Changed, UserAttributes, ValueChange};
use crate::username::Username;

#[derive(Debug, Args)]
pub struct UserGroup {
    /// Print JSON: one object per line, as in the admin API.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user. The password is read from a prompt or from standard input.
    Add(UserAdd),
    /// List users.
    List(UserList),
    /// Show a user.
    Show {
        /// Username or id.
        user: String,
    },
    /// Change the username, roles, name or email address of a user.
    Update(UserUpdate),
    /// Set a new password and revoke all sessions of the user.
    Password {
        /// Username or id.
        user: String,
    },
    /// Forget the failed sign-ins of a user, so that the next one is not slowed.
    Unlock {
        /// Username or id.
        user: String,
    },
    /// Disable a user and revoke all their sessions.
    Disable {
        /// Username or id.
        user: String,
    },
    /// Enable a disabled user.
    Enable {
        /// Username or id.
        user: String,
    },
    /// Delete a user and all their sessions.
    Delete {
        /// Username or id.
        user: String,
    },
    /// Import users from another system, or update them: one JSON object or one row of CSV per user.
    Import(UserImport),
    /// Export all users as JSON lines or CSV, which can be imported again.
    Export(UserExport),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct UserFlags {
    /// The new username.
    #[arg(long, value_name = "USERNAME")]
    username: Option<String>,
    /// A role of the user; repeatable. Replaces all roles.
    #[arg(long = "role", value_name = "ROLE", conflicts_with = "no_roles")]
    roles: Vec<String>,
    /// Remove all roles.
    #[arg(long)]
    no_roles: bool,
    /// The name shown to people.
    #[arg(long, value_name = "NAME", conflicts_with = "no_name")]
    name: Option<String>,
    /// Remove the name.
    #[arg(long)]
    no_name: bool,
    /// The email address.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_email")]
    email: Option<String>,
    /// Remove the email address.
    #[arg(long)]
    no_email: bool,
}

#[derive(Debug, Args)]
struct UserUpdate {
    /// Username or id.
    user: String,
    #[command(flatten)]
    flags: UserFlags,
}

impl UserGroup {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), CommandError> {
        let json = self.json;
        let (user, change, what) = match self.command {
            UserCommand::Add(add) => return add.run(json, server).await,
            UserCommand::Import(import) => return import.run(json, server).await,
            UserCommand::Export(export) => return export.run(server).await,
            UserCommand::List(list) => return list.run(json, server).await,
            UserCommand::Show { user } => {
                let user = find(server, &user).await?;
                return list::print([user], json);
            }
            UserCommand::Update(update) => {
                let change = Change::Attributes(update.flags.parse()?);
                (find(server, &update.user).await?, change, "is updated")
            }
            UserCommand::Password { user } => {
                let user = find(server, &user).await?;
                let hash = hash_new_password(server, &parse(&user.username)?).await?;
                (user, Change::password(hash), "has a new password")
            }
            UserCommand::Unlock { user } => {
                let user = find(server, &user).await?;
                return unlock(user, server, json).await;
            }
            UserCommand::Disable { user } => {
                (find(server, &user).await?, Change::DISABLE, "is disabled")
            }
            UserCommand::Enable { user } => {
                let user = find(server, &user).await?;
                (user, Change::ENABLE, "is enabled")
            }
            UserCommand::Delete { user } => {
                (find(server, &user).await?, Change::Delete, "is deleted")
            }
        };
        let sets_password = matches!(change, Change::Password { .. });
        let changed = user::change(&server.store, user.id, change, &operator(server)).await?;
        if sets_password {
            sign_in::unlock(&changed.user, &operator(server), server).await?;
        }
        report(changed, what, json)
    }
}

impl UserFlags {
    fn parse(self) -> Result<UserAttributes, CommandError> {
        let name = self.username.as_deref().map(parse).transpose()?;
        let gives_roles = self.no_roles || !self.roles.is_empty();
        let roles = gives_roles.then(|| parse_roles(&self.roles)).transpose()?;
        Ok(UserAttributes {
            username: name.map(|name| name.as_str().to_owned()),
            roles,
            name: value_change(parse_name(self.name)?, self.no_name),
            email: value_change(parse_email(self.email)?, self.no_email),
            ..UserAttributes::NONE
        })
    }
}

fn value_change(new: Option<String>, is_removed: bool) -> ValueChange {
    match new {
        Some(value) => ValueChange::Set(value),
        None if is_removed => ValueChange::Remove,
        None => ValueChange::Keep,
    }
}

async fn unlock(
    user: user::Model,
    server: &AuthorizationServer,
    as_json: bool,
) -> Result<(), CommandError> {
    let unlocked = sign_in::unlock(&user, &operator(server), server).await?;
    if as_json {
        return output::json([json!({"user": json(&User::from(user)), "unlocked": unlocked})]);
    }
    let what = if unlocked {
        "is unlocked"
    } else {
        "had no failed sign-ins"
    };
    output::line(&format!("user {} {what}", user.username))
}

fn report(changed: Changed, what: &str, as_json: bool) -> Result<(), CommandError> {
    let Changed {
        user,
        sessions_ended,
        ..
    } = changed;
    if as_json {
        let user = json(&User::from(user));
        return output::json([json!({"user": user, "sessions_ended": sessions_ended})]);
    }
    output::line(&format!(
        "user {} {what}; sessions ended: {sessions_ended}",
        user.username
    ))
}

async fn hash_new_password(
    server: &AuthorizationServer,
    username: &Username,
) -> Result<String, CommandError> {
    let password = Password::new(input::new_password()?.expose());
    let (hasher, rules) = (&server.hasher, &server.password_rules);
    let outcome = hasher.hash_chosen(password, username, rules).await;
    outcome.map_err(|error| CommandError::new(format!("nothing was changed: {error}")))
}

/// The user with this name or id.
pub async fn find(server: &AuthorizationServer, user: &str) -> Result<user::Model, CommandError> {
    let by_id = match user.parse() {
        Ok(id) => user::find(&server.store, id).await?,
        Err(_) => None,
    };
    let by_name = match (&by_id, parse(user)) {
        (_, Ok(name)) => user::find_by_username(&server.store, name.as_str()).await?,
        (Some(_), Err(_)) => None,
        (None, Err(failure)) => return Err(failure),
    };
    // A user may choose the id of another user as a name.
    if let (Some(one), Some(other)) = (&by_id, &by_name)
        && one.id != other.id
    {
        return Err(CommandError::new(format!(
            "{user} is the id of the user {} and the name of the user {}; use the name of the first or the id \
             of the second",
            one.username, other.id
        )));
    }
    by_id
        .or(by_name)
        .ok_or_else(|| CommandError::new(format!("there is no user {user}; see `jeton user list`")))
}

fn parse(username: &str) -> Result<Username, CommandError> {
    Username::parse(username).map_err(|error| CommandError::new(error.to_string()))
}

fn parse_name(name: Option<String>) -> Result<Option<String>, CommandError> {
    if let Some(Err(error)) = name.as_deref().map(display_name::check) {
        return Err(CommandError::new(format!("--name {error}")));
    }
    Ok(name)
}

fn parse_email(email: Option<String>) -> Result<Option<String>, CommandError> {
    if let Some(Err(error)) = email.as_deref().map(email::check) {
        return Err(CommandError::new(format!("--email {error}")));
    }
    Ok(email)
}

fn parse_roles(roles: &[String]) -> Result<String, CommandError> {
    if roles.iter().any(|role| role == "admin") {
        output::warn(&format!(
            "admin is an ordinary role; {ADMIN_ROLE} gives access to the admin API"
        ));
    }
    roles::parse(roles)
        .map_err(|error| CommandError::new(format!("{error}; repeat --role for each")))
}
