//! The table `consents`: the scopes that users have allowed clients of third parties.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict, Query, SelectStatement};
use sea_orm::{IntoActiveModel as _, QueryOrder as _, QuerySelect as _};

use super::session::{self, Ending};
use super::text_search::{has_word, without_nul};
use super::writer::Durability;
use super::{Store, client};
use crate::audit::{Action, Cause, Event};
use crate::clock::Timestamp;
use crate::scope::Scope;

/// The consent of a user for a client.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
pub struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The client.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// The allowed scopes, separated by spaces.
    pub scope: String,
    /// The time of the last consent.
    pub granted_at: Timestamp,
}

/// None: queries write their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The allowed scope.
    pub fn scope(&self) -> Scope {
        Scope::from_stored(&self.scope)
    }
}

/// The consent of a user for a client.
pub async fn find(store: &Store, user_id: Uuid, client_id: &str) -> Result<Option<Model>, DbErr> {
    let key = (user_id, without_nul(client_id).into_owned());
    Entity::find_by_id(key).one(store.read()).await
}

/// The consents of a user, by client.
pub async fn list(store: &Store, user_id: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::UserId.eq(user_id))
        .order_by_asc(Column::ClientId)
        .all(store.read())
        .await
}

/// Adds the scope to what the user has allowed the client. `false` if the client was deleted meanwhile.
pub async fn give(
    store: &Store,
    user_id: Uuid,
    client_id: &str,
    scope: &Scope,
    cause: &Cause,
) -> Result<bool, DbErr> {
    let given = store.transaction(Durability::Durable, |tx| async move {
        // A later client of the same id must not have the consent.
        if client::lock(&tx, client_id).await?.is_none() {
            return Ok(false);
        }
        let key = (user_id, client_id.to_owned());
        let before = Entity::find_by_id(key).lock_exclusive().one(&tx).await?;
        let before = before.map(|row| row.scope()).unwrap_or_default();
        let row = Model {
            user_id,
            client_id: client_id.to_owned(),
            scope: before.joined_with(scope).to_string(),
            granted_at: cause.at,
        };
        let update = OnConflict::columns([Column::UserId, Column::ClientId])
            .update_columns([Column::Scope, Column::GrantedAt])
            .to_owned();
        Entity::insert(row.into_active_model())
            .on_conflict(update)
            .exec_without_returning(&tx)
            .await?;
        let event = Event::new(Action::ConsentGiven, cause)
            .user(user_id)
            .client(client_id)
            .with("scope", scope.to_string());
        tx.record(event).await?;
        Ok(true)
    });
    given.await
}

/// Withdraws the consent of a user for a client and revokes the sessions there. `None` if there is no consent; else the
/// number of sessions.
pub async fn withdraw(
    store: &Store,
    user_id: Uuid,
    client_id: &str,
    cause: &Cause,
) -> Result<Option<u64>, DbErr> {
    let withdrawn = store.transaction(Durability::Durable, |tx| async move {
        let key = (user_id, without_nul(client_id).into_owned());
        // It waits for redemptions of codes, whose sessions the next statement then finds.
        if Entity::delete_by_id(key).exec(&tx).await?.rows_affected == 0 {
            return Ok(None);
        }
        let reason = Ending::ConsentWithdrawn;
        let ended = session::revoke_at_client(&tx, user_id, client_id, reason, cause.at).await?;
        let event = Event::new(Action::ConsentWithdrawn, cause)
            .user(user_id)
            .client(client_id)
            .with("sessions_ended", ended);
        tx.record(event).await?;
        Ok(Some(ended))
    });
    withdrawn.await
}

/// Deletes the consents of a user, who is deleted.
pub(super) async fn delete_of_user(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
) -> Result<(), DbErr> {
    let deleted = Entity::delete_many().filter(Column::UserId.eq(user_id));
    deleted.exec(connection).await.map(drop)
}

/// Deletes the consents for a client, which is deleted.
pub(super) async fn delete_of_client(
    connection: &impl ConnectionTrait,
    client_id: &str,
) -> Result<(), DbErr> {
    let deleted = Entity::delete_many().filter(Column::ClientId.eq(client_id));
    deleted.exec(connection).await.map(drop)
}

/// A query that finds the consent of a user for a client if it covers the scope, values separated by spaces, and
/// locks it, so that a withdrawal waits.
pub(super) fn covering(user_id: Uuid, client_id: &str, scope: &str) -> SelectStatement {
    let mut query = Query::select();
    query
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::UserId)).eq(user_id))
        .and_where(Expr::col((Entity, Column::ClientId)).eq(client_id))
        .lock_shared();
    for value in scope.split_whitespace() {
        query.and_where(has_word(Expr::col((Entity, Column::Scope)), value));
    }
    query
}
