// Sign out everywhere: requires a new sign-in, for a token with the scope to revoke sessions. The stored tokens lack it.

import { signInForAccount } from "./authorization.js";
import { NoAnswer, exchange, retryAfter } from "./http.js";
import { $, Advice, refused } from "./screen.js";
import { Busy, CLIENT, RESOURCE, Refused, removeSession, revoke, subject } from "./tokens.js";

const REMAINING = "Access tokens already issued are valid until they expire, or until the API learns of the revocation.";

/** Asks for a confirmation, then redirects to the server's page. */
export async function signOutEverywhere(session) {
  const dialog = $("everywhere-dialog");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "confirm") return;
  await signInForAccount(session.server, { name: "everywhere", subject: subject(session), server: session.server });
}

/**
 * Revokes all sessions of the user with the token of that sign-in, and removes the tokens.
 *
 * @returns a message with the result
 */
export async function endEverywhere(temporary, wanted) {
  let ended = null;
  try {
    if (subject(temporary) !== wanted) {
      throw new Refused(400, undefined, "That is the account of another user. No session was revoked.");
    }
    ended = await endAll(temporary);
  } finally {
    if (ended === null) await revoke(temporary);
  }
  removeSession(wanted);
  return resultMessage(ended);
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

/** The session begun for this request and the one of the browser are among the revoked ones. */
function resultMessage(ended) {
  return `Signed out everywhere: Jeton has ended ${ended} sessions, with the one created for this request. ${REMAINING}`;
}

const uncertain = (origin) => new Advice(`No clear answer from ${origin} to the request that ends your sessions`,
  "It may have arrived, or not. Sign out everywhere once more to be sure.");

function notOffered({ issuer }, url) {
  return new Advice("This server does not offer that",
    `${issuer} has no endpoint ${url}, with which Jeton revokes all sessions. No session was revoked.`);
}

/** Instructions if the server does not let this page request tokens for the account. */
export function notRegistered({ issuer, scope }) {
  const scopes = [...scope.split(" ").filter(Boolean), "account"].map((one) => `--scope ${one}`).join(" ");
  return new Advice("This page may not do that yet",
    `Its client, ${CLIENT}, is not registered for the scope account, or not for the audience ${issuer}. `
    + "No session was revoked. The operator of Jeton can add both, without signing users out:",
    `$ jeton client update ${CLIENT} --first-party ${scopes} --audience ${RESOURCE} --audience ${issuer}`);
}
