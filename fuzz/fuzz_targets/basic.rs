#![no_main]

jeton_fuzz::fuzz!(basic::Basic);
