//! For tower, and so for axum.
