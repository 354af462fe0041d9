//! The table `clients`: applications that ask for tokens.

mod change;
mod choice;
mod description;
mod insert;
mod policy;
mod remove;

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Func, IntoCondition as _};
use sea_orm::{Condition, QueryOrder, QuerySelect as _};

pub use change::{ChangeError, Changed, Whom, disable, enable, update};
pub(in crate::store) use change::{lock_as_of, touch};
pub use choice::{AccessTokenFormat, AccessTokenType, RefreshTokenRotation};
pub use insert::insert;
pub use policy::Policy;
pub use remove::{delete, remove};

use super::text_search::{contains, sought};
use super::{Store, client_secret, or_issuer};
use crate::clock::{Timestamp, micros};
use crate::scope::{OWN_DOORS, Scope};

/// The grant that shows a person's password to the client.
const PASSWORD_GRANT: &str = "password";

/// An application that asks for tokens. Lifetimes and windows are in microseconds; what is `None`
/// follows the settings.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    /// The `client_id`; never the form of a user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// For people who read a list of sessions.
    pub name: String,
    /// Separated by spaces.
    pub grant_types: String,
    /// What its tokens may allow, and what they do when the request names no scope.
    pub scope: String,
    /// Whom its tokens are for, separated by spaces; empty: the issuer itself.
    pub audience: String,
    /// How long an access token lives.
    pub access_token_lifetime: Option<i64>,
    /// How long a session lives at most.
    pub session_lifetime: Option<i64>,
    /// How long a session lives without being refreshed.
    pub session_idle_lifetime: Option<i64>,
    /// How long the same refresh token gets the same answer.
    pub retry_window: Option<i64>,
    /// `once` or `never`.
    pub late_retry: Option<String>,
    /// How many generations lie between two late retries that are forgiven.
    pub late_retry_spacing: Option<i64>,
    /// What its access tokens look like: `jwt` or `opaque`; `None`: `jwt`.
    pub access_token_format: Option<String>,
    /// The `typ` of its JWTs: `at+jwt` or `JWT`; `None`: what the settings say for the audience.
    pub access_token_type: Option<String>,
    /// Whether a refresh replaces the refresh token: `always` or `never`; `None`: `always`.
    pub rotation: Option<String>,
    /// Whether it is as much the operator's own as this server is.
    pub first_party: bool,
    /// Whether it proves itself by a secret, see [`client_secret`]; a public client names itself.
    pub confidential: bool,
    /// When the client was made.
    pub created_at: Timestamp,
    /// Since when the client gets no tokens.
    pub disabled_at: Option<Timestamp>,
    /// How often it was changed, or what belongs to it.
    pub revision: i64,
}

/// Its secrets know whose they are.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl Related<client_secret::Entity> for Entity {
    /// For confidential clients alone: to look for the secrets of others costs nothing.
    fn to() -> RelationDef {
        let relation = client_secret::Relation::Client.def().rev();
        relation.on_condition(|client, _| {
            let confidential = Expr::col((client, Column::Confidential));
            confidential.eq(true).into_condition()
        })
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// What is enough to know it by, in a log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// A public client that may do nothing, and whose every setting follows the server's.
    #[must_use]
    pub fn new(id: &str, created_at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            grant_types: String::new(),
            scope: String::new(),
            audience: String::new(),
            access_token_lifetime: None,
            session_lifetime: None,
            session_idle_lifetime: None,
            retry_window: None,
            late_retry: None,
            late_retry_spacing: None,
            access_token_format: None,
            access_token_type: None,
            rotation: None,
            first_party: false,
            confidential: false,
            created_at,
            disabled_at: None,
            revision: 0,
        }
    }

    /// What its tokens may allow. Of a client that is not first-party, no token opens this server's own
    /// doors, whatever its row says.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let registered = Scope::from_stored(&self.scope);
        if self.first_party {
            registered
        } else {
            registered.without(&OWN_DOORS)
        }
    }

    /// Whom its tokens may be for; `issuer` when nothing else is registered.
    #[must_use]
    pub fn audience(&self, issuer: &str) -> Vec<String> {
        or_issuer(&self.audience, issuer)
    }

    /// Whom its tokens are registered to be for; empty: nothing was registered.
    #[must_use]
    pub fn registered_audience(&self) -> Vec<&str> {
        self.audience.split_whitespace().collect()
    }

    /// Whether it may use a grant type. One that is not first-party never has the password grant, whatever
    /// its row says: it "insecurely exposes the credentials of the resource owner to the client", RFC 9700
    /// §2.4.
    #[must_use]
    pub fn allows(&self, grant_type: &str) -> bool {
        let mut registered = self.grant_types.split_whitespace();
        registered.any(|own| own == grant_type)
            && (self.first_party || grant_type != PASSWORD_GRANT)
    }
}

/// The client with this id, disabled or not.
///
/// # Errors
///
/// What the database says.
pub async fn find(store: &Store, id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(sought(id)).one(store.read()).await
}

/// The client with this id, disabled or not, and its secrets, expired or not; in one query.
///
/// # Errors
///
/// What the database says.
pub async fn find_with_secrets(
    store: &Store,
    id: &str,
) -> Result<(Option<Model>, Vec<client_secret::Model>), DbErr> {
    let found = Entity::find_by_id(sought(id))
        .find_with_related(client_secret::Entity)
        .all(store.read())
        .await?;
    let found = found.into_iter().next();
    Ok(found.map_or_else(Default::default, |(client, own)| (Some(client), own)))
}

/// The client with this id, which nobody else changes until the transaction ends.
pub(super) async fn lock(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<Model>, DbErr> {
    let found = Entity::find_by_id(sought(id)).lock_exclusive();
    found.one(connection).await
}

/// Which clients are searched for; what is `None` may be any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Those with this in their ids or names, upper and lower case alike.
    pub part: Option<&'a str>,
    /// Those that are disabled, or those that are not.
    pub disabled: Option<bool>,
}

/// The clients that pass the filter, by id, from the one that follows the id `after` on, at most
/// `limit`.
///
/// # Errors
///
/// What the database says.
pub async fn search(
    store: &Store,
    filter: Filter<'_>,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let named = |part: &str| {
        let part = part.to_lowercase();
        let lower = |column: Column| Expr::expr(Func::lower(Expr::col(column)));
        Condition::any()
            .add(contains(lower(Column::Id), &part))
            .add(contains(lower(Column::Name), &part))
    };
    let passing = Condition::all()
        .add_option(filter.part.map(named))
        .add_option(filter.disabled.map(|disabled| {
            if disabled {
                Column::DisabledAt.is_not_null()
            } else {
                Column::DisabledAt.is_null()
            }
        }))
        .add_option(after.map(|after| Column::Id.gt(sought(after))));
    Entity::find()
        .filter(passing)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(store.read())
        .await
}

/// All clients, by id.
///
/// # Errors
///
/// What the database says.
pub async fn list(store: &Store) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Id)
        .all(store.read())
        .await
}

/// The longest life of an access token that any client asks for itself, in microseconds.
///
/// # Errors
///
/// What the database says.
pub async fn longest_lifetime(store: &Store) -> Result<i64, DbErr> {
    let longest = Entity::find()
        .filter(Column::AccessTokenLifetime.is_not_null())
        .order_by_desc(Column::AccessTokenLifetime)
        .one(store.read())
        .await?;
    Ok(longest
        .and_then(|client| client.access_token_lifetime)
        .unwrap_or(micros(Duration::ZERO)))
}
