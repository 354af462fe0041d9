//! The table `clients`.

mod authorization;
mod cache;
mod delete;
pub mod ended_epoch;
mod error;
mod insert;
mod model;
mod origin;
pub mod secret;
mod update;

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Func, Query};
use sea_orm::{Condition, QueryOrder, QuerySelect as _};

pub use cache::{ClientCache, Registration};
pub use delete::delete;
pub use error::ClientError;
pub use insert::{insert, register};
pub use model::{ActiveModel, Column, Entity, Model, PrimaryKey, Relation};
pub(in crate::store) use origin::KnownOrigins;
pub use origin::{any_has_origin, is_known_origin};
pub(in crate::store) use update::touch;
pub use update::{UpdatedClient, update};

use super::text_search::{contains, without_nul};
use super::{Store, Target, client_secret};
use crate::clock::micros;

/// The client with this id, disabled or not.
pub async fn find(store: &Store, id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(without_nul(id)).one(store.read()).await
}

/// The client with this id, disabled or not, and its secrets, expired or not; in one query.
pub async fn find_with_secrets(
    store: &Store,
    id: &str,
) -> Result<(Option<Model>, Vec<client_secret::Model>), DbErr> {
    let found = Entity::find_by_id(without_nul(id))
        .find_with_related(client_secret::Entity)
        .all(store.read())
        .await?;
    let found = found.into_iter().next();
    Ok(found.map_or_else(Default::default, |(client, own)| (Some(client), own)))
}

/// The same for client authentication. If no client has this id, the secrets are those of another client, which the
/// caller compares as well: an unknown client must take the time of a wrong secret, in the database too.
pub async fn find_to_authenticate(
    store: &Store,
    id: &str,
) -> Result<(Option<Model>, Vec<client_secret::Model>), DbErr> {
    let id = without_nul(id);
    let own = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Expr::col(Column::Id).eq(id.as_ref()))
        .take();
    let any = Query::select()
        .expr(Func::min(Expr::col(client_secret::Column::ClientId)))
        .from(client_secret::Entity)
        .take();
    let own_or_any = Func::coalesce([Expr::from(own), Expr::from(any)]);
    let found = Entity::find()
        .filter(Expr::col((Entity, Column::Id)).eq(own_or_any))
        .find_with_related(client_secret::Entity)
        .all(store.read())
        .await?;
    let Some((client, secrets)) = found.into_iter().next() else {
        return Ok(Default::default());
    };
    Ok(((client.id == id).then_some(client), secrets))
}

/// The client with this id, locked until the transaction ends.
pub(super) async fn lock(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<Model>, DbErr> {
    let found = Entity::find_by_id(without_nul(id)).lock_exclusive();
    found.one(connection).await
}

/// Locks a client until the transaction ends, and checks its revision.
async fn lock_target(
    connection: &impl ConnectionTrait,
    target: Target<&str>,
) -> Result<Model, ClientError> {
    let client = lock(connection, target.id).await?;
    let client = client.ok_or(ClientError::NotFound)?;
    if target.matches(client.revision) {
        Ok(client)
    } else {
        Err(ClientError::Stale)
    }
}

/// The clients to search for; a criterion that is `None` excludes none.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientFilter<'a> {
    /// A part of the id or the name, without regard to case.
    pub part: Option<&'a str>,
    /// Whether the client is disabled.
    pub disabled: Option<bool>,
}

/// The clients that match, by id, after the id `after`, at most `limit`.
pub async fn search(
    store: &Store,
    filter: ClientFilter<'_>,
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
    let matching = Condition::all()
        .add_option(filter.part.map(named))
        .add_option(filter.disabled.map(|disabled| {
            if disabled {
                Column::DisabledAt.is_not_null()
            } else {
                Column::DisabledAt.is_null()
            }
        }))
        .add_option(after.map(|after| Column::Id.gt(without_nul(after))));
    Entity::find()
        .filter(matching)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(store.read())
        .await
}

/// All clients, by id.
pub async fn list(store: &Store) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Id)
        .all(store.read())
        .await
}

/// The client with the longest access token lifetime of its own.
pub async fn longest_lived(store: &Store) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::AccessTokenLifetime.is_not_null())
        .order_by_desc(Column::AccessTokenLifetime)
        .one(store.read())
        .await
}

/// The longest access token lifetime that any client has of its own, in microseconds.
pub async fn longest_lifetime(store: &Store) -> Result<i64, DbErr> {
    Ok(longest_lived(store)
        .await?
        .and_then(|client| client.access_token_lifetime)
        .unwrap_or(micros(Duration::ZERO)))
}
