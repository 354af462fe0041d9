//! Start of the server: data directory, root secret, store, signing keys, first user and clients.

mod admin_password;
mod error;
mod first_clients;

use std::path::Path;
use std::sync::atomic::AtomicBool;

pub use self::error::BootstrapError;
use crate::audit::Cause;
use crate::client::BROWSER;
use crate::clock::Clock;
use crate::config::{self, Settings, Span};
use crate::database_url::DatabaseUrl;
use crate::key::SigningKeys;
use crate::liveness::Liveness;
use crate::maintenance;
use crate::password::{Cost, Password, PasswordHasher, Rules};
use crate::root_secret::RootSecrets;
use crate::secret::{Secret, random_text};
use crate::server::AuthorizationServer;
use crate::store::client::ClientCache;
use crate::store::user::InsertError;
use crate::store::{Limits, Store, client, signing_key, user};
use crate::throttle::{Quota, SignInThrottle};

/// The user that the first start creates.
pub const ADMIN: &str = "admin";
/// The client that the first start creates.
pub const FIRST_PARTY: &str = "first-party";
/// The client of the example API. The first start creates it if the issuer is a loopback address.
pub const MY_INFO: &str = "my-info";
/// The path of the page to which the sign-in of Swagger UI returns, at the issuer and at the example API.
pub const SWAGGER_UI_REDIRECT: &str = "/docs/oauth2-redirect.html";

/// Opens the store and the signing keys. Creates the data directory, the root secret and the first key if
/// they are missing.
pub async fn open(settings: Settings, clock: Clock) -> Result<AuthorizationServer, BootstrapError> {
    cost(&settings).check().map_err(BootstrapError::Cost)?;
    let existing = read_root_secrets(&settings)?;
    let store = open_store(&settings).await?;
    let root_secrets = match existing {
        Some(root_secrets) => root_secrets,
        None => create_root_secret(&settings.root_secret.file, &store).await?,
    };
    maintenance::clock::compare_at_start(&store, &clock).await?;
    assemble(settings, store, root_secrets, clock).await
}

/// The configured root secrets, or those in the file. Nothing is created before they are read.
pub fn read_root_secrets(settings: &Settings) -> Result<Option<RootSecrets>, BootstrapError> {
    let value = settings.root_secret.value.0.expose();
    if value.is_empty() {
        return Ok(RootSecrets::read(&settings.root_secret.file)?);
    }
    let parsed = RootSecrets::parse(value);
    parsed.map(Some).map_err(BootstrapError::RootSecretValue)
}

/// Opens the database and creates the data directory. Connects to a database server first: a wrong URL
/// must not leave a directory behind.
pub async fn open_store(settings: &Settings) -> Result<Store, BootstrapError> {
    let store = match settings.database() {
        DatabaseUrl::Sqlite(path) => {
            create_directory(&settings.data_dir)?;
            Store::open(&path).await?
        }
        DatabaseUrl::Server(url) => {
            let store = Store::connect(&url, limits(&settings.database)).await?;
            create_directory(&settings.data_dir)?;
            store
        }
    };
    Ok(store.with_rotation_durability(settings.database.rotation_durability))
}

/// Creates a directory that only its owner can read: it contains password hashes and the root secret.
pub fn create_directory(path: &Path) -> Result<(), BootstrapError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    let created = builder.create(path);
    created.map_err(|error| BootstrapError::DataDirectory {
        path: path.to_owned(),
        error,
    })
}

/// The configured limits of the connections to a database server.
pub const fn limits(settings: &config::DatabaseSettings) -> Limits {
    Limits {
        connections: settings.connections,
        acquire_timeout: settings.acquire_timeout.0,
        statement_timeout: settings.statement_timeout.0,
    }
}

/// Creates a root secret, unless the store has keys: a new secret could not open them.
async fn create_root_secret(file: &Path, store: &Store) -> Result<RootSecrets, BootstrapError> {
    let keys = signing_key::list(store).await?;
    // Another process may start in the same directory. It creates its secret before its key, so reading
    // the keys first finds both.
    if let Some(root_secrets) = RootSecrets::read(file)? {
        return Ok(root_secrets);
    }
    match keys.first() {
        Some(key) => Err(BootstrapError::RootSecretMissing {
            path: file.to_owned(),
            kid: key.id.clone(),
        }),
        None => Ok(RootSecrets::open_or_create(file)?),
    }
}

