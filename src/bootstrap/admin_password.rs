//! The configured password of the first user.

use super::{ADMIN, BootstrapError};
use crate::password::{Busy, HashError, Password, Verdict};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::user;
use crate::username::Username;

/// Logs that the configured password is not the one of the first user, since it applies to an empty database only.
pub(super) async fn report_without_effect(
    configured: &Secret,
    server: &AuthorizationServer,
) -> Result<(), BootstrapError> {
    if configured.expose().is_empty() {
        return Ok(());
    }
    let admin = user::find_by_username(&server.store, ADMIN).await?;
    let stored = admin.map(|admin| admin.password_hash);
    let password = Password::new(configured.expose());
    if let Ok(Verdict::Wrong) = server.hasher.verify(password, stored).await {
        tracing::warn!(
            "bootstrap.admin_password has no effect, because the database has users, and it is not the password \
             of {ADMIN}; change that with `jeton user password {ADMIN}`, or remove the setting"
        );
    }
    Ok(())
}

/// The hash of the configured password. A weak one is logged and accepted: the operator has full control of
/// the machine anyway.
pub(super) async fn hash(password: &Secret, server: &AuthorizationServer) -> Result<String, Busy> {
    let hasher = &server.hasher;
    let weakness = match Username::parse(ADMIN) {
        Ok(admin) => {
            let password = Password::new(password.expose());
            let rules = &server.password_rules;
            match hasher.hash_chosen(password, &admin, rules).await {
                Ok(hash) => return Ok(hash),
                Err(HashError::Busy(busy)) => return Err(busy),
                Err(HashError::Weak(weakness)) => weakness.to_string(),
            }
        }
        Err(error) => error.to_string(),
    };
    tracing::warn!(
        weakness,
        "bootstrap.admin_password is weak; set another with `jeton user password {ADMIN}`"
    );
    hasher.hash(Password::new(password.expose())).await
}
