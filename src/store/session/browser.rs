//! Browser sessions: the sessions at the reserved client `jeton:browser`, and those that were begun from them.

use sea_orm::entity::prelude::*;

use super::begin::begin_after_sign_in;
use super::revoke::revoke_one;
use super::{Column, Ending, Entity, Model, NewSession};
use crate::audit::Cause;
use crate::store::Store;
use crate::store::sign_in_throttle::Reservation;
use crate::store::writer::Durability;

/// Begins a browser session and gives back the attempts of the sign-in. `replaced` is the user's session in the same
/// browser: it is revoked, and the sessions that were begun from it move to the new one. `None` if the user was changed
/// meanwhile.
pub async fn begin_in_browser(
    store: &Store,
    new: NewSession<'_>,
    replaced: Option<Uuid>,
    reservations: &[Reservation],
    cause: &Cause,
) -> Result<Option<Model>, DbErr> {
    let session = new.into_model(cause);
    let row = &session;
    let begun = store.transaction(Durability::Durable, |tx| async move {
        if !begin_after_sign_in(&tx, row, reservations, cause).await? {
            return Ok::<_, DbErr>(false);
        }
        if let Some(replaced) = replaced {
            // First the revocation: it waits for redemptions of codes, whose sessions the next statement then finds.
            revoke_one(&tx, replaced, Ending::SignedInAgain, cause.at).await?;
            Entity::update_many()
                .col_expr(Column::BrowserSessionId, Expr::value(row.id))
                .filter(Column::BrowserSessionId.eq(replaced))
                .filter(Column::RevokedAt.is_null())
                .exec(&tx)
                .await?;
        }
        Ok(true)
    });
    Ok(begun.await?.then_some(session))
}
