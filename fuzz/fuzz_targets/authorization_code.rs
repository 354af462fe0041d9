#![no_main]

jeton_fuzz::fuzz!(authorization_code::Codes);
