//! Hashes of another algorithm or cost than the current ones.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, Statement};

use super::{Column, Entity};
use crate::store::Store;

/// Texts that have one prefix are neighbors in the order of bytes. So the first and the last hash show whether all
/// have it, and each is one look into the index.
const FIRST_AND_LAST: &str = "SELECT (SELECT MIN(password_hash) FROM users), \
                              (SELECT MAX(password_hash) FROM users)";

/// Whether a stored hash does not begin with `prefix`.
pub async fn any_other_hash(store: &Store, prefix: &str) -> Result<bool, DbErr> {
    let connection = store.read();
    let query = Statement::from_string(connection.get_database_backend(), FIRST_AND_LAST);
    let Some(row) = connection.query_one_raw(query).await? else {
        return Ok(false);
    };
    for column in 0..2 {
        let hash: Option<String> = row.try_get_by_index(column)?;
        if hash.is_some_and(|hash| !hash.starts_with(prefix)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The hash of the first user from this id on, or else of the first user. Ids are random, so a random id finds a
/// random user.
pub async fn hash_from(store: &Store, id: Uuid) -> Result<Option<String>, DbErr> {
    let first = Entity::find().order_by_asc(Column::Id);
    let from = first.clone().filter(Column::Id.gte(id));
    let user = match from.one(store.read()).await? {
        None => first.one(store.read()).await?,
        found => found,
    };
    Ok(user.map(|user| user.password_hash))
}
