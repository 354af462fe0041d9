//! The beginning of a session by an authorization code, RFC 6749 §4.1.3.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use sea_orm::{Condition, SqlErr};

use super::begin::{insertion, record};
use super::{Column, Entity, Model};
use crate::audit::Cause;
use crate::scope::Scope;
use crate::store::writer::Durability;
use crate::store::{Store, consent};

/// What an authorization code says of the session that it begins.
#[derive(Clone, Copy, Debug)]
pub struct RedeemedCode {
    /// The id of the session.
    pub session: Uuid,
    /// The browser session in which the user was signed in. It must not be revoked.
    pub browser_session: Uuid,
    /// Whether the session outlives a sign-out of the browser session.
    pub is_offline: bool,
}

/// The outcome of redeeming an authorization code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// The session has begun.
    Begun,
    /// The user, the client, the browser session or the consent does not allow it any more.
    Refused,
    /// The code was redeemed before.
    Used,
}

/// Begins the session of an authorization code. "The client MUST NOT use the authorization code more than once", RFC
/// 6749 §4.1.2: the primary key of the table does not allow a second session with its id.
pub async fn redeem(
    store: &Store,
    session: &Model,
    requires_consent: bool,
    cause: &Cause,
) -> Result<Redemption, DbErr> {
    let consent = if requires_consent {
        consent::find(store, session.user_id, &session.client_id).await?
    } else {
        None
    };
    let granted = Scope::from_stored(&session.scope);
    let consent = consent.filter(|consent| consent.scope().covers(&granted));
    if requires_consent && consent.is_none() {
        return Ok(Redemption::Refused);
    }
    let consent = consent.as_ref();
    let begun = store.transaction(Durability::Durable, |tx| async move {
        let condition = is_still_allowed(session, consent);
        let insertion = insertion(session, Some(condition))?;
        if tx.execute(&insertion).await?.rows_affected() == 0 {
            return Ok::<_, DbErr>(Redemption::Refused);
        }
        record(&tx, session, cause).await?;
        Ok(Redemption::Begun)
    });
    match begun.await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Ok(Redemption::Used)
        }
        outcome => outcome,
    }
}

/// The browser session and the consent still exist. The locks make a sign-out, or a withdrawal of the consent, wait for
/// this transaction: it revokes the sessions that it finds.
fn is_still_allowed(session: &Model, consent: Option<&consent::Model>) -> Condition {
    let mut browser_session = Query::select();
    browser_session
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Id)).eq(session.browser_session_id))
        .and_where(Expr::col((Entity, Column::RevokedAt)).is_null())
        .lock_shared();
    let consent = consent.map(|consent| Expr::exists(consent::locked(consent)));
    Condition::all()
        .add(Expr::exists(browser_session))
        .add_option(consent)
}
