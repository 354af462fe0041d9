#![no_main]

jeton_fuzz::fuzz!(import::ImportFiles);
