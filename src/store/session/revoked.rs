//! Which sessions were ended, in the order of their endings.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, FromQueryResult, QueryOrder as _, QuerySelect as _};

use super::{Column, Entity};
use crate::clock::Timestamp;
use crate::store::{Store, or_issuer};

/// A session that was ended.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Revoked {
    /// The `sid` of its access tokens.
    pub id: Uuid,
    /// At which client it began.
    pub client_id: String,
    /// Whom its access tokens are for, separated by spaces; empty: the issuer itself.
    pub audience: String,
    /// Since when it is over.
    pub revoked_at: Timestamp,
}

impl Revoked {
    /// Whom its access tokens are for.
    #[must_use]
    pub fn audience(&self, issuer: &str) -> Vec<String> {
        or_issuer(&self.audience, issuer)
    }
}

/// Sessions that were ended after `at`, or at that time and with a later id; the oldest ending first,
/// at most `limit` of them.
///
/// # Errors
///
/// What the database says.
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
