//! The web origins that are registered with clients.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;

use super::{Column, Entity};
use crate::clock::micros;
use crate::store::Store;
use crate::store::text_search::contains;
use crate::web_origin::WebOrigin;

/// How long a registered origin stays known after its client lost it.
const CACHED: Duration = Duration::from_mins(1);

/// The registered origins, as of the last query.
#[derive(Clone, Default)]
pub(in crate::store) struct KnownOrigins(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    origins: HashSet<String>,
    /// Microseconds of the monotonic clock.
    read_at: i64,
}

impl KnownOrigins {
    fn contain(&self, origin: &WebOrigin, now: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.origins.contains(origin.as_str()) && now - known.read_at < micros(CACHED)
    }

    fn replace(&self, origins: HashSet<String>, now: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Known {
            origins,
            read_at: now,
        };
    }
}

/// Whether pages of this origin may call the server as any client that is not disabled.
pub async fn any_has_origin(store: &Store, origin: &WebOrigin) -> Result<bool, DbErr> {
    // A scan: there are few clients, and browsers cache a preflight.
    let clients = Entity::find()
        .filter(Column::DisabledAt.is_null())
        .filter(contains(Expr::col(Column::Origins), origin.as_str()))
        .all(store.read())
        .await?;
    let mut clients = clients.iter();
    Ok(clients.any(|client| client.has_origin(origin)))
}

/// The same, but an answer may be a minute old if it is yes. For each request that a page sends. `now` is read from
/// the monotonic clock.
pub async fn is_known_origin(store: &Store, origin: &WebOrigin, now: i64) -> Result<bool, DbErr> {
    if store.origins.contain(origin, now) {
        return Ok(true);
    }
    let registered: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Origins)
        .filter(Column::DisabledAt.is_null())
        .filter(Column::Origins.ne(""))
        .into_tuple()
        .all(store.read())
        .await?;
    let origins = registered.iter().flat_map(|text| text.split_whitespace());
    let origins: HashSet<String> = origins.map(str::to_owned).collect();
    let is_known = origins.contains(origin.as_str());
    store.origins.replace(origins, now);
    Ok(is_known)
}
