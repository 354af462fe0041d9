#![no_main]

jeton_fuzz::fuzz!(refresh_token::RefreshTokens);
