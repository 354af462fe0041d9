//! Columns by type. They are not null, unless the name says so.

use sea_orm::sea_query::ColumnDef;

pub(crate) fn pk_uuid(name: &'static str) -> ColumnDef {
    uuid(name).primary_key().take()
}

pub(crate) fn uuid(name: &'static str) -> ColumnDef {
    uuid_null(name).not_null().take()
}

pub(crate) fn uuid_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().take()
}

pub(crate) fn string_len_uniq(name: &'static str, length: u32) -> ColumnDef {
    string_len(name, length).unique_key().take()
}

pub(crate) fn string_len(name: &'static str, length: u32) -> ColumnDef {
    string_len_null(name, length).not_null().take()
}

pub(crate) fn string_len_null(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(length).take()
}

pub(crate) fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

pub(crate) fn big_integer(name: &'static str) -> ColumnDef {
    big_integer_null(name).not_null().take()
}

pub(crate) fn big_integer_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().take()
}

pub(crate) fn boolean(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

pub(crate) fn binary_len(name: &'static str, length: u32) -> ColumnDef {
    binary_len_null(name, length).not_null().take()
}

pub(crate) fn binary_len_null(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).binary_len(length).take()
}

pub(crate) fn blob_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().take()
}
