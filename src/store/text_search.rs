//! Search for text that may contain any character.

use std::borrow::Cow;

use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LikeExpr};

const ESCAPE: char = '!';
/// In bytes; no searched column holds longer text.
const MAX_LENGTH: usize = 1024;

/// The text with NUL replaced by U+FFFF. PostgreSQL fails on NUL, and no stored text contains either character.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFF}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether `text` contains `part`, in which no character has a special meaning.
pub(super) fn contains(text: Expr, part: &str) -> Expr {
    // SQLite reads a pattern up to the first NUL, and fails on one of more than 50,000 bytes.
    if part.contains('\0') || part.len() > MAX_LENGTH {
        return Expr::value(false);
    }
    let pattern = format!("%{}%", escape(part));
    text.like(LikeExpr::new(pattern).escape(ESCAPE))
}

/// Whether `text`, words separated by single spaces, has this word, with regard to case.
pub(super) fn has_word(text: Expr, word: &str) -> Expr {
    // LIKE ignores the case on SQLite. REPLACE does on no engine.
    let space = || Expr::cust("' '");
    let padded: Expr = Func::cust("CONCAT").args([space(), text, space()]).into();
    let found = [padded.clone(), format!(" {word} ").into(), Expr::cust("''")];
    let without: Expr = Func::cust("REPLACE").args(found).into();
    without.ne(padded)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | ESCAPE) {
            escaped.push(ESCAPE);
        }
        escaped.push(c);
    }
    escaped
}
