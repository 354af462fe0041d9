//! Revoked sessions, in the order of their revocation.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, FromQueryResult, QueryOrder as _, QuerySelect as _};

use super::{Column, Entity};
use crate::clock::Timestamp;
use crate::store::{Store, or_issuer};

/// A revoked session.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Revoked {
    /// The claim `sid` of its access tokens.
    pub id: Uuid,
    /// The client.
    pub client_id: String,
    /// The granted audience; see [`Model::audience`](super::Model::audience).
    pub audience: String,
    /// The time of the revocation.
    pub revoked_at: Timestamp,
}

impl Revoked {
    /// The audience of its access tokens.
    pub fn audience(&self, issuer: &str) -> Vec<String> {
        or_issuer(&self.audience, issuer)
    }
}

/// At most `limit` sessions that were revoked after `at`, or at that time and have a greater id; the oldest
/// revocation first.
pub async fn revoked_after(
    store: &Store,
    at: Timestamp,
    id: Uuid,
    limit: u64,
) -> Result<Vec<Revoked>, DbErr> {
    let at_that_time = Condition::all()
        .add(Column::RevokedAt.eq(at))
        .add(Column::Id.gt(id));
    Entity::find()
        .filter(Column::RevokedAt.gte(at))
        .filter(
            Condition::any()
                .add(Column::RevokedAt.gt(at))
                .add(at_that_time),
        )
        .order_by_asc(Column::RevokedAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_model::<Revoked>()
        .all(store.read())
        .await
}
