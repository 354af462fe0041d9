//! Parts of texts that are searched for: no character of theirs has a special meaning.

use std::borrow::Cow;

use sea_orm::sea_query::LikeExpr;

const ESCAPE: char = '!';

/// What to look for instead of text that may be anything. PostgreSQL fails where it meets a NUL, and nothing
/// that is kept has one; nothing has this other character, either.
pub(super) fn sought(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFF}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Text with `part` in it.
pub(super) fn containing(part: &str) -> LikeExpr {
    matching(format!("%{}%", escaped(part)))
}

/// Text that a pattern matches, in which what was [`escaped`] stands for itself.
pub(super) fn matching(pattern: String) -> LikeExpr {
    LikeExpr::new(pattern).escape(ESCAPE)
}

/// A part of a pattern that stands for itself.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in sought(text).chars() {
        if matches!(c, '%' | '_' | ESCAPE) {
            escaped.push(ESCAPE);
        }
        escaped.push(c);
    }
    escaped
}
