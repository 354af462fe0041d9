// The page: one button, the story that it sets off, and what is on screen meanwhile.

import { call } from "./api.js";
import { beginRun, element, statusLine } from "./developer.js";
import { signOutEverywhere } from "./everywhere.js";
import { challenge } from "./http.js";
import { $, busily, inTime, inWords, refused, say, show, showSession, showTrouble, submitter, time } from "./screen.js";
import {
  Busy, RESOURCE, Refused, adopt, discover, kept, onChangeElsewhere, revoke, signIn, signOut, subject,
} from "./tokens.js";

const FIELDS = { name: "Name", email: "Email", phone: "Telephone", about: "About you" };

/** The info on screen, whose it is, and the version that an edit is based on. */
let shown = null;
/** Where the sign-in form sends to. */
let server = null;
/** Set while a press is being answered: another does not start a second story. */
let busy = false;

async function see() {
  beginRun("See my info");
  say("Asking the API …");
  const before = kept()?.access_token;
  const answer = await call("Ask the API for my info", "GET");
  if (answer.status === 401) return askToSignIn(answer);
  if (answer.status !== 200) throw refused(answer);
  const refreshed = before !== undefined && before !== kept()?.access_token;
  say(refreshed ? "Your access token had expired. This page got a new one without asking you." : "");
  showInfo(answer);
}

/** Shows the refusal for what it is, finds who signs people in, and asks the person. */
async function askToSignIn(answer) {
  $("refusal-status").textContent = statusLine(answer);
  $("refusal-challenge").textContent = answer.headers.get("www-authenticate") ?? "none";
  $("refusal-body").textContent = answer.json ? JSON.stringify(answer.json, null, 2) : answer.text;
  $("refusal-meaning").textContent = challenge(answer).error
    ? "The token that this page sent is not good for this API."
    : "This page sent no access token. That is no failure: it is how an API asks for one, and says where to get it.";
  show("refusal");
  say("The API says no. Looking for who signs people in …");
  server = await discover(answer);
  $("sign-in-server").textContent = server.issuer;
  $("sign-in-error").textContent = "";
  show("refusal", "sign-in");
  say("The API says no: it wants an access token. Please sign in.");
  $("username").focus();
}

async function submitSignIn() {
  beginRun("Sign in");
  $("sign-in-error").textContent = "";
  const password = $("password");
  try {
    const session = await signIn(server, $("username").value, password.value);
    password.value = "";
    showSession(adopt(session));
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Busy)) throw error;
    $("sign-in-error").textContent = inWords(error);
    password.focus();
    password.select();
    return;
  }
  show();
  await see();
}

/**
 * Asks for the password in a dialog, because the API wants a recent sign-in or the session is over.
 *
 * @returns whether the same person signed in again
 */
async function confirmIdentity(answer) {
  const before = kept();
  const where = before?.server ?? (await discover(answer));
  const age = Number(challenge(answer).max_age);
  $("again-why").textContent = age
    ? `To change your info the API wants a sign-in that is at most ${inTime(age)} old. What you typed is kept.`
    : "Your session has ended. What you typed is kept.";
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
      busily(submitter(event), async () => {
        confirmed = await signInAgain(where, before);
        if (confirmed) $("again").close();
      });
    };
  });
}

/** Whether the dialog's password was right; if not, the dialog says so. */
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
      throw new Refused(400, undefined, "That is another person’s account. Nothing was saved.");
    }
    showSession(adopt(session));
    if (before) await revoke(before);
    return true;
  } catch (error) {
    $("again-error").textContent = inWords(error);
    $("again-password").focus();
    $("again-password").select();
    return false;
  }
}

async function leave() {
  beginRun("Sign out");
  const { expires_at: expires, server: from } = kept();
  const ended = await signOut();
  const why = from.revocation_endpoint ? "it did not answer" : "it offers no way to end it from a page";
  clear(ended
    ? `Signed out: Jeton has ended the session. An access token that is already out is good until ${time(expires)}.`
    : "Signed out here: this browser has forgotten its tokens. Jeton’s session itself lives on until it has been idle for "
      + `long enough, because ${why}.`);
  $("see").focus();
}

async function leaveEverywhere() {
  const told = await signOutEverywhere(kept());
  if (!told) return;
  clear(told);
  $("see").focus();
}

