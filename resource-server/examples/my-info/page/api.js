// Calls of the API, with the access token there is; refreshed first, silently, when it is over.

import { challenge, exchange, retryAfter } from "./http.js";
import { say, showSession } from "./screen.js";
import { Busy, RESOURCE, SignInNeeded, isOver, kept, refresh } from "./tokens.js";

/** Asks the API with the access token there is, refreshed if it is over; without one if there is none. */
export async function call(why, method, options = {}) {
  let session = kept();
  try {
    if (session && isOver(session)) session = await renewed(session);
    let answer = await ask(why, method, options, session);
    if (answer.status === 401 && session && challenge(answer).error === "invalid_token") {
      session = await renewed(session);
      answer = await ask(`${why}, with the new token`, method, options, session);
    }
    return answer;
  } catch (error) {
    if (!(error instanceof SignInNeeded)) throw error;
    showSession(null);
    say(error.message);
    return ask(`${why}, without a token`, method, options, null);
  }
}

async function renewed(session) {
  const tell = (seconds) => say(`Jeton does not answer. Trying again in ${seconds} s …`);
  const fresh = await refresh(session.access_token, tell);
  showSession(fresh);
  return fresh;
}

async function ask(why, method, { headers, body }, session) {
  const authorization = session && { Authorization: `Bearer ${session.access_token}` };
  const answer = await exchange(why, method, new URL("my-info", document.baseURI).href, {
    headers: { Accept: "application/json", ...headers, ...authorization },
    body,
  });
  if (answer.status === 503) throw new Busy(RESOURCE, retryAfter(answer, 1));
  return answer;
}
