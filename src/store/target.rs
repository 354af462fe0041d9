//! The row that a change is for, with the revision that it must have.

/// The id of the row to change and, for a conditional change, the revision that it must still have.
#[derive(Clone, Copy, Debug)]
pub struct Target<Id> {
    /// The id of the row.
    pub id: Id,
    /// The required revision; `None`: any.
    pub revision: Option<i64>,
}

impl<Id> From<Id> for Target<Id> {
    fn from(id: Id) -> Self {
        let revision = None;
        Self { id, revision }
    }
}

impl<Id> Target<Id> {
    /// The row, only while it has this revision.
    pub const fn at_revision(id: Id, revision: i64) -> Self {
        let revision = Some(revision);
        Self { id, revision }
    }

    /// Whether a row with this revision may be changed.
    pub(in crate::store) fn matches(&self, revision: i64) -> bool {
        self.revision.is_none_or(|required| required == revision)
    }
}