function showInfo(answer) {
  const { json, headers } = answer;
  const session = kept();
  // Another tab may have signed out, or somebody else in, while the answer was on its way.
  if (subject(session) !== json.sub) return clear("This page is not signed in as before any more. Press the button.");
  shown = { info: json, etag: headers.get("etag"), subject: json.sub, username: session.username };
  const rows = [...Object.entries(FIELDS).map(([key, label]) => [label, json[key]]), ["Your id", json.sub]];
  $("info-fields").replaceChildren(...rows.flatMap(([label, value]) => [
    element("dt", {}, label),
    value ? element("dd", {}, value) : element("dd", { className: "none" }, "not told yet"),
  ]));
  $("info-note").textContent = json.updated_at
    ? `Last changed ${new Date(json.updated_at).toLocaleString()}.`
    : "You are new here: the API has just made a row for you. Tell it something.";
  show("info");
  $("info-title").focus();
}

function edit() {
  for (const key of Object.keys(FIELDS)) $(key).value = shown.info[key] ?? "";
  clearErrors();
  show("editor");
  say("");
  $("name").focus();
}

function cancel() {
  show("info");
  $("edit").focus();
}

async function save() {
  beginRun("Save");
  clearErrors();
  say("Saving …");
  let answer = await put();
  if (answer.status === 401) {
    if (!(await confirmIdentity(answer))) {
      say("");
      $("editor-error").textContent = "Not saved: the API wants you to confirm your password first.";
      return;
    }
    answer = await put();
  }
  if (answer.status === 412) return showConflict();
  if (answer.status === 422) return showErrors(answer.json);
  if (answer.status !== 200) throw refused(answer);
  say("Saved.");
  showInfo(answer);
}

function put() {
  const draft = Object.fromEntries(Object.keys(FIELDS).map((key) => [key, $(key).value.trim() || null]));
  const headers = { "Content-Type": "application/json", ...(shown.etag && { "If-Match": shown.etag }) };
  return call("Save my info", "PUT", { headers, body: JSON.stringify(draft) });
}

/** Someone saved since the form was opened: the next save is based on that, and says so. */
async function showConflict() {
  const now = await call("What stands there now?", "GET");
  if (now.status !== 200) throw refused(now);
  const theirs = Object.keys(FIELDS)
    .filter((key) => (now.json[key] ?? "") !== (shown.info[key] ?? ""))
    .map((key) => `${FIELDS[key]}: ${now.json[key] ?? "empty"}`);
  shown = { ...shown, info: now.json, etag: now.headers.get("etag") };
  say("");
  $("editor-error").textContent = "Not saved: it was changed elsewhere since you opened it. There it says "
    + `${theirs.join("; ") || "the same"}. Save again to put yours in its place.`;
}

function showErrors(problem) {
  say("");
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

/** What was on screen is nobody's any more, or somebody else's: it goes, and `why` is told. */
function clear(why) {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  shown = null;
  show();
  showSession(kept());
  say(why);
}

/** Runs a story, one at a time: what is pressed meanwhile starts no second one. */
async function run(button, story) {
  if (busy) return;
  busy = true;
  try {
    await attempt(button, story);
  } finally {
    busy = false;
  }
}

/** Runs a story beside whatever else is under way, and tells what goes wrong. */
async function attempt(button, story) {
  $("trouble").hidden = true;
  try {
    await busily(button, story);
  } catch (error) {
    showTrouble(error);
  }
}

const onPress = (id, story) => $(id).addEventListener("click", () => run($(id), story));
const onSubmit = (id, story) => $(id).addEventListener("submit", (event) => {
  event.preventDefault();
  run(submitter(event), story);
});

onPress("see", see);
// Whatever else is under way, signing out does not wait for it.
$("sign-out").addEventListener("click", () => attempt($("sign-out"), leave));
$("everywhere").addEventListener("click", () => attempt($("everywhere"), leaveEverywhere));
onPress("edit", async () => edit());
onPress("cancel", async () => cancel());
onSubmit("sign-in-form", submitSignIn);
onSubmit("editor-form", save);
for (const button of document.querySelectorAll("dialog .cancel")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

onChangeElsewhere((session) => {
  if (!session) return clear("You signed out in another tab.");
  showSession(session);
  if (shown && subject(session) !== shown.subject) {
    clear("Somebody else signed in in another tab. Press the button to see their info.");
  } else if (!$("sign-in").hidden) {
    show();
    say("You signed in in another tab. Press the button.");
  }
});

showSession(kept());
if (location.origin !== new URL(RESOURCE).origin) {
  showTrouble(new Refused(0, undefined,
    `You came by ${location.origin}, but this API is known as ${RESOURCE}, and tokens are for that alone. Open ${RESOURCE}`));
}
