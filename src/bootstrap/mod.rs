//! From settings to a server that is ready: data directory, root secret, store, keys, first user.

mod error;

use std::path::Path;

use crate::audit::Cause;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use error::BootstrapError;

use crate::client::GrantType;
use crate::clock::{Clock, Timestamp};
use crate::config::{self, Settings};
use crate::database_url::DatabaseUrl;
use crate::key::SigningKeys;
use crate::maintenance;
use crate::password::{Busy, Cost, HashError, Password, PasswordHasher, Rules};
use crate::root_secret::RootSecrets;
use crate::secret::{Secret, random_bytes};
use crate::server::AuthorizationServer;
use crate::store::user::InsertError;
use crate::store::{Limits, Store, client, signing_key, user};
use crate::throttle::{Quota, SignInThrottle};
use crate::username::Username;
use crate::web_origin::is_loopback;

/// The user that the first start makes.
pub const ADMIN: &str = "admin";
/// The client that the first start makes.
pub const FIRST_PARTY: &str = "first-party";
/// The client of the example API, which the first start makes where people try things out.
pub const MY_INFO: &str = "my-info";

/// Opens a server: makes the data directory and the root secret if there are none, opens the store
/// and the signing keys, and makes the first key.
///
/// # Errors
///
/// [`BootstrapError`], which says what to do; nothing starts half.
pub async fn open(settings: Settings, clock: Clock) -> Result<AuthorizationServer, BootstrapError> {
    cost(&settings).check().map_err(BootstrapError::Cost)?;
    let found = find_root_secrets(&settings)?;
    let store = open_store(&settings).await?;
    let root_secrets = match found {
        Some(found) => found,
        None => create_root_secret(&settings.root_secret.file, &store).await?,
    };
    assemble(settings, store, root_secrets, clock).await
}

/// With the data directory, for the database or for the root secret alone; not before a server has answered,
/// or a wrong URL would leave one behind.
async fn open_store(settings: &Settings) -> Result<Store, BootstrapError> {
    match settings.database() {
        DatabaseUrl::Sqlite(path) => {
            create_directory(&settings.data_dir)?;
            let store = Store::open(&path).await?;
            Ok(store.with_rotation_durability(settings.database.rotation_durability))
        }
        DatabaseUrl::Server(url) => {
            let store = Store::connect(&url, limits(&settings.database)).await?;
            create_directory(&settings.data_dir)?;
            Ok(store.with_rotation_durability(settings.database.rotation_durability))
        }
    }
}

/// How much of a database server's time the settings allow.
#[must_use]
pub const fn limits(settings: &config::Database) -> Limits {
    Limits {
        connections: settings.connections,
        acquire_timeout: settings.acquire_timeout.0,
        statement_timeout: settings.statement_timeout.0,
    }
}

/// The root secrets that are there, read before anything is made.
fn find_root_secrets(settings: &Settings) -> Result<Option<RootSecrets>, BootstrapError> {
    let given = settings.root_secret.value.0.expose();
    if given.is_empty() {
        return Ok(RootSecrets::read(&settings.root_secret.file)?);
    }
    let parsed = RootSecrets::parse(given);
    parsed.map(Some).map_err(|error| {
        BootstrapError::RootSecret(format!(
            "root_secret.value (JETON_ROOT_SECRET__VALUE): {error}"
        ))
    })
}

/// A new root secret; not for a store that has keys, which it would not open.
async fn create_root_secret(file: &Path, store: &Store) -> Result<RootSecrets, BootstrapError> {
    let keys = signing_key::list(store).await?;
    // Another process may have started on the same directory meanwhile: its secret is older than
    // its key, so this order of looking finds both.
    if let Some(found) = RootSecrets::read(file)? {
        return Ok(found);
    }
    if let Some(key) = keys.first() {
        return Err(BootstrapError::RootSecret(format!(
            "there is no root secret at {}, but the database holds signing key {}, which was \
             sealed by one; put the file back, or set root_secret.file (JETON_ROOT_SECRET__FILE) \
             to where it is",
            file.display(),
            key.id
        )));
    }
    Ok(RootSecrets::open_or_create(file)?)
}

/// The cost of new password hashes.
#[must_use]
pub const fn cost(settings: &Settings) -> Cost {
    let password = &settings.password;
    Cost {
        memory_kib: password.memory_kib,
        iterations: password.iterations,
        parallelism: password.parallelism,
    }
}

