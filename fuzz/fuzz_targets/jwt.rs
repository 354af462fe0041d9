#![no_main]

jeton_fuzz::fuzz!(jwt::Jwts);
