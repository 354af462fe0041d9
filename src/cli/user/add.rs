//! `jeton user add`.

use clap::Args;

use super::{hash_new_password, list, parse, parse_email, parse_name, parse_roles};
use crate::cli::{CommandError, input, operator, output};
use crate::password::check_stored;
use crate::server::AuthorizationServer;
use crate::store::user::{self, InsertError};

#[derive(Debug, Args)]
pub struct UserAdd {
    /// The username. Case is ignored.
    username: String,
    /// A role of the user; repeatable. `jeton:admin` gives access to the admin API.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The name shown to people.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The email address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Read a password hash instead of a password from standard input, to import users from another
    /// system: argon2, bcrypt, or scrypt and PBKDF2 as PHC strings.
    #[arg(long)]
    password_hash: bool,
}

impl UserAdd {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
        let username = parse(&self.username)?;
        let roles = parse_roles(&self.roles)?;
        let (name, email) = (parse_name(self.name)?, parse_email(self.email)?);
        let password_hash = if self.password_hash {
            let hash = input::line()?;
            check_stored(hash.expose()).map_err(CommandError::new)?;
            hash.expose().to_owned()
        } else {
            hash_new_password(server, &username).await?
        };
        let row = user::Model {
            roles,
            name,
            email,
            ..user::Model::new(username.as_str(), password_hash, server.clock.now())
        };
        match user::insert(&server.store, row.clone(), &operator(server)).await {
            Ok(()) if json => list::print([row], json),
            Ok(()) => output::line(&format!("user {username} added: {}", row.id)),
            Err(InsertError::Taken) => Err(CommandError::new(format!(
                "there is a user {username} already; nothing was changed"
            ))),
            Err(InsertError::Store(error)) => Err(error.into()),
        }
    }
}
