//! The pages of long lists: where the next one begins is named by a cursor, which holds the last entry
//! of the one before, so that entries which come and go meanwhile shift nothing.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::response::problem::Problem;

/// How many entries a page has unless the request says.
pub const USUAL: u64 = 50;
/// How many entries a page has at most.
pub const MOST: u64 = 200;
/// Enough of a digest to tell lists apart.
const LIST: usize = 8;

/// A list: what it is of, and all that chooses among its entries. A cursor belongs to one list.
#[derive(Debug)]
pub struct List([u8; LIST]);

impl List {
    /// The list of this name, with the entries that `filter` chooses.
    pub fn of(name: &str, filter: &impl std::fmt::Debug) -> Self {
        let text = format!("{name}\n{filter:?}");
        let mut list = [0; LIST];
        for (to, from) in list
            .iter_mut()
            .zip(digest(&SHA256, text.as_bytes()).as_ref())
        {
            *to = *from;
        }
        Self(list)
    }

    /// The cursor of the page after the entry with this key.
    #[must_use]
    pub fn cursor(&self, key: &str) -> String {
        URL_SAFE_NO_PAD.encode([&self.0, key.as_bytes()].concat())
    }

    /// The key after which the page begins that the cursor of a request names.
    ///
    /// # Errors
    ///
    /// [`Problem::Invalid`] for a cursor that this list did not give.
    pub fn key(&self, cursor: Option<&str>) -> Result<Option<String>, Problem> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let key = bytes
            .as_deref()
            .and_then(|bytes| bytes.strip_prefix(&self.0))
            .and_then(|key| String::from_utf8(key.to_vec()).ok());
        key.map(Some).ok_or_else(foreign)
    }

    /// The same, where keys have a form.
    ///
    /// # Errors
    ///
    /// The same, also when the key has another form.
    pub fn key_as<K: std::str::FromStr>(&self, cursor: Option<&str>) -> Result<Option<K>, Problem> {
        let key = self.key(cursor)?;
        key.map(|key| key.parse().map_err(|_| foreign()))
            .transpose()
    }

    /// Takes a page of `limit` entries off the front of `entries`, of which one more was read to see
    /// whether there is another page; and the cursor of that one.
    pub fn page<E>(
        &self,
        mut entries: Vec<E>,
        limit: u64,
        key: impl Fn(&E) -> String,
    ) -> (Vec<E>, Option<String>) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more);
        let cursor = next.map(|last| self.cursor(&key(last)));
        (entries, cursor)
    }
}

fn foreign() -> Problem {
    Problem::invalid(
        "cursor",
        "It is not one that this list gave: send next_cursor as it came, with the same filters.",
    )
}

/// How many entries a page is to have.
///
/// # Errors
///
/// [`Problem::Invalid`] for none, and for more than [`MOST`].
pub fn limit(limit: Option<i64>) -> Result<u64, Problem> {
    match limit.map_or(Ok(USUAL), u64::try_from) {
        Ok(limit @ 1..=MOST) => Ok(limit),
        _ => Err(Problem::invalid("limit", format!("Between 1 and {MOST}."))),
    }
}
