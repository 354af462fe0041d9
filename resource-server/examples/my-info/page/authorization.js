// Sign-in on the page of the authorization server: authorization code with PKCE (RFC 6749, 4.1; RFC 7636).

import { beginRun, showRedirect } from "./developer.js";
import { CLIENT, RESOURCE, Refused, redeem } from "./tokens.js";

/** What this tab waits for while the browser is at the server. Other tabs have their own. */
const STORAGE_KEY = "my-info.redirect";
const PAGE = `${RESOURCE}/`;

/** The server redirected back with an error; `purpose` says for what the page had redirected. */
export class NotSignedIn extends Refused {
  constructor(error, description, purpose) {
    super(302, error, description);
    this.purpose = purpose;
  }
}

/** Redirects to sign in for this API only. `more` are further parameters, `purpose` is returned on the way back. */
export function signIn(server, purpose, more = {}) {
  return authorize(server, purpose, { resource: RESOURCE, ...(server.scope && { scope: server.scope }), ...more });
}

/**
 * Redirects to sign in for the user's account at the issuer only (RFC 8707). Use the tokens at once and do not store
 * them: a script that steals the stored tokens must not be able to change the account.
 */
export function signInForAccount(server, purpose) {
  return authorize(server, purpose, { resource: server.issuer, scope: "account", prompt: "login" });
}

/**
 * The verifier stays in this tab. Only its digest is in the URL, so that a code that leaks is of no use. The state ties
 * the response to this tab, so that nobody can sign this browser in as someone else by a link.
 */
async function authorize(server, purpose, parameters) {
  const verifier = randomText(32);
  const state = randomText(16);
  const url = withParameters(server.authorization_endpoint, {
    response_type: "code",
    client_id: CLIENT,
    redirect_uri: PAGE,
    state,
    code_challenge: await digest(verifier),
    code_challenge_method: "S256",
    ...parameters,
  });
  leave(url, { state, verifier, server, purpose });
}

/** Redirects to end the session of the browser at the server (OpenID Connect RP-Initiated Logout). */
export function signOutAt(server, id_token, purpose) {
  const state = randomText(16);
  const parameters = { client_id: CLIENT, post_logout_redirect_uri: PAGE, state, ...(id_token && { id_token_hint: id_token }) };
  leave(withParameters(server.end_session_endpoint, parameters), { state, server, purpose });
}

function leave(url, pending) {
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ ...pending, url }));
  showRedirect("Redirect to the server’s page", url);
  location.assign(url);
}

/**
 * Handles the redirect back to this page.
 *
 * @returns `{ purpose, session }`, after a sign-out without a session; `null` if the page was opened otherwise
 * @throws {NotSignedIn} with an error of the server
 * @throws {Refused} for a response that does not belong to this tab
 */
export async function returned() {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("state")) return null;
  const { href } = location;
  // The code must not stay in the address bar, the history, or a bookmark; a reload must not send it again.
  history.replaceState(null, "", location.pathname);
  const pending = JSON.parse(sessionStorage.getItem(STORAGE_KEY));
  beginRun("Return from the server’s page");
  if (pending) showRedirect("Redirect to the server’s page", pending.url);
  showRedirect("Redirect back to this page", href);
  if (pending?.state !== answer.get("state")) {
    throw new Refused(302, undefined, "This response belongs to no sign-in of this tab: its state differs. It was ignored.");
  }
  sessionStorage.removeItem(STORAGE_KEY);
  const { server, purpose, verifier } = pending;
  if (!verifier) return { purpose };
  // The server that the page asked must be the one that responds (RFC 9207).
  if (answer.get("iss") !== server.issuer) {
    throw new Refused(302, undefined, `The response comes from another server than ${server.issuer}. It was ignored.`);
  }
  if (!answer.has("code")) throw new NotSignedIn(answer.get("error"), answer.get("error_description"), purpose);
  const form = { code: answer.get("code"), code_verifier: verifier, redirect_uri: PAGE };
  return { purpose, session: await redeem(server, form) };
}

function withParameters(endpoint, parameters) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

const randomText = (bytes) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));

async function digest(text) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
