// Sign out everywhere: requires the password, for a token with the scope to revoke sessions. The stored tokens lack it.

import { beginRun } from "./developer.js";
import { NoAnswer, exchange, retryAfter } from "./http.js";
import { $, Advice, message, refused, submitter, whileBusy } from "./screen.js";
import { Busy, CLIENT, RESOURCE, Refused, removeSession, revoke, signInForAccount, subject } from "./tokens.js";

const REMAINING = "Access tokens already issued are valid until they expire, or until the API learns of the revocation.";

/** The request to revoke the sessions may or may not have arrived. */
class Uncertain extends Error {}

/**
 * Prompts for the password of the session's user, revokes all their sessions, and removes the tokens.
 *
 * @returns a message with the result; `null` if the user canceled
 * @throws {Advice|Uncertain} for the page to show after the dialog is closed
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
      // Escape does not cancel a request that was sent.
      Promise.resolve(attempt).then(resolve, reject);
    };
    $("everywhere-form").onsubmit = (event) => {
      event.preventDefault();
      whileBusy(submitter(event), async () => {
        attempt = submit(session, dialog);
        const isDone = await attempt.catch(() => true);
        if (isDone) dialog.close();
      });
    };
  });
}

/** A message with the result; `null` if the dialog shows an error or was closed. */
async function submit(session, dialog) {
  beginRun("Sign out everywhere");
  $("everywhere-error").textContent = "";
  try {
    const ended = await endSessions(session, $("everywhere-password").value, dialog);
    return ended && resultMessage(ended);
  } catch (error) {
    if (error instanceof Advice || (error instanceof Uncertain && !dialog.open)) throw error;
    $("everywhere-error").textContent = error instanceof Uncertain ? error.message : `${message(error)} No session was revoked.`;
    $("everywhere-password").focus();
    $("everywhere-password").select();
    return null;
  }
}

/** The number of revoked sessions, including the one begun for this; `null` if the dialog was closed before. */
async function endSessions(session, password, dialog) {
  const { server, username } = session;
  const temporary = await signInForAccount(server, username, password).catch((error) => {
    throw ["invalid_scope", "invalid_target"].includes(error.error) ? notRegistered(server) : error;
  });
  let ended = null;
  try {
    if (!dialog.open) return null;
    if (subject(temporary) !== subject(session)) throw new Refused(400, undefined, "That is the account of another user.");
    ended = await endAll(temporary);
  } finally {
    if (ended === null) revoke(temporary);
  }
  removeSession(subject(session));
  return ended;
}

async function endAll({ server, access_token }) {
  // An endpoint of Jeton without an RFC, so the metadata does not name it. It is below the issuer's path.
  const url = `${server.issuer.replace(/\/$/, "")}/account/sessions`;
  const headers = { Accept: "application/json", Authorization: `Bearer ${access_token}` };
  const request = exchange("Revoke all sessions with that token", "DELETE", url, { headers });
  const answer = await request.catch((error) => {
    throw error instanceof NoAnswer ? uncertain(error.origin) : error;
  });
  const { status, json } = answer;
  if (status === 200 && json?.sessions_ended > 0) return json.sessions_ended;
  if (status === 503 || status === 429) throw new Busy(url, retryAfter(answer, 1));
  if (status === 404 || status === 405) throw notOffered(server, url);
  throw status < 400 || status >= 500 ? uncertain(new URL(url).origin) : refused(answer);
}

/** The session begun for this request is among the revoked ones, and is not a device of the user. */
function resultMessage(ended) {
  const others = ended - 1;
  const which = ["no session but", "the one session that it kept for you, and"][others]
    ?? `all ${others} sessions that it kept for you, and`;
  return `Signed out everywhere: Jeton has ended ${which} the one created for this request. ${REMAINING}`;
}

const uncertain = (origin) => new Uncertain(`No clear answer from ${origin} to the request that ends your sessions: it may `
  + "have arrived, or not. Sign out everywhere once more to be sure.");

function notOffered({ issuer }, url) {
  return new Advice("This server does not offer that",
    `${issuer} has no endpoint ${url}, with which Jeton revokes all sessions. No session was revoked.`);
}

function notRegistered({ issuer, scope }) {
  const scopes = [...scope.split(" ").filter(Boolean), "account"].map((one) => `--scope ${one}`).join(" ");
  return new Advice("This page may not do that yet",
    `Its client, ${CLIENT}, is not registered for the scope account, or not for the audience ${issuer}. `
    + "No session was revoked. The operator of Jeton can add both, without signing users out:",
    `$ jeton client update ${CLIENT} --first-party ${scopes} --audience ${RESOURCE} --audience ${issuer}`);
}
