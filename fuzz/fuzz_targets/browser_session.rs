#![no_main]

jeton_fuzz::fuzz!(browser_session::BrowserSessions);
