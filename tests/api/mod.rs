/// The account API: a signed-in user's own account.
pub mod account;
/// The admin API.
pub mod admin;
