//! Pages of lists. A cursor names the last entry of a page, so that entries that are added or removed meanwhile do not
//! shift the next page.

use std::fmt::Debug;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::DbErr;

use crate::response::problem::Problem;

/// The number of entries of a page, unless the request names one.
pub const DEFAULT_LIMIT: u64 = 50;
/// The maximum number of entries of a page.
pub const MAX_LIMIT: u64 = 200;
/// The bytes of a digest that tell lists apart.
const LIST_LENGTH: usize = 8;

/// The page that a request names: at most `limit` entries after the one with the key `after`.
#[derive(Debug)]
pub struct PageRequest<K> {
    list: [u8; LIST_LENGTH],
    after: Option<K>,
    limit: u64,
}

impl<K: FromStr> PageRequest<K> {
    /// Reads the parameters `limit` and `cursor` of the list with this name and filter. A cursor of another list, or
    /// of another filter, is refused.
    pub fn parse(
        name: &str,
        filter: &impl Debug,
        limit: Option<i64>,
        cursor: Option<&str>,
    ) -> Result<Self, Problem> {
        let list = list_id(name, filter);
        let key = |cursor: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
            let key = std::str::from_utf8(bytes.strip_prefix(&list)?).ok()?;
            key.parse().ok()
        };
        let Ok(limit @ 1..=MAX_LIMIT) = limit.map_or(Ok(DEFAULT_LIMIT), u64::try_from) else {
            let detail = format!("Must be 1 to {MAX_LIMIT}.");
            return Err(Problem::invalid("limit", detail));
        };
        let after = cursor.map(|cursor| key(cursor).ok_or_else(foreign));
        Ok(Self {
            list,
            after: after.transpose()?,
            limit,
        })
    }

    /// Reads the page by `search`, which takes a key and a limit, and returns it with the cursor of the next page.
    pub async fn read<E, F>(
        self,
        search: impl FnOnce(Option<K>, u64) -> F,
        key: impl FnOnce(&E) -> String,
    ) -> Result<(Vec<E>, Option<String>), Problem>
    where
        F: Future<Output = Result<Vec<E>, DbErr>>,
    {
        // One entry more shows whether there is another page.
        let mut entries = search(self.after, self.limit + 1).await?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| has_more);
        let cursor = last.map(|last| {
            let key = key(last);
            URL_SAFE_NO_PAD.encode([&self.list, key.as_bytes()].concat())
        });
        Ok((entries, cursor))
    }
}

fn list_id(name: &str, filter: &impl Debug) -> [u8; LIST_LENGTH] {
    let text = format!("{name}\n{filter:?}");
    let mut id = [0; LIST_LENGTH];
    for (to, from) in id.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
        *to = *from;
    }
    id
}

fn foreign() -> Problem {
    Problem::invalid(
        "cursor",
        "Not a cursor of this list: send next_cursor unchanged, with the same filters.",
    )
}
