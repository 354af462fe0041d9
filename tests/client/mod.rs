/// Client secrets.
mod secret;
/// Client settings and their rules.
mod settings;
