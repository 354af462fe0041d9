mod client;
mod secret;
