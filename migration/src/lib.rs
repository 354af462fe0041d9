//! The schema of a Jeton store, as a history: one file per step. A step is never edited after its release.
//!
//! A step can be repeated, because a node may be killed while it runs it: see [`Schema`].
//!
//! Migrations use plain strings and never import the application. So an old step keeps its meaning when the
//! application changes.

mod column;
mod engine;
mod m20261128_000001_create_schema;
mod m20261128_000020_set_character_sets;
mod m20261128_000030_add_session_devices;
mod m20261128_000040_add_client_epochs;
mod m20261128_000041_rename_admin_role;
mod m20261128_000070_add_password_hash_index;
mod m20261128_000080_add_idle_lifetime;
mod m20261128_000090_add_authorization_settings;
mod m20261128_000091_add_user_profile;
mod m20261128_000092_add_browser_sessions;
mod m20261128_000093_add_consents;
mod m20261128_000094_add_root_secret_uses;
mod migrator;
mod schema;

pub use migrator::{down, steps, up};
pub use schema::Schema;

use migrator::Step;

/// The history, oldest step first.
static STEPS: &[&dyn Step] = &[
    &m20261128_000001_create_schema::CreateSchema,
    &m20261128_000020_set_character_sets::SetCharacterSets,
    &m20261128_000030_add_session_devices::AddSessionDevices,
    &m20261128_000040_add_client_epochs::AddClientEpochs,
    &m20261128_000041_rename_admin_role::RenameAdminRole,
    &m20261128_000070_add_password_hash_index::AddPasswordHashIndex,
    &m20261128_000080_add_idle_lifetime::AddIdleLifetime,
    &m20261128_000091_add_user_profile::AddUserProfile,
    &m20261128_000092_add_browser_sessions::AddBrowserSessions,
    &m20261128_000093_add_consents::AddConsents,
    &m20261128_000090_add_authorization_settings::AddAuthorizationSettings,
    &m20261128_000094_add_root_secret_uses::AddRootSecretUses,
];