/// The configured cost of new password hashes.
pub const fn cost(settings: &Settings) -> Cost {
    let password = &settings.password;
    Cost {
        memory_kib: password.memory_kib,
        iterations: password.iterations,
        parallelism: password.parallelism,
    }
}

/// Assembles a server from its parts and loads its signing keys.
pub async fn assemble(
    settings: Settings,
    store: Store,
    root_secrets: RootSecrets,
    clock: Clock,
) -> Result<AuthorizationServer, BootstrapError> {
    let password = &settings.password;
    let hasher = PasswordHasher::start(cost(&settings), password.threads, password.queue)
        .map_err(|error| BootstrapError::Hashing(error.to_string()))?;
    let limits = &settings.sign_in;
    let throttle = SignInThrottle::new(
        Quota::new(limits.account_burst, limits.account_interval.0),
        Quota::new(limits.address_burst, limits.address_interval.0),
    );
    let password_rules = Rules::new(&settings.password, &settings.issuer);
    let store = store.with_session_retention(settings.session.retention.0);
    let server = AuthorizationServer {
        settings,
        store,
        clients: ClientCache::default(),
        keys: SigningKeys::default(),
        root_secrets,
        hasher,
        password_rules,
        throttle,
        liveness: Liveness::default(),
        is_stopping: AtomicBool::new(false),
        clock,
    };
    maintenance::refresh_keys(&server).await?;
    add_browser_client(&server).await?;
    Ok(server)
}

/// Registers the client of browser sessions, also in a store that was created before there was one.
async fn add_browser_client(server: &AuthorizationServer) -> Result<(), BootstrapError> {
    if client::find(&server.store, BROWSER).await?.is_some() {
        return Ok(());
    }
    let browser = client::Model {
        name: "Browser".to_owned(),
        first_party: true,
        ..client::Model::new(BROWSER, server.clock.now())
    };
    add_client(server, browser).await
}

/// Refuses to serve while a client's access tokens may outlive the rows of its ended sessions. Commands run, so that the
/// client can be changed.
pub async fn check_retention(server: &AuthorizationServer) -> Result<(), BootstrapError> {
    let retention = server.settings.session.retention.0;
    let client = client::longest_lived(&server.store).await?;
    let too_long = client
        .filter(|client| crate::client::check_retention(&client.settings(), retention).is_some());
    match too_long {
        None => Ok(()),
        Some(client) => Err(BootstrapError::Retention {
            lifetime: Span(client.policy(&server.settings).access_token_lifetime),
            client_id: client.id,
            retention: Span(retention),
        }),
    }
}

/// Creates the first user and the first clients of an empty store. Returns the admin's password if it was
/// generated; it is shown once.
pub async fn populate(server: &AuthorizationServer) -> Result<Option<Secret>, BootstrapError> {
    first_clients::add(server).await?;
    let settings = &server.settings.bootstrap;
    if user::any(&server.store).await? {
        admin_password::report_without_effect(settings, server).await?;
        return Ok(None);
    }
    let configured = admin_password::configured(settings)?;
    let (hashed, generated) = if let Some(password) = configured {
        (admin_password::hash(&password, server).await, None)
    } else {
        let password = random_text();
        let hashed = server.hasher.hash(Password::new(password.expose())).await;
        (hashed, Some(password))
    };
    let hash = hashed.map_err(|error| BootstrapError::Hashing(error.to_string()))?;
    let admin = user::Model {
        roles: user::ADMIN_ROLE.to_owned(),
        ..user::Model::new(ADMIN, hash, server.clock.now())
    };
    let cause = Cause::system(server.clock.now());
    match user::insert(&server.store, admin, &cause).await {
        Ok(()) => Ok(generated),
        // Another process started on the same store earlier.
        Err(InsertError::Taken) => Ok(None),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}

async fn add_client(
    server: &AuthorizationServer,
    client: client::Model,
) -> Result<(), BootstrapError> {
    let cause = Cause::system(client.created_at);
    match client::insert(&server.store, client, None, &cause).await {
        // Another process started on the same store earlier.
        Ok(()) | Err(InsertError::Taken) => Ok(()),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}
