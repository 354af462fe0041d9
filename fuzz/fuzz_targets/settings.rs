#![no_main]

jeton_fuzz::fuzz!(settings::SettingsFiles);
