//! For poem and poem-openapi.
