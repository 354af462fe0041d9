#![no_main]

jeton_fuzz::fuzz!(admin::Admin);
