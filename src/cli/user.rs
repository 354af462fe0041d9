//! `jeton user`: people who sign in.

use clap::Subcommand;

use super::{Failure, input, operator, output};
use crate::password::{Password, check_stored};
use crate::secret::random_bytes;
use crate::server::AuthorizationServer;
use crate::store::user::{self, Change, Filter, InsertError};
use crate::username::Username;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user. The password is asked for, or read from standard input.
    Add {
        /// The name to sign in with. Upper and lower case are the same.
        username: String,
        /// A role that the user's tokens name; may be given again.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Read a hash instead of the password from standard input, to bring users along from
        /// another system: argon2, bcrypt, or scrypt and PBKDF2 as PHC strings.
        #[arg(long)]
        password_hash: bool,
    },
    /// List users.
    List,
    /// Set a new password, and end all sessions of the user.
    Password {
        /// Whose.
        username: String,
    },
    /// Let a user sign in no more, and end all their sessions.
    Disable {
        /// Whom.
        username: String,
    },
    /// Let a disabled user sign in again.
    Enable {
        /// Whom.
        username: String,
    },
    /// Delete a user, and end all their sessions.
    Delete {
        /// Whom.
        username: String,
    },
}

impl Command {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        match self {
            Self::Add {
                username,
                roles,
                password_hash,
            } => add(server, &username, &roles, password_hash).await,
            Self::List => list(server).await,
            Self::Password { username } => {
                let user = find(server, &username).await?;
                let hash = hash_new_password(server, &parse(&user.username)?).await?;
                change(server, &user, Change::Password(hash), "has a new password").await
            }
            Self::Disable { username } => {
                let user = find(server, &username).await?;
                change(server, &user, Change::DISABLE, "is disabled").await
            }
            Self::Enable { username } => {
                let user = find(server, &username).await?;
                let cause = operator(server);
                user::change(&server.store, user.id, Change::ENABLE, &cause).await?;
                output::line(&format!("user {} may sign in again", user.username))
            }
            Self::Delete { username } => {
                let user = find(server, &username).await?;
                change(server, &user, Change::Delete, "is deleted").await
            }
        }
    }
}

async fn add(
    server: &AuthorizationServer,
    username: &str,
    roles: &[String],
    is_hash: bool,
) -> Result<(), Failure> {
    let username = parse(username)?;
    if roles
        .iter()
        .any(|role| role.is_empty() || role.contains(char::is_whitespace))
    {
        return Err(Failure::new(
            "a role is one word; give --role again for each",
        ));
    }
    let password_hash = if is_hash {
        let hash = input::line()?;
        check_stored(hash.expose()).map_err(Failure::new)?;
        hash.expose().to_owned()
    } else {
        hash_new_password(server, &username).await?
    };
    let row = user::Model {
        id: uuid::Builder::from_random_bytes(random_bytes()).into_uuid(),
        username: username.as_str().to_owned(),
        password_hash,
        roles: roles.join(" "),
        session_epoch: 0,
        created_at: server.clock.now(),
        disabled_at: None,
        revision: 0,
    };
    let id = row.id;
    match user::insert(&server.store, row, &operator(server)).await {
        Ok(()) => output::line(&format!("user {username} added: {id}")),
        Err(InsertError::Taken) => Err(Failure::new(format!(
            "there is a user {username} already; nothing was changed"
        ))),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}

async fn list(server: &AuthorizationServer) -> Result<(), Failure> {
    let users = user::search(
        &server.store,
        Filter::default(),
        None,
        i64::MAX.unsigned_abs(),
    )
    .await?;
    let rows = users.into_iter().map(|user| {
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

async fn change(
    server: &AuthorizationServer,
    user: &user::Model,
    change: Change,
    what: &str,
) -> Result<(), Failure> {
    let changed = user::change(&server.store, user.id, change, &operator(server)).await?;
    output::line(&format!(
        "user {} {what}; sessions ended: {}",
        user.username, changed.sessions_ended
    ))
}

/// The hash of a password that the operator chooses, by the rules that hold for everyone: who wants an
/// exception names it, as a setting for this one command.
async fn hash_new_password(
    server: &AuthorizationServer,
    username: &Username,
) -> Result<String, Failure> {
    let password = Password::new(input::new_password()?.expose());
    let (hasher, rules) = (&server.hasher, &server.password_rules);
    let outcome = hasher.hash_chosen(password, username, rules).await;
    outcome.map_err(|error| Failure::new(format!("nothing was changed: {error}")))
}

/// The user with this name.
pub async fn find(server: &AuthorizationServer, username: &str) -> Result<user::Model, Failure> {
    let name = parse(username)?;
    let found = user::find_by_username(&server.store, name.as_str()).await?;
    found.ok_or_else(|| Failure::new(format!("there is no user {name}; see `jeton user list`")))
}

fn parse(username: &str) -> Result<Username, Failure> {
    Username::parse(username).map_err(|error| Failure::new(error.to_string()))
}
