//! Authorization requests, RFC 6749 §4.1: parsed once, judged once, never stored.

pub mod browser_session;
mod code;
pub mod decision;
pub mod pkce;
pub mod prompt;
pub mod redirect;
pub mod request;
pub mod sign_out;

pub use browser_session::BrowserSession;
pub use code::issue;
pub use decision::{Decision, Interaction, decide};
pub use prompt::Prompt;
pub use redirect::{RedirectError, ReturnAddress};
pub use request::{AuthorizationRequest, Refusal};
