// Calls the API with the stored access token, and refreshes the token if it has expired.

import { challenge, exchange, retryAfter } from "./http.js";
import { showSession, showStatus } from "./screen.js";
import { Busy, RESOURCE, SignInNeeded, isExpired, refresh, storedSession } from "./tokens.js";

/** Calls the API with the stored access token, refreshed if it has expired, or without a token. */
export async function call(why, method, options = {}) {
  let session = storedSession();
  try {
    if (session && isExpired(session)) session = await refreshed(session);
    let answer = await send(why, method, options, session);
    if (answer.status === 401 && session && challenge(answer).error === "invalid_token") {
      session = await refreshed(session);
      answer = await send(`${why}, with the new token`, method, options, session);
    }
    return answer;
  } catch (error) {
    if (!(error instanceof SignInNeeded)) throw error;
    showSession(null);
    showStatus(error.message);
    return send(`${why}, without a token`, method, options, null);
  }
}

async function refreshed(session) {
  const onRetry = (seconds) => showStatus(`Jeton does not respond. Retrying in ${seconds} s …`);
  const fresh = await refresh(session.access_token, onRetry);
  showSession(fresh);
  return fresh;
}

async function send(why, method, { headers, body }, session) {
  const authorization = session && { Authorization: `Bearer ${session.access_token}` };
  const answer = await exchange(why, method, new URL("my-info", document.baseURI).href, {
    headers: { Accept: "application/json", ...headers, ...authorization },
    body,
  });
  if (answer.status === 503) throw new Busy(RESOURCE, retryAfter(answer, 1));
  return answer;
}
