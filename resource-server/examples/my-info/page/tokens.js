// The OAuth 2 client: discovery, storage and refresh of tokens.

import { NoAnswer, challenge, exchange, retryAfter } from "./http.js";
import { claims } from "./jwt.js";

const STORAGE_KEY = "my-info.session";
/** Seconds before each retry of a refresh, and the longest `Retry-After` that is respected. */
const RETRY_DELAYS = [1, 2, 4];
const MAX_RETRY_AFTER = 30;
/** Seconds until the storage of another tab is visible in this one. */
const STORAGE_DELAY = 0.5;

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
export const CLIENT = meta("client-id");
export const RESOURCE = meta("resource");

/** There are no tokens, or the session was revoked: the user must sign in. */
export class SignInNeeded extends Error {}

/** A server refused the request with an error. */
export class Refused extends Error {
  constructor(status, error, description) {
    super(description ?? error ?? `the status was ${status}`);
    this.status = status;
    this.error = error;
  }
}

/** A server is overloaded, not ready, or throttles sign-ins; retry after `seconds`. */
export class Busy extends Error {
  constructor(url, seconds, what = `${new URL(url).host} is busy`) {
    super(what);
    this.seconds = seconds;
  }
}

/** The session in the browser's storage: tokens and server. `null` when signed out. */
export function storedSession() {
  try {
    return JSON.parse(localStorage.getItem(STORAGE_KEY));
  } catch {
    return null;
  }
}

/** Calls `listener` when another tab signed in or out, or refreshed. */
export function onChangeInOtherTab(listener) {
  window.addEventListener("storage", (event) => {
    if (event.key === STORAGE_KEY || event.key === null) listener(storedSession());
  });
}

/** Stores the session for all tabs. */
export function storeSession(session) {
  localStorage.setItem(STORAGE_KEY, JSON.stringify(session));
  return session;
}

/** The user of the tokens: `sub` of the access token. */
export function subject(session) {
  return session ? claims(session.access_token).sub : undefined;
}

/**
 * Finds the authorization server from the API's refusal: the challenge contains the URL of the API's metadata (RFC 9728),
 * which names the server, whose metadata (RFC 8414) names the endpoints. Each document must name the API or the issuer
 * that was requested; otherwise a forged one could direct codes elsewhere.
 */
export async function discover(answer) {
  const url = challenge(answer).resource_metadata;
  if (!url) throw new Refused(answer.status, undefined, "The API names no authorization server.");
  const api = await fetched(exchange("Find the authorization server of this API (RFC 9728)", "GET", url));
  const issuer = api.authorization_servers?.[0];
  if (api.resource !== RESOURCE || !issuer) {
    throw new Refused(answer.status, undefined, `${url} does not describe ${RESOURCE}, or names no authorization server.`);
  }
  const { origin, pathname } = new URL(issuer);
  const path = pathname === "/" ? "" : pathname;
  const where = `${origin}/.well-known/oauth-authorization-server${path}`;
  const server = await fetched(exchange("Find its endpoints (RFC 8414)", "GET", where));
  if (server.issuer !== issuer) throw new Refused(200, undefined, `${where} names another issuer than ${issuer}.`);
  const { authorization_endpoint, token_endpoint, revocation_endpoint, end_session_endpoint } = server;
  if (!authorization_endpoint) throw new Refused(200, undefined, `${issuer} has no page to sign in.`);
  // With openid, there is an ID token, by which the server recognizes the user at sign-out.
  const openid = server.scopes_supported?.includes("openid") ? ["openid"] : [];
  const scope = [...(api.scopes_supported ?? []), ...openid].join(" ");
  return { issuer, authorization_endpoint, token_endpoint, revocation_endpoint, end_session_endpoint, scope };
}

async function fetched(request) {
  const answer = await request;
  if (answer.status === 200 && answer.json) return answer.json;
  throw new Refused(answer.status, answer.json?.error, answer.json?.error_description);
}

/** Exchanges an authorization code for tokens (RFC 6749, 4.1.3). */
export async function redeem(server, parameters) {
  const form = { grant_type: "authorization_code", client_id: CLIENT, ...parameters };
  const answer = await post("Exchange the code for tokens", server.token_endpoint, form);
  if (answer.status === 200 && answer.json?.access_token) return session(answer.json, server);
  throw refusal(answer, server.token_endpoint);
}

function session(tokens, server, id_token) {
  const { access_token, refresh_token, expires_in } = tokens;
  const expires_at = Date.now() + expires_in * 1000;
  return { access_token, refresh_token, id_token: tokens.id_token ?? id_token, expires_in, expires_at, server };
}

