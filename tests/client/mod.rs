/// Client secrets.
mod authorization;
mod secret;
/// Client settings and their rules.
mod settings;
