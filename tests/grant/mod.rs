mod password;
mod refresh_token;
