// The page: handlers of its buttons and forms.

import { call } from "./api.js";
import { beginRun, element, statusLine } from "./developer.js";
import { signOutEverywhere } from "./everywhere.js";
import { challenge } from "./http.js";
import {
  $, inTime, message, refused, show, showError, showSession, showStatus, submitter, time, whileBusy,
} from "./screen.js";
import {
  Busy, RESOURCE, Refused, discover, onChangeInOtherTab, revoke, signIn, signOut, storeSession, storedSession, subject,
} from "./tokens.js";

const FIELDS = { name: "Name", email: "Email", phone: "Telephone", about: "About you" };

/** The shown info, its user, and its version, on which an edit is based. */
let shown = null;
/** The authorization server of the sign-in form. */
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

/** Shows the refusal, finds the authorization server, and shows the sign-in form. */
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
  $("sign-in-error").textContent = "";
  show("refusal", "sign-in");
  showStatus("The API requires an access token. Please sign in.");
  $("username").focus();
}

async function submitSignIn() {
  beginRun("Sign in");
  $("sign-in-error").textContent = "";
  const password = $("password");
  try {
    const session = await signIn(server, $("username").value, password.value);
    password.value = "";
    showSession(storeSession(session));
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Busy)) throw error;
    $("sign-in-error").textContent = message(error);
    password.focus();
    password.select();
    return;
  }
  show();
  await see();
}

/**
 * Prompts for the password in a dialog, because the API requires a recent sign-in or the session has ended.
 *
 * @returns whether the same user signed in again
 */
async function confirmIdentity(answer) {
  const before = storedSession();
  const where = before?.server ?? (await discover(answer));
  const age = Number(challenge(answer).max_age);
  $("again-why").textContent = age
    ? `To change your info the API requires a sign-in of the last ${inTime(age)}. Your input is kept.`
    : "Your session has ended. Your input is kept.";
  $("again-error").textContent = "";
  $("again-username").value = shown.username;
  $("again-username").readOnly = Boolean(shown.username);
  $("again").showModal();
  $("again-password").focus();
  return new Promise((resolve) => {
    let confirmed = false;
    $("again").onclose = () => {
      $("again-password").value = "";
      resolve(confirmed);
    };
    $("again-form").onsubmit = (event) => {
      event.preventDefault();
      whileBusy(submitter(event), async () => {
        confirmed = await signInAgain(where, before);
        if (confirmed) $("again").close();
      });
    };
  });
}

/** Whether the password was right; otherwise the dialog shows the error. */
async function signInAgain(where, before) {
  $("again-error").textContent = "";
  try {
    const session = await signIn(where, $("again-username").value, $("again-password").value);
    if (!$("again").open) {
      await revoke(session);
      return false;
    }
    if (subject(session) !== shown.subject) {
      await revoke(session);
      throw new Refused(400, undefined, "That is the account of another user. Nothing was saved.");
    }
    showSession(storeSession(session));
    if (before) await revoke(before);
    return true;
  } catch (error) {
    $("again-error").textContent = message(error);
    $("again-password").focus();
    $("again-password").select();
    return false;
  }
}

async function signOutHere() {
  beginRun("Sign out");
  const { expires_at: expires, server: from } = storedSession();
  const ended = await signOut();
  const why = from.revocation_endpoint ? "Jeton did not respond" : "Jeton has no revocation endpoint";
  clear(ended
    ? `Signed out: Jeton has ended the session. An access token already issued is valid until ${time(expires)}.`
    : `Signed out here: this browser has removed its tokens. The session at Jeton remains until its idle timeout: ${why}.`);
  $("see").focus();
}

async function confirmSignOutEverywhere() {
  const result = await signOutEverywhere(storedSession());
  if (!result) return;
  clear(result);
  $("see").focus();
}

function showInfo(answer) {
  const { json, headers } = answer;
  const session = storedSession();
  // Another tab may have signed out, or signed in another user, before the response arrived.
  if (subject(session) !== json.sub) return clear("The signed-in user has changed. Press the button.");
  shown = { info: json, etag: headers.get("etag"), subject: json.sub, username: session.username };
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
  let answer = await put();
  if (answer.status === 401) {
    if (!(await confirmIdentity(answer))) {
      showStatus("");
      $("editor-error").textContent = "Not saved: the API requires your password first.";
      return;
    }
    answer = await put();
  }
  if (answer.status === 412) return showConflict();
  if (answer.status === 422) return showErrors(answer.json);
  if (answer.status !== 200) throw refused(answer);
  showStatus("Saved.");
  showInfo(answer);
}

function put() {
  const draft = Object.fromEntries(Object.keys(FIELDS).map((key) => [key, $(key).value.trim() || null]));
  const headers = { "Content-Type": "application/json", ...(shown.etag && { "If-Match": shown.etag }) };
  return call("Save my info", "PUT", { headers, body: JSON.stringify(draft) });
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
onSubmit("sign-in-form", submitSignIn);
onSubmit("editor-form", save);
for (const button of document.querySelectorAll("dialog .cancel")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

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
}
