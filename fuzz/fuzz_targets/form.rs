#![no_main]

jeton_fuzz::fuzz!(form::Form);
