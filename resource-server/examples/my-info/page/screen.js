// The visible parts of the page, the signed-in user, and error messages.

import { element, showToken } from "./developer.js";
import { NoAnswer, challenge } from "./http.js";
import { Busy, CLIENT, Refused, storedSession } from "./tokens.js";

const VIEWS = ["trouble", "refusal", "sign-in", "info", "editor"];

export const $ = (id) => document.getElementById(id);

/** An error that a retry does not fix: a title and instructions. A text with `$ ` is a command. */
export class Advice extends Error {
  constructor(title, ...texts) {
    super(title);
    this.texts = texts;
  }
}

/** Shows only these parts of the page. */
export function show(...views) {
  for (const view of VIEWS) $(view).hidden = !views.includes(view);
}

/** Shows the progress, also to screen readers. */
export function showStatus(text) {
  $("status").textContent = text;
}

/** Shows the signed-in user and the access token. */
export function showSession(session) {
  $("who").textContent = session ? "Signed in" : "Signed out";
  $("leaving").hidden = !session;
  showToken(session);
}

/** Shows an error, with instructions. */
export function showError(error) {
  const [title, ...texts] = describe(error);
  $("trouble").replaceChildren(element("h2", {}, title), ...texts.map((text) =>
    text.startsWith("$ ") ? element("code", { className: "command" }, text.slice(2)) : element("p", {}, text)));
  $("trouble").hidden = false;
  $("trouble").scrollIntoView({ block: "nearest" });
  showStatus("");
}

function describe(error) {
  if (error instanceof NoAnswer && error.origin === location.origin) {
    return ["The API does not answer", `There is no response from ${error.origin}. Start the API, then press the button again:`,
      "$ cargo run -p jeton-resource-server --example my-info"];
  }
  if (error instanceof NoAnswer) {
    return ["Jeton does not answer this page",
      `Jeton may not be running at ${error.origin}. Then start it:`, "$ cargo run",
      `Or the client ${CLIENT} lacks the origin ${location.origin}. Then add it:`,
      `$ jeton client origins ${CLIENT} --add ${location.origin}`,
      ...(storedSession() ? ["Your sign-in is kept. Press the button again afterwards."] : [])];
  }
  if (error instanceof Advice) return [error.message, ...error.texts];
  return [error instanceof Busy ? "Please wait a moment" : "The request failed", message(error)];
}

/** The message of an error. */
export function message(error) {
  if (error instanceof NoAnswer) return `No response from ${error.origin}.`;
  if (error instanceof Busy) return `${error.message}. Please try again in ${inTime(Math.max(1, error.seconds))}.`;
  return error.message;
}

/** The error of a refusal by the API. */
export function refused(answer) {
  const { error, error_description } = challenge(answer);
  return new Refused(answer.status, error, answer.json?.detail ?? error_description ?? error);
}

/** `90 seconds`, `10 minutes`. */
export function inTime(seconds) {
  const [number, unit] = seconds < 90 ? [Math.round(seconds), "second"] : [Math.round(seconds / 60), "minute"];
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}

/** The time of day. */
export function time(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString();
}

/** Runs an action with its button marked as busy. The button is not disabled, which would lose the focus. */
export async function whileBusy(button, action) {
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  try {
    await action();
  } finally {
    button.ariaDisabled = null;
  }
}

/** The button of a submitted form, also if Enter submitted it. */
export const submitter = (event) => event.submitter ?? event.target.querySelector("button");
