// The page: handlers of its buttons and forms.

import { call } from "./api.js";
import { NotSignedIn, returned, signIn, signOutAt } from "./authorization.js";
import { beginRun, element, statusLine } from "./developer.js";
import { endEverywhere, notRegistered, signOutEverywhere } from "./everywhere.js";
import { challenge } from "./http.js";
import {
  $, inTime, refused, show, showError, showSession, showStatus, submitter, time, whileBusy,
} from "./screen.js";
import {
  RESOURCE, Refused, discover, onChangeInOtherTab, revoke, signOut, storeSession, storedSession, subject,
} from "./tokens.js";

const FIELDS = { name: "Name", email: "Email", phone: "Telephone", about: "About you" };

/** The shown info, its user, and its version, on which an edit is based. */
let shown = null;
/** The authorization server of the button to sign in. */
let server = null;
/** Whether an action is running: a second press is ignored. */
let busy = false;

async function see() {
  beginRun("See my info");
  showStatus("Calling the API …");
  const before = storedSession()?.access_token;
  const answer = await call("Fetch my info", "GET");
  if (answer.status === 401) return askToSignIn(answer);
  if (answer.status !== 200) throw refused(answer);
  const refreshed = before !== undefined && before !== storedSession()?.access_token;
  showStatus(refreshed ? "Your access token had expired. The page refreshed it without asking you." : "");
  showInfo(answer);
}

/** Shows the refusal, finds the authorization server, and offers to sign in there. */
async function askToSignIn(answer) {
  $("refusal-status").textContent = statusLine(answer);
  $("refusal-challenge").textContent = answer.headers.get("www-authenticate") ?? "none";
  $("refusal-body").textContent = answer.json ? JSON.stringify(answer.json, null, 2) : answer.text;
  $("refusal-meaning").textContent = challenge(answer).error
    ? "The API does not accept the access token of this page."
    : "This page sent no access token. This is not an error: the API requires one and names its metadata.";
  show("refusal");
  showStatus("The API requires an access token. Finding its authorization server …");
  server = await discover(answer);
  $("sign-in-server").textContent = server.issuer;
  show("refusal", "sign-in");
  showStatus("The API requires an access token. Please sign in.");
  $("go").focus();
}

async function goToSignIn() {
  beginRun("Sign in");
  showStatus("Redirecting to the server’s page …");
  await signIn(server, { name: "see" });
}

/** Continues what the page redirected for, after the browser has returned. */
async function resume() {
  try {
    const result = await returned();
    if (result) await proceed(result);
  } catch (error) {
    if (!(error instanceof NotSignedIn)) throw error;
    await giveUp(error);
  }
}

async function proceed({ purpose, session }) {
  if (purpose.name === "save") return saveAgain(purpose, session);
  if (purpose.name !== "see") {
    clear(purpose.name === "everywhere" ? await endEverywhere(session, purpose.subject) : purpose.message);
    $("see").focus();
    return;
  }
  showSession(storeSession(session));
  await see();
}

/** The user declined, or the server refused. */
async function giveUp(error) {
  const { purpose } = error;
  if (purpose.name === "everywhere") {
    const unregistered = ["invalid_scope", "invalid_target"].includes(error.error);
    throw unregistered ? notRegistered(purpose.server) : error;
  }
  if (purpose.name !== "save") throw error;
  restoreDraft(purpose);
  $("editor-error").textContent = `Not saved: ${error.message}`;
}

/**
 * Asks to sign in again, because the API requires a recent sign-in or the session has ended. The draft is kept in this
 * tab meanwhile.
 *
 * @returns whether the browser leaves the page
 */
async function confirmIdentity(answer) {
  const where = storedSession()?.server ?? (await discover(answer));
  const age = Number(challenge(answer).max_age);
  $("again-why").textContent = age
    ? `To change your info the API requires a sign-in of the last ${inTime(age)}. Your input is kept.`
    : "Your session has ended. Your input is kept.";
  const dialog = $("again");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "confirm") return false;
  await signIn(where, { name: "save", shown, draft: draft() }, age ? { max_age: age } : { prompt: "login" });
  return true;
}

/** Saves the draft with the tokens of the new sign-in, if it is that of the same user. */
async function saveAgain(purpose, session) {
  restoreDraft(purpose);
  if (subject(session) !== shown.subject) {
    await revoke(session);
    $("editor-error").textContent = "Not saved: that is the account of another user.";
    return;
  }
  const before = storedSession();
  showSession(storeSession(session));
  if (before) await revoke(before);
  await save();
}

function restoreDraft(purpose) {
  shown = purpose.shown;
  edit();
  for (const [key, value] of Object.entries(purpose.draft)) $(key).value = value ?? "";
}

async function signOutHere() {
  beginRun("Sign out");
  const { expires_at: expires, server: from, id_token } = storedSession();
  const ended = await signOut();
  const why = from.revocation_endpoint ? "Jeton did not respond" : "Jeton has no revocation endpoint";
  const result = ended
    ? `Signed out: Jeton has ended the session. An access token already issued is valid until ${time(expires)}.`
    : `Signed out here: this browser has removed its tokens. The session at Jeton remains until its idle timeout: ${why}.`;
  clear(result);
  $("see").focus();
  // The browser is still signed in at the server, unless that ends, too.
  if (ended && from.end_session_endpoint) signOutAt(from, id_token, { name: "signed-out", message: result });
}

async function confirmSignOutEverywhere() {
  beginRun("Sign out everywhere");
  await signOutEverywhere(storedSession());
}

