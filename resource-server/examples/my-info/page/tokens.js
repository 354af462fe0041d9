// The client's side of OAuth 2: where tokens come from, where they are kept, and how they are refreshed.

import { NoAnswer, challenge, exchange, retryAfter } from "./http.js";
import { claims } from "./jwt.js";

const KEPT = "my-info.session";
/** Seconds before each further try when a refresh finds no answer, and the longest that is waited. */
const PAUSES = [1, 2, 4];
const LONGEST_PAUSE = 30;
/** Seconds within which a tab hears what another has kept. */
const NEWS = 0.5;

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
export const CLIENT = meta("client-id");
export const RESOURCE = meta("resource");

/** There are no tokens, or the server ended the session: the person must sign in. */
export class SignInNeeded extends Error {}

/** A server refused, and said why. */
export class Refused extends Error {
  constructor(status, error, description) {
    super(description ?? error ?? `the answer was ${status}`);
    this.status = status;
    this.error = error;
  }
}

/** A server is overloaded, not ready, or slows down guessing; `seconds` is when to come again. */
export class Busy extends Error {
  constructor(url, seconds, what = `${new URL(url).host} is busy`) {
    super(what);
    this.seconds = seconds;
  }
}

/** What this browser keeps: the tokens, who signed in, and the server that gave them. `null` when signed out. */
export function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

/** Tells `tell` when another tab signed in or out, or refreshed. */
export function onChangeElsewhere(tell) {
  window.addEventListener("storage", (event) => {
    if (event.key === KEPT || event.key === null) tell(kept());
  });
}

function keep(session) {
  localStorage.setItem(KEPT, JSON.stringify(session));
  return session;
}

/** Whose tokens these are: the `sub` of the access token. */
export function subject(session) {
  return session ? claims(session.access_token).sub : undefined;
}

/**
 * From the API's refusal to the server that signs people in: the challenge names the API's metadata (RFC 9728), which
 * names the server, whose metadata (RFC 8414) names the endpoints. Each must be about what was asked for, or anyone who
 * can answer for one of them could send passwords elsewhere.
 */
export async function discover(answer) {
  const url = challenge(answer).resource_metadata;
  if (!url) throw new Refused(answer.status, undefined, "The API does not say who signs people in for it.");
  const api = await fetched(exchange("Who signs people in for this API? (RFC 9728)", "GET", url));
  const issuer = api.authorization_servers?.[0];
  if (api.resource !== RESOURCE || !issuer) {
    throw new Refused(answer.status, undefined, `${url} is not about ${RESOURCE}, or names no authorization server.`);
  }
  const { origin, pathname } = new URL(issuer);
  const path = pathname === "/" ? "" : pathname;
  const where = `${origin}/.well-known/oauth-authorization-server${path}`;
  const server = await fetched(exchange("Where are its endpoints? (RFC 8414)", "GET", where));
  if (server.issuer !== issuer) throw new Refused(200, undefined, `${where} is about another issuer than ${issuer}.`);
  return {
    issuer,
    token_endpoint: server.token_endpoint,
    revocation_endpoint: server.revocation_endpoint,
    scope: api.scopes_supported?.join(" ") ?? "",
  };
}

async function fetched(request) {
  const answer = await request;
  if (answer.status === 200 && answer.json) return answer.json;
  throw new Refused(answer.status, answer.json?.error, answer.json?.error_description);
}

/** Exchanges user name and password for tokens that are good for this API alone. The password is not kept. */
export function signIn(server, username, password) {
  const narrowed = { resource: RESOURCE, ...(server.scope && { scope: server.scope }) };
  return signInFor("Exchange user name and password for tokens", server, username, password, narrowed);
}

/**
 * Exchanges them for tokens that are good for the person's account at the issuer, and for nothing else (RFC 8707). Use them at
 * once and keep them nowhere: a script that steals what is kept must not be able to touch the account.
 */
export function signInForAccount(server, username, password) {
  const narrowed = { resource: server.issuer, scope: "account" };
  return signInFor("Exchange the password for a token that is good for the account alone", server, username, password, narrowed);
}

async function signInFor(why, server, username, password, narrowed) {
  const form = { grant_type: "password", client_id: CLIENT, username, password, ...narrowed };
  const answer = await post(why, server.token_endpoint, form);
  if (answer.status === 200 && answer.json?.access_token) return session(answer.json, username, server);
  throw refusal(answer, server.token_endpoint);
}

