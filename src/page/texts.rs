//! The texts of the pages. Another language is one more value of [`Texts`].

#![expect(missing_docs, reason = "the English text says what each is for")]

/// All texts of the pages in one language.
#[derive(Debug)]
pub struct Texts {
    /// The language, for the attribute `lang`.
    pub language: &'static str,
    pub cancel: &'static str,
    pub other_account: &'static str,
    pub signed_in_as: Around,
    pub return_host: Around,
    /// Before the title of a page that shows a problem.
    pub problem_title: &'static str,
    pub sign_in: SignInTexts,
    pub continue_as: ContinueAsTexts,
    pub consent: ConsentTexts,
    /// Descriptions of the words of a scope.
    pub scopes: &'static [(&'static str, &'static str)],
    pub confirm_sign_out: ConfirmSignOutTexts,
    pub signed_out: ErrorTexts,
    pub no_cookies: NoCookiesTexts,
    pub invalid_request: ErrorTexts,
    pub form_refused: ErrorTexts,
    pub too_long: ErrorTexts,
    pub unavailable: ErrorTexts,
    pub server_error: ErrorTexts,
    pub for_developer: &'static str,
    pub request_id: &'static str,
    pub status: &'static str,
}

/// A text around a name.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    pub before: &'static str,
    pub after: &'static str,
}

#[derive(Debug)]
pub struct SignInTexts {
    pub title: &'static str,
    pub to_client: Around,
    pub username: &'static str,
    pub password: &'static str,
    pub stay_signed_in: &'static str,
    pub sign_in: &'static str,
    pub refused: &'static str,
    /// The seconds to wait are its argument.
    pub too_many_attempts: fn(u64) -> String,
    pub form_refused: &'static str,
    pub unavailable: &'static str,
}

#[derive(Debug)]
pub struct ContinueAsTexts {
    pub title: &'static str,
    pub heading: Around,
    pub to_client: Around,
    pub continue_button: &'static str,
}

#[derive(Debug)]
pub struct ConsentTexts {
    pub title: &'static str,
    pub heading: Around,
    pub asks_for: &'static str,
    pub allow: &'static str,
    pub deny: &'static str,
}

#[derive(Debug)]
pub struct ConfirmSignOutTexts {
    pub title: &'static str,
    pub heading: Around,
    pub asked_by: Around,
    pub sign_out: &'static str,
    pub stay: &'static str,
}

#[derive(Debug)]
pub struct NoCookiesTexts {
    pub title: &'static str,
    pub explanation: &'static str,
    pub again: &'static str,
}

#[derive(Debug)]
pub struct ErrorTexts {
    pub title: &'static str,
    pub explanation: &'static str,
}

impl Texts {
    /// The description of a word of a scope.
    pub fn scope(&self, word: &str) -> Option<&'static str> {
        let found = self.scopes.iter().find(|(known, _)| *known == word);
        found.map(|(_, description)| *description)
    }
}

/// The texts in English.
pub static ENGLISH: Texts = Texts {
    language: "en",
    cancel: "Cancel",
    other_account: "Use another account",
    signed_in_as: around("You are signed in as ", "."),
    return_host: around("Afterwards, your browser returns to ", "."),
    problem_title: "Error:",
    sign_in: SignInTexts {
        title: "Sign in",
        to_client: around("to continue to ", ""),
        username: "Username",
        password: "Password",
        stay_signed_in: "Stay signed in on this device",
        sign_in: "Sign in",
        refused: "Wrong username or password.",
        too_many_attempts,
        form_refused: "This form has expired, or it was opened without cookies. Please sign in again.",
        unavailable: "Signing in is not possible at the moment. Please try again shortly.",
    },
    continue_as: ContinueAsTexts {
        title: "Choose an account",
        heading: around("Continue as ", "?"),
        to_client: around("You continue to ", "."),
        continue_button: "Continue",
    },
    consent: ConsentTexts {
        title: "Allow access",
        heading: around("Allow ", " to use your account?"),
        asks_for: "It asks for:",
        allow: "Allow",
        deny: "Deny",
    },
    scopes: &[
        ("openid", "Your user ID"),
        ("profile", "Your username and your name"),
        ("email", "Your email address"),
        (
            "offline_access",
            "Access that continues after you sign out of this browser",
        ),
    ],
    confirm_sign_out: ConfirmSignOutTexts {
        title: "Sign out",
        heading: around("Sign out of ", "?"),
        asked_by: around("", " asks you to sign out."),
        sign_out: "Sign out",
        stay: "Stay signed in",
    },
    signed_out: ErrorTexts {
        title: "You are signed out",
        explanation: "You can close this page.",
    },
    no_cookies: NoCookiesTexts {
        title: "Your browser does not accept cookies",
        explanation: "Signing in needs a cookie. Allow cookies for this site in your browser's settings, then try \
                      again.",
        again: "Try again",
    },
    invalid_request: ErrorTexts {
        title: "This link does not work",
        explanation: "The application that sent you here made a mistake. Go back to it and try again. If this \
                      happens again, send this page to the people who run the application.",
    },
    form_refused: ErrorTexts {
        title: "This form cannot be accepted",
        explanation: "It has expired, or another site sent it. Nothing has been changed. Go back to the application \
                      and try again.",
    },
    too_long: ErrorTexts {
        title: "This link is too long",
        explanation: "The application that sent you here made a mistake. Send this page to the people who run it.",
    },
    unavailable: ErrorTexts {
        title: "Not available at the moment",
        explanation: "Please reload this page in a few seconds.",
    },
    server_error: ErrorTexts {
        title: "Something went wrong",
        explanation: "This is a fault of the server, not yours. Please reload this page in a few minutes.",
    },
    for_developer: "For the developer",
    request_id: "Request",
    status: "Status",
};

const fn around(before: &'static str, after: &'static str) -> Around {
    Around { before, after }
}

fn too_many_attempts(seconds: u64) -> String {
    let wait = match seconds {
        0 | 1 => "1 second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    };
    format!("Too many attempts. Please wait {wait}, then try again.")
}