function showInfo(answer) {
  const { json, headers } = answer;
  const session = storedSession();
  // Another tab may have signed out, or signed in another user, before the response arrived.
  if (subject(session) !== json.sub) return clear("The signed-in user has changed. Press the button.");
  shown = { info: json, etag: headers.get("etag"), subject: json.sub };
  $("who").textContent = json.name ? `Signed in as ${json.name}` : "Signed in";
  const rows = [...Object.entries(FIELDS).map(([key, label]) => [label, json[key]]), ["Your id", json.sub]];
  $("info-fields").replaceChildren(...rows.flatMap(([label, value]) => [
    element("dt", {}, label),
    value ? element("dd", {}, value) : element("dd", { className: "none" }, "not set"),
  ]));
  $("info-note").textContent = json.updated_at
    ? `Last changed ${new Date(json.updated_at).toLocaleString()}.`
    : "You are new here: the API has just created a row for you. Edit it to add your info.";
  show("info");
  $("info-title").focus();
}

function edit() {
  for (const key of Object.keys(FIELDS)) $(key).value = shown.info[key] ?? "";
  clearErrors();
  show("editor");
  showStatus("");
  $("name").focus();
}

function cancel() {
  show("info");
  $("edit").focus();
}

async function save() {
  beginRun("Save");
  clearErrors();
  showStatus("Saving …");
  const answer = await put();
  if (answer.status === 401) {
    showStatus("");
    const leaves = await confirmIdentity(answer);
    if (!leaves) $("editor-error").textContent = "Not saved: the API requires a new sign-in first.";
    return;
  }
  if (answer.status === 412) return showConflict();
  if (answer.status === 422) return showErrors(answer.json);
  if (answer.status !== 200) throw refused(answer);
  showStatus("Saved.");
  showInfo(answer);
}

const draft = () => Object.fromEntries(Object.keys(FIELDS).map((key) => [key, $(key).value.trim() || null]));

function put() {
  const headers = { "Content-Type": "application/json", ...(shown.etag && { "If-Match": shown.etag }) };
  return call("Save my info", "PUT", { headers, body: JSON.stringify(draft()) });
}

/** The info was changed after the form was opened: shows the changes; the next save replaces them. */
async function showConflict() {
  const now = await call("Fetch the current info", "GET");
  if (now.status !== 200) throw refused(now);
  const theirs = Object.keys(FIELDS)
    .filter((key) => (now.json[key] ?? "") !== (shown.info[key] ?? ""))
    .map((key) => `${FIELDS[key]}: ${now.json[key] ?? "empty"}`);
  shown = { ...shown, info: now.json, etag: now.headers.get("etag") };
  showStatus("");
  $("editor-error").textContent = "Not saved: your info was changed elsewhere since you opened it. Current values: "
    + `${theirs.join("; ") || "the same"}. Save again to replace them.`;
}

function showErrors(problem) {
  showStatus("");
  const errors = problem.errors ?? [];
  for (const { pointer, detail } of errors) {
    const key = pointer.replace(/^#\//, "");
    if (!FIELDS[key]) continue;
    $(key).setAttribute("aria-invalid", "true");
    $(`${key}-error`).textContent = detail;
  }
  $("editor-error").textContent = problem.detail;
  document.querySelector("#editor [aria-invalid]")?.focus();
}

function clearErrors() {
  for (const error of document.querySelectorAll("#editor .error")) error.textContent = "";
  for (const field of document.querySelectorAll("#editor [aria-invalid]")) field.removeAttribute("aria-invalid");
}

/** Removes the info and shows `message`. */
function clear(message) {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  shown = null;
  show();
  showSession(storedSession());
  showStatus(message);
}

/** Runs an action, unless another is running. */
async function run(button, action) {
  if (busy) return;
  busy = true;
  try {
    await attempt(button, action);
  } finally {
    busy = false;
  }
}

/** Runs an action, also while another is running, and shows its errors. */
async function attempt(button, action) {
  $("trouble").hidden = true;
  try {
    await whileBusy(button, action);
  } catch (error) {
    showError(error);
  }
}

const onPress = (id, action) => $(id).addEventListener("click", () => run($(id), action));
const onSubmit = (id, action) => $(id).addEventListener("submit", (event) => {
  event.preventDefault();
  run(submitter(event), action);
});

onPress("see", see);
// Signing out does not wait for another action.
$("sign-out").addEventListener("click", () => attempt($("sign-out"), signOutHere));
$("everywhere").addEventListener("click", () => attempt($("everywhere"), confirmSignOutEverywhere));
onPress("edit", async () => edit());
onPress("cancel", async () => cancel());
onPress("go", goToSignIn);
onSubmit("editor-form", save);
// The browser returns by its back button, with the page as it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) showStatus("");
});

onChangeInOtherTab((session) => {
  if (!session) return clear("You signed out in another tab.");
  showSession(session);
  if (shown && subject(session) !== shown.subject) {
    clear("Another user signed in in another tab. Press the button to see their info.");
  } else if (!$("sign-in").hidden) {
    show();
    showStatus("You signed in in another tab. Press the button.");
  }
});

showSession(storedSession());
if (location.origin !== new URL(RESOURCE).origin) {
  showError(new Refused(0, undefined,
    `This page was opened at ${location.origin}, but tokens are valid for ${RESOURCE} only. Open ${RESOURCE}`));
} else {
  run($("see"), resume);
}
