// Sign out everywhere: the password once more, for a token that may end sessions. The tokens that are kept may not.

import { beginRun } from "./developer.js";
import { NoAnswer, exchange, retryAfter } from "./http.js";
import { $, Advice, busily, inWords, refused, submitter } from "./screen.js";
import { Busy, CLIENT, RESOURCE, Refused, forget, revoke, signInForAccount, subject } from "./tokens.js";

const HOW_LONG = "Access tokens that are already out are good until they expire, or until the API hears of it.";

/** No clear answer came to the request that ends the sessions: it may have arrived. */
class Uncertain extends Error {}

/**
 * Asks in a dialog for the password of whom `session` belongs to, ends all their sessions, and forgets the tokens.
 *
 * @returns what was done, in words; `null` when it was called off
 * @throws {Advice|Uncertain} when that is for the page to tell: the dialog is closed
 */
export function signOutEverywhere(session) {
  const dialog = $("everywhere-dialog");
  $("everywhere-error").textContent = "";
  $("everywhere-username").value = session.username;
  dialog.showModal();
  $("everywhere-password").focus();
  return new Promise((resolve, reject) => {
    let attempt = null;
    dialog.onclose = () => {
      $("everywhere-password").value = "";
      // Escape does not call back what is on its way.
      Promise.resolve(attempt).then(resolve, reject);
    };
    $("everywhere-form").onsubmit = (event) => {
      event.preventDefault();
      busily(submitter(event), async () => {
        attempt = submit(session, dialog);
        const isOver = await attempt.catch(() => true);
        if (isOver) dialog.close();
      });
    };
  });
}

/** What was done, in words; `null` when the dialog says why nothing was, or was closed meanwhile. */
async function submit(session, dialog) {
  beginRun("Sign out everywhere");
  $("everywhere-error").textContent = "";
  try {
    const ended = await endSessions(session, $("everywhere-password").value, dialog);
    return ended && inWordsEnded(ended);
  } catch (error) {
    if (error instanceof Advice || (error instanceof Uncertain && !dialog.open)) throw error;
    $("everywhere-error").textContent = error instanceof Uncertain ? error.message : `${inWords(error)} Nobody was signed out.`;
    $("everywhere-password").focus();
    $("everywhere-password").select();
    return null;
  }
}

/** How many sessions were ended, the one made for this included; `null` when the dialog was closed before. */
async function endSessions(session, password, dialog) {
  const { server, username } = session;
  const made = await signInForAccount(server, username, password).catch((error) => {
    throw ["invalid_scope", "invalid_target"].includes(error.error) ? notRegistered(server) : error;
  });
  let ended = null;
  try {
    if (!dialog.open) return null;
    if (subject(made) !== subject(session)) throw new Refused(400, undefined, "That is another person’s account.");
    ended = await endAll(made);
  } finally {
    if (ended === null) revoke(made);
  }
  forget(subject(session));
  return ended;
}

async function endAll({ server, access_token }) {
  // This door is Jeton's own: no RFC has one like it, and so the metadata cannot name it. It is below the issuer's path.
  const url = `${server.issuer.replace(/\/$/, "")}/account/sessions`;
  const headers = { Accept: "application/json", Authorization: `Bearer ${access_token}` };
  const asked = exchange("End all sessions, with that token and never again", "DELETE", url, { headers });
  const answer = await asked.catch((error) => {
    throw error instanceof NoAnswer ? uncertain(error.origin) : error;
  });
  const { status, json } = answer;
  if (status === 200 && json?.sessions_ended > 0) return json.sessions_ended;
  if (status === 503 || status === 429) throw new Busy(url, retryAfter(answer, 1));
  if (status === 404 || status === 405) throw notOffered(server, url);
  throw status < 400 || status >= 500 ? uncertain(new URL(url).origin) : refused(answer);
}

/** The session that was made for this alone is among those ended, and is no device of anybody's. */
function inWordsEnded(ended) {
  const others = ended - 1;
  const which = ["no session but", "the one session that it kept for you, and"][others]
    ?? `all ${others} sessions that it kept for you, and`;
  return `Signed out everywhere: Jeton has ended ${which} the one made for this. ${HOW_LONG}`;
}

const uncertain = (origin) => new Uncertain(`No clear answer from ${origin} to the request that ends your sessions: it may `
  + "have arrived, or not. Sign out everywhere once more to be sure.");

function notOffered({ issuer }, url) {
  return new Advice("This server does not offer that",
    `${issuer} has nothing at ${url}, where Jeton signs people out everywhere. Nobody was signed out.`);
}

function notRegistered({ issuer, scope }) {
  const scopes = [...scope.split(" ").filter(Boolean), "account"].map((one) => `--scope ${one}`).join(" ");
  return new Advice("This page may not do that yet",
    `Its client, ${CLIENT}, is not registered for the scope account, or not for tokens that are good at ${issuer} itself. `
    + "Nobody was signed out. Whoever runs Jeton can register that, which signs nobody out either:",
    `$ jeton client update ${CLIENT} --first-party ${scopes} --audience ${RESOURCE} --audience ${issuer}`);
}
