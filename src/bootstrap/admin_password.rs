//! The configured password of the first user.

use super::{ADMIN, BootstrapError};
use crate::config::BootstrapSettings;
use crate::password::{Busy, HashError, Password, Verdict};
use crate::private_file;
use crate::secret::{Secret, without_line_ending};
use crate::server::AuthorizationServer;
use crate::store::user;
use crate::username::Username;

/// The configured password: of the setting, or of the file. `None` if neither is set.
pub(super) fn configured(settings: &BootstrapSettings) -> Result<Option<Secret>, BootstrapError> {
    let (password, file) = (&settings.admin_password.0, &settings.admin_password_file);
    if !password.expose().is_empty() {
        return Ok(Some(password.clone()));
    }
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let refused = |why| BootstrapError::AdminPasswordFile {
        path: file.clone(),
        why,
    };
    let text = private_file::read_secret(file).map_err(|error| refused(error.to_string()))?;
    match without_line_ending(text.expose()) {
        "" => Err(refused("is empty".to_owned())),
        password => Ok(Some(Secret::new(password.to_owned()))),
    }
}

/// Logs that the configured password is not the one of the first user, since it applies to an empty database only. The
/// file may have been deleted after the first start.
pub(super) async fn report_without_effect(
    settings: &BootstrapSettings,
    server: &AuthorizationServer,
) -> Result<(), BootstrapError> {
    let Ok(Some(configured)) = configured(settings) else {
        return Ok(());
    };
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
