#![no_main]

jeton_fuzz::fuzz!(password_hash::PasswordHashes);
