//! Parts of texts that are searched for: no character of theirs has a special meaning.

use std::borrow::Cow;

use sea_orm::sea_query::{Expr, ExprTrait as _, LikeExpr};

const ESCAPE: char = '!';
/// In bytes; no text that is searched is longer.
const LONGEST: usize = 1024;

/// What to look for instead of text that may be anything. PostgreSQL fails where it meets a NUL, and nothing
/// that is kept has one; nothing has this other character, either.
pub(super) fn sought(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFF}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether `text` has `part` in it.
pub(super) fn contains(text: Expr, part: &str) -> Expr {
    // SQLite reads a pattern to its first NUL, and fails on one of more than 50,000 bytes.
    if part.contains('\0') || part.len() > LONGEST {
        return Expr::value(false);
    }
    let pattern = format!("%{}%", escaped(part));
    text.like(LikeExpr::new(pattern).escape(ESCAPE))
}

/// A part of a pattern that stands for itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | ESCAPE) {
            escaped.push(ESCAPE);
        }
        escaped.push(c);
    }
    escaped
}
