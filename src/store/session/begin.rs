//! How a session begins.

use sea_orm::Iterable as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{InsertStatement, Query};

use super::{Column, Entity, Model, living_client, living_user};
use crate::audit::{Action, Cause, Event};
use crate::store::Store;
use crate::store::again::again;
use crate::store::sign_in_throttle::{self, Reservation};

/// Begins a session and gives back the `place` that the sign-in took, unless the user's sessions were
/// ended since `user` was read; says whether it did.
///
/// # Errors
///
/// What the database says.
pub async fn begin(
    store: &Store,
    session: Model,
    place: Option<Reservation>,
    cause: &Cause,
) -> Result<bool, DbErr> {
    let insertion = insertion(&session)?;
    again(|| try_begin(store, &session, &insertion, place, cause)).await
}

async fn try_begin(
    store: &Store,
    session: &Model,
    insertion: &InsertStatement,
    place: Option<Reservation>,
    cause: &Cause,
) -> Result<bool, DbErr> {
    let mut together = store.change_durably().await?;
    let inserted = together.connection().execute(insertion).await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    let event = Event::new(Action::SignIn, cause)
        .user(session.user_id)
        .client(&session.client_id)
        .session(session.id);
    together.record(event).await?;
    if let Some(place) = place {
        sign_in_throttle::give_back_within(together.connection(), place).await?;
    }
    together.commit().await?;
    Ok(true)
}

fn insertion(session: &Model) -> Result<InsertStatement, DbErr> {
    let values = [
        Expr::value(session.id),
        Expr::value(session.user_id),
        Expr::value(session.client_id.clone()),
        Expr::value(session.session_epoch),
        Expr::value(session.scope.clone()),
        Expr::value(session.audience.clone()),
        Expr::value(session.generation),
        Expr::value(session.rotated_at),
        Expr::value(session.rotation_gap),
        Expr::value(session.late_retry_generation),
        Expr::value(session.authenticated_at),
        Expr::value(session.acr.clone()),
        Expr::value(session.expires_at),
        Expr::value(Option::<i64>::None),
        Expr::value(Option::<String>::None),
        Expr::value(session.user_agent.clone()),
        Expr::value(session.address.clone()),
    ];
    // Where many write at once, whoever ends the sessions of either now is waited for: they would not
    // find this one.
    let mut user = living_user(
        Expr::value(session.user_id),
        Expr::value(session.session_epoch),
    );
    let mut client = living_client(Expr::value(session.client_id.clone()));
    let mut chosen = Query::select();
    chosen
        .exprs(values)
        .and_where(Expr::exists(user.lock_shared().take()))
        .and_where(Expr::exists(client.lock_shared().take()));
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns(Column::iter())
        .select_from(chosen)
        .map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok(statement)
}