/// Puts a server together from its parts, and opens or makes its signing keys.
///
/// # Errors
///
/// [`BootstrapError`] when the keys cannot be opened or the password threads not started.
pub async fn assemble(
    settings: Settings,
    store: Store,
    root_secrets: RootSecrets,
    clock: Clock,
) -> Result<AuthorizationServer, BootstrapError> {
    let password = &settings.password;
    let hasher = PasswordHasher::start(cost(&settings), password.threads, password.queue)
        .map_err(|error| BootstrapError::Threads(error.to_string()))?;
    let limits = &settings.sign_in;
    let throttle = SignInThrottle::new(
        Quota::new(limits.account_burst, limits.account_interval.0),
        Quota::new(limits.address_burst, limits.address_interval.0),
    );
    let password_rules = Rules::new(&settings.password, &settings.issuer);
    let server = AuthorizationServer {
        settings,
        store,
        keys: SigningKeys::default(),
        root_secrets,
        hasher,
        password_rules,
        throttle,
        clock,
    };
    maintenance::refresh_keys(&server).await?;
    Ok(server)
}

/// Makes the first user and the first clients of an empty store; returns the admin's password if it was made
/// up, to be shown once.
///
/// # Errors
///
/// [`BootstrapError`] when the store fails.
pub async fn populate(server: &AuthorizationServer) -> Result<Option<Secret>, BootstrapError> {
    add_clients(server).await?;
    if user::any(&server.store).await? {
        return Ok(None);
    }
    let given = &server.settings.bootstrap.admin_password.0;
    let made_up = given
        .expose()
        .is_empty()
        .then(|| Secret::new(URL_SAFE_NO_PAD.encode(random_bytes::<18>())));
    let hashed = match &made_up {
        Some(password) => server.hasher.hash(Password::new(password.expose())).await,
        None => hash_given(given, server).await,
    };
    let hash = hashed.map_err(|error| BootstrapError::Threads(error.to_string()))?;
    let admin = user::Model {
        roles: user::ADMIN_ROLE.to_owned(),
        ..user::Model::new(ADMIN, hash, server.clock.now())
    };
    let cause = Cause::system(server.clock.now());
    match user::insert(&server.store, admin, &cause).await {
        Ok(()) => Ok(made_up),
        // Another process starts on the same store, and was first.
        Err(InsertError::Taken) => Ok(None),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}

/// The hash of the first password, if somebody has chosen it. A weak one is told and taken: whoever sets
/// it has the machine and everything on it, and a start that is refused helps nobody to a better one.
async fn hash_given(password: &Secret, server: &AuthorizationServer) -> Result<String, Busy> {
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

async fn add_clients(server: &AuthorizationServer) -> Result<(), BootstrapError> {
    if user::any(&server.store).await? {
        return Ok(());
    }
    let now = server.clock.now();
    add_client(
        server,
        first_client(FIRST_PARTY, "First party", "account admin", now),
    )
    .await?;
    let settings = &server.settings;
    let api = settings.bootstrap.example_api.as_ref();
    // Elsewhere, a client that anybody knows from a manual has no business.
    if let Some(api) = api.filter(|_| is_loopback(&settings.issuer)) {
        let scope = "my-info:read my-info:write account";
        let my_info = client::Model {
            // The page asks for tokens for one of them: for the API, and to sign out everywhere, for us.
            audience: format!("{api} {}", settings.issuer),
            origins: api.to_string(),
            ..first_client(MY_INFO, "My info", scope, now)
        };
        add_client(server, my_info).await?;
    }
    Ok(())
}

async fn add_client(
    server: &AuthorizationServer,
    client: client::Model,
) -> Result<(), BootstrapError> {
    let cause = Cause::system(client.created_at);
    match client::insert(&server.store, client, None, &cause).await {
        // Another process starts on the same store, and was first.
        Ok(()) | Err(InsertError::Taken) => Ok(()),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}

/// A public client for both grants, with tokens for this server itself.
fn first_client(id: &str, name: &str, scope: &str, now: Timestamp) -> client::Model {
    client::Model {
        name: name.to_owned(),
        grant_types: [GrantType::Password, GrantType::RefreshToken]
            .map(GrantType::as_str)
            .join(" "),
        scope: scope.to_owned(),
        first_party: true,
        ..client::Model::new(id, now)
    }
}

/// Readable by its owner alone: it will hold password hashes and the root secret.
fn create_directory(path: &Path) -> Result<(), BootstrapError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|error| {
        BootstrapError::Directory(format!(
            "cannot make the data directory {}: {error}; create it, writable by this user, or set \
             data_dir (JETON_DATA_DIR) to another place",
            path.display()
        ))
    })
}