/** Whether the access token has expired, or will before a request arrives. */
export function isExpired({ expires_at, expires_in }) {
  return Date.now() >= expires_at - Math.min(10_000, expires_in * 100);
}

/**
 * Refreshes the tokens for all tabs, unless another tab has replaced the access token `spent` already.
 *
 * A Web Lock serializes the tabs; the second finds the new tokens. Without Web Locks two tabs may send the same refresh
 * token at once, and Jeton sends both the same answer.
 *
 * @param onRetry is called with the seconds until the next retry
 * @throws {SignInNeeded} only when the session has ended
 * @throws {NoAnswer|Busy|Refused} when the tokens may still be valid: they stay stored
 */
export function refresh(spent, onRetry) {
  return withLock(() => refreshLocked(spent, onRetry));
}

async function withLock(work) {
  if (!navigator.locks) return work();
  const first = { ifAvailable: true };
  const done = await navigator.locks.request(STORAGE_KEY, first, async (lock) => lock && { session: await work() });
  if (done) return done.session;
  // Tabs run in different processes: the lock may arrive before the storage event of the other tab.
  const stored = new Promise((resolve) => window.addEventListener("storage", resolve, { once: true }));
  return navigator.locks.request(STORAGE_KEY, async () => {
    await Promise.race([stored, pause(STORAGE_DELAY)]);
    return work();
  });
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function refreshLocked(spent, onRetry) {
  for (let tries = 0; ; tries += 1) {
    const current = storedSession();
    if (!current) throw new SignInNeeded("You signed out.");
    if (current.access_token !== spent) return current;
    try {
      return await refreshOnce(current);
    } catch (error) {
      const canRetry = error instanceof NoAnswer || (error instanceof Busy && error.seconds <= MAX_RETRY_AFTER);
      if (!canRetry || tries >= RETRY_DELAYS.length) throw error;
      // If the server rotated and the response was lost, the same token gets the same successor.
      const seconds = Math.max(RETRY_DELAYS[tries], error.seconds ?? 0);
      onRetry(seconds);
      await pause(seconds);
    }
  }
}

async function refreshOnce(sent) {
  const form = { grant_type: "refresh_token", client_id: CLIENT, refresh_token: sent.refresh_token };
  const endpoint = sent.server.token_endpoint;
  const answer = await post("Refresh the expired access token", endpoint, form);
  // A session that was stored meanwhile is newer than this response: another tab refreshed, or signed in or out.
  const current = storedSession();
  const replaced = current?.refresh_token !== sent.refresh_token;
  if (answer.status === 200 && answer.json?.access_token) {
    if (!current) throw new SignInNeeded("You signed out.");
    return replaced ? current : storeSession(session(answer.json, sent.server, sent.id_token));
  }
  const error = refusal(answer, endpoint);
  if (error.error !== "invalid_grant") throw error;
  if (current && replaced) return current;
  localStorage.removeItem(STORAGE_KEY);
  throw new SignInNeeded("Your session has ended. Please sign in again.");
}

/**
 * Removes the tokens and revokes the session, if the server supports that (RFC 7009).
 *
 * @returns whether the session was revoked
 */
export async function signOut() {
  const session = storedSession();
  const revoked = session ? await revoke(session) : false;
  localStorage.removeItem(STORAGE_KEY);
  return revoked;
}

/** Removes the tokens in all tabs, if they are still those of the user `sub`. */
export function removeSession(sub) {
  if (subject(storedSession()) === sub) localStorage.removeItem(STORAGE_KEY);
}

/** Revokes a session at the server; `false` if that is not supported or failed. */
export async function revoke({ server, refresh_token }) {
  if (!server.revocation_endpoint) return false;
  const form = { token: refresh_token, token_type_hint: "refresh_token", client_id: CLIENT };
  try {
    const answer = await post("Revoke the session (RFC 7009)", server.revocation_endpoint, form);
    return answer.status === 200;
  } catch {
    return false;
  }
}

function post(why, url, form) {
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  return exchange(why, "POST", url, { headers, body: new URLSearchParams(form).toString() });
}

function refusal(answer, url) {
  if (answer.status === 429) return new Busy(url, retryAfter(answer, 1), "Too many sign-ins have failed");
  if (answer.status === 503) return new Busy(url, retryAfter(answer, 1));
  // A truncated response counts as none.
  if (answer.status === 200 || answer.status >= 502) return new NoAnswer(url);
  return new Refused(answer.status, answer.json?.error, answer.json?.error_description);
}
