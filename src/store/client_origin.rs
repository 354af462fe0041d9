//! The table `client_origins`: whose pages may read what a client is answered.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use super::again::again;
use super::together::Together;
use super::{Store, client};
use crate::audit::{Action, Cause, Event};
use crate::web_origin::WebOrigin;

/// An origin that is registered with a client.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_origins")]
pub struct Model {
    /// The client.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// In the form of [`WebOrigin`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
}

/// An origin is of use while its client lives.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Whose origin it is.
    #[sea_orm(
        belongs_to = "client::Entity",
        from = "Column::ClientId",
        to = "client::Column::Id"
    )]
    Client,
}

impl Related<client::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Client.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Registers origins with a client; those that are registered already stay so. A client that there
/// is not gets none.
///
/// # Errors
///
/// What the database says.
pub async fn add(
    store: &Store,
    client_id: &str,
    origins: &[WebOrigin],
    cause: &Cause,
) -> Result<(), DbErr> {
    change(store, client_id, (origins, &[]), cause).await
}

/// Registers the origins `added` with a client, as [`add`] does, and removes others; all of it, or
/// nothing.
///
/// # Errors
///
/// What the database says.
pub async fn change(
    store: &Store,
    client_id: &str,
    (added, removed): (&[WebOrigin], &[WebOrigin]),
    cause: &Cause,
) -> Result<(), DbErr> {
    again(|| try_change(store, client_id, (added, removed), cause)).await
}

async fn try_change(
    store: &Store,
    client_id: &str,
    (added, removed): (&[WebOrigin], &[WebOrigin]),
    cause: &Cause,
) -> Result<(), DbErr> {
    let mut together = store.change_durably().await?;
    // Not beside a deletion of the client, or a later client of the same id would find the origins.
    if client::lock(together.connection(), client_id)
        .await?
        .is_none()
    {
        return Ok(());
    }
    record_change(&mut together, client_id, (added, removed), cause).await?;
    together.commit().await
}

/// Registers these origins with a client, and no others.
///
/// # Errors
///
/// [`client::ChangeError`]; then nothing was changed.
pub async fn replace(
    store: &Store,
    whom: impl Into<client::Whom<'_>>,
    origins: &[WebOrigin],
    cause: &Cause,
) -> Result<(), client::ChangeError> {
    let whom = whom.into();
    again(|| try_replace(store, whom, origins, cause)).await
}

async fn try_replace(
    store: &Store,
    whom: client::Whom<'_>,
    origins: &[WebOrigin],
    cause: &Cause,
) -> Result<(), client::ChangeError> {
    let mut together = store.change_durably().await?;
    let client = client::lock_as_of(together.connection(), whom).await?;
    let present = own(&client.id).all(together.connection()).await?;
    let is_present = |origin: &WebOrigin| present.iter().any(|row| row.origin == origin.as_str());
    let is_kept = |row: &Model| origins.iter().any(|origin| row.origin == origin.as_str());
    let mut added = origins.to_vec();
    added.retain(|origin| !is_present(origin));
    let removed = present.iter().filter(|row| !is_kept(row));
    let removed: Vec<WebOrigin> = removed
        .filter_map(|row| WebOrigin::parse(&row.origin).ok())
        .collect();
    record_change(&mut together, &client.id, (&added, &removed), cause).await?;
    Ok(together.commit().await?)
}

async fn record_change(
    together: &mut Together<'_>,
    client_id: &str,
    (added, removed): (&[WebOrigin], &[WebOrigin]),
    cause: &Cause,
) -> Result<(), DbErr> {
    let gone = Entity::delete_many()
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::Origin.is_in(removed.iter().map(WebOrigin::as_str)))
        .exec(together.connection())
        .await?;
    let inserted = insert(together.connection(), client_id, added).await?;
    if gone.rows_affected + inserted > 0 {
        client::touch(together.connection(), client_id).await?;
        let event = Event::new(Action::ClientOriginsChanged, cause)
            .client(client_id)
            .with("added", joined(added))
            .with("removed", joined(removed));
        together.record(event).await?;
    }
    Ok(())
}

/// Registers origins with a client that nobody else changes meanwhile, and says how many were new.
pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    client_id: &str,
    origins: &[WebOrigin],
) -> Result<u64, DbErr> {
    let registered = own(client_id).all(connection).await?;
    let mut registered: BTreeSet<String> = registered.into_iter().map(|row| row.origin).collect();
    let mut inserted = 0;
    for origin in origins {
        if registered.insert(origin.as_str().to_owned()) {
            let row = ActiveModel {
                client_id: Set(client_id.to_owned()),
                origin: Set(origin.as_str().to_owned()),
            };
            Entity::insert(row)
                .exec_without_returning(connection)
                .await?;
            inserted += 1;
        }
    }
    Ok(inserted)
}

pub(super) fn joined(origins: &[WebOrigin]) -> String {
    let texts: Vec<&str> = origins.iter().map(WebOrigin::as_str).collect();
    texts.join(" ")
}

/// The origins of a client, sorted.
///
/// # Errors
///
/// What the database says.
pub async fn of_client(store: &Store, client_id: &str) -> Result<Vec<String>, DbErr> {
    let rows = own(client_id).all(store.read()).await?;
    Ok(rows.into_iter().map(|row| row.origin).collect())
}

fn own(client_id: &str) -> Select<Entity> {
    Entity::find()
        .filter(Column::ClientId.eq(client_id))
        .order_by_asc(Column::Origin)
}

/// The origins of these clients, sorted.
///
/// # Errors
///
/// What the database says.
pub async fn of_clients(
    store: &Store,
    client_ids: &[&str],
) -> Result<BTreeMap<String, Vec<String>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::ClientId.is_in(client_ids.iter().copied()))
        .order_by_asc(Column::Origin)
        .all(store.read())
        .await?;
    let mut origins = BTreeMap::<String, Vec<String>>::new();
    for row in rows {
        origins.entry(row.client_id).or_default().push(row.origin);
    }
    Ok(origins)
}

/// The origins of all clients, sorted.
///
/// # Errors
///
/// What the database says.
pub async fn list(store: &Store) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::ClientId)
        .order_by_asc(Column::Origin)
        .all(store.read())
        .await
}

/// Whether an origin is registered with this client, which is not disabled.
///
/// # Errors
///
/// What the database says.
pub async fn is_registered_with(
    store: &Store,
    client_id: &str,
    origin: &WebOrigin,
) -> Result<bool, DbErr> {
    let registered = registered(origin).filter(Column::ClientId.eq(client_id));
    Ok(registered.one(store.read()).await?.is_some())
}

/// Whether an origin is registered with any client that is not disabled.
///
/// # Errors
///
/// What the database says.
pub async fn is_registered(store: &Store, origin: &WebOrigin) -> Result<bool, DbErr> {
    Ok(registered(origin).one(store.read()).await?.is_some())
}

fn registered(origin: &WebOrigin) -> Select<Entity> {
    Entity::find()
        .inner_join(client::Entity)
        .filter(Column::Origin.eq(origin.as_str()))
        .filter(client::Column::DisabledAt.is_null())
}

pub(super) async fn remove_all(
    connection: &impl ConnectionTrait,
    client_id: &str,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::ClientId.eq(client_id))
        .exec(connection)
        .await?;
    Ok(())
}
