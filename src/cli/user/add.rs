//! `jeton user add`.

use clap::Args;

use super::{hash_new_password, list, parse, parse_roles};
use crate::cli::{Failure, input, operator, output};
use crate::password::check_stored;
use crate::server::AuthorizationServer;
use crate::store::user::{self, InsertError};

#[derive(Debug, Args)]
pub struct Add {
    /// The name to sign in with. Upper and lower case are the same.
    username: String,
    /// A role that the user's tokens name; may be given again. `admin` opens the admin API.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Read a hash instead of the password from standard input, to bring users along from
    /// another system: argon2, bcrypt, or scrypt and PBKDF2 as PHC strings.
    #[arg(long)]
    password_hash: bool,
}

impl Add {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), Failure> {
        let username = parse(&self.username)?;
        let roles = parse_roles(&self.roles)?;
        let password_hash = if self.password_hash {
            let hash = input::line()?;
            check_stored(hash.expose()).map_err(Failure::new)?;
            hash.expose().to_owned()
        } else {
            hash_new_password(server, &username).await?
        };
        let row = user::Model {
            roles,
            ..user::Model::new(username.as_str(), password_hash, server.clock.now())
        };
        match user::insert(&server.store, row.clone(), &operator(server)).await {
            Ok(()) if json => list::print([row], json),
            Ok(()) => output::line(&format!("user {username} added: {}", row.id)),
            Err(InsertError::Taken) => Err(Failure::new(format!(
                "there is a user {username} already; nothing was changed"
            ))),
            Err(InsertError::Store(error)) => Err(error.into()),
        }
    }
}