function session(tokens, username, server) {
  const { access_token, refresh_token, expires_in } = tokens;
  return { access_token, refresh_token, expires_in, expires_at: Date.now() + expires_in * 1000, username, server };
}

/** Makes these tokens the ones of all tabs. */
export const adopt = keep;

/** Whether the access token is over, or will be before a request arrives. */
export function isOver({ expires_at, expires_in }) {
  return Date.now() >= expires_at - Math.min(10_000, expires_in * 100);
}

/**
 * New tokens instead of the access token `spent`, for all tabs.
 *
 * Tabs take turns by a Web Lock, and the one that comes second finds the work done. Where there are no Web Locks, two tabs
 * may send the same refresh token at once, and Jeton gives both the same answer.
 *
 * @param tell is called with the seconds to wait before another try
 * @throws {SignInNeeded} when the session is over, and only then
 * @throws {NoAnswer|Busy|Refused} when the tokens may still be good: they stay
 */
export function refresh(spent, tell) {
  return takeTurn(() => refreshInTurn(spent, tell));
}

async function takeTurn(work) {
  if (!navigator.locks) return work();
  const first = { ifAvailable: true };
  const done = await navigator.locks.request(KEPT, first, async (lock) => lock && { session: await work() });
  if (done) return done.session;
  // The lock may come before the news of what the other tab kept: browsers run tabs in different processes.
  const news = new Promise((resolve) => window.addEventListener("storage", resolve, { once: true }));
  return navigator.locks.request(KEPT, async () => {
    await Promise.race([news, pause(NEWS)]);
    return work();
  });
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function refreshInTurn(spent, tell) {
  for (let tries = 0; ; tries += 1) {
    const current = kept();
    if (!current) throw new SignInNeeded("You signed out.");
    if (current.access_token !== spent) return current;
    try {
      return await refreshOnce(current);
    } catch (error) {
      const again = error instanceof NoAnswer || (error instanceof Busy && error.seconds <= LONGEST_PAUSE);
      if (!again || tries >= PAUSES.length) throw error;
      // The answer may be lost although the server rotated: the same token, sent again, gets the same successor.
      const seconds = Math.max(PAUSES[tries], error.seconds ?? 0);
      tell(seconds);
      await pause(seconds);
    }
  }
}

async function refreshOnce(sent) {
  const form = { grant_type: "refresh_token", client_id: CLIENT, refresh_token: sent.refresh_token };
  const endpoint = sent.server.token_endpoint;
  const answer = await post("The access token has expired: a silent refresh", endpoint, form);
  // What was kept meanwhile is newer than this answer: another tab refreshed, or signed in or out.
  const current = kept();
  const overtaken = current?.refresh_token !== sent.refresh_token;
  if (answer.status === 200 && answer.json?.access_token) {
    if (!current) throw new SignInNeeded("You signed out.");
    return overtaken ? current : keep(session(answer.json, sent.username, sent.server));
  }
  const error = refusal(answer, endpoint);
  if (error.error !== "invalid_grant") throw error;
  if (current && overtaken) return current;
  localStorage.removeItem(KEPT);
  throw new SignInNeeded("Your session has ended. Please sign in again.");
}

/**
 * Forgets the tokens, and has the server end the session if it offers that (RFC 7009).
 *
 * @returns whether the server ended it
 */
export async function signOut() {
  const session = kept();
  const ended = session ? await revoke(session) : false;
  localStorage.removeItem(KEPT);
  return ended;
}

/** Forgets the tokens in all tabs, if they are still this person's. */
export function forget(whose) {
  if (subject(kept()) === whose) localStorage.removeItem(KEPT);
}

/** Ends a session at the server; `false` when that is not offered, or did not work. */
export async function revoke({ server, refresh_token }) {
  if (!server.revocation_endpoint) return false;
  const form = { token: refresh_token, token_type_hint: "refresh_token", client_id: CLIENT };
  try {
    const answer = await post("End the session (RFC 7009)", server.revocation_endpoint, form);
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
  // An answer that was cut off is as good as none.
  if (answer.status === 200 || answer.status >= 502) return new NoAnswer(url);
  return new Refused(answer.status, answer.json?.error, answer.json?.error_description);
}
