// What is on screen: which parts are shown, who is signed in, and troubles in words.

import { element, showToken } from "./developer.js";
import { NoAnswer, challenge } from "./http.js";
import { Busy, CLIENT, Refused, kept } from "./tokens.js";

const VIEWS = ["trouble", "refusal", "sign-in", "info", "editor"];

export const $ = (id) => document.getElementById(id);

/** What cannot be mended by trying again: a title, and what to do about it; `$ ` begins a command. */
export class Advice extends Error {
  constructor(title, ...texts) {
    super(title);
    this.texts = texts;
  }
}

/** Shows these parts of the page and no others. */
export function show(...views) {
  for (const view of VIEWS) $(view).hidden = !views.includes(view);
}

/** Tells what goes on; a screen reader says it too. */
export function say(text) {
  $("status").textContent = text;
}

/** Shows who is signed in, and their access token. */
export function showSession(session) {
  $("who").textContent = session ? `Signed in as ${session.username}` : "Signed out";
  $("leaving").hidden = !session;
  showToken(session);
}

/** What went wrong, and what to do, where the person looks. */
export function showTrouble(error) {
  const [title, ...texts] = trouble(error);
  $("trouble").replaceChildren(element("h2", {}, title), ...texts.map((text) =>
    text.startsWith("$ ") ? element("code", { className: "command" }, text.slice(2)) : element("p", {}, text)));
  $("trouble").hidden = false;
  $("trouble").scrollIntoView({ block: "nearest" });
  say("");
}

function trouble(error) {
  if (error instanceof NoAnswer && error.origin === location.origin) {
    return ["The API does not answer", `Nothing answers at ${error.origin}. Start it, then press the button again:`,
      "$ cargo run --example my-info"];
  }
  if (error instanceof NoAnswer) {
    return ["Jeton does not answer this page",
      `Either nothing listens at ${error.origin}. Then start it:`, "$ cargo run",
      `Or it refuses pages from ${location.origin}, because the client ${CLIENT} has not registered that origin. Then:`,
      `$ jeton client origins ${CLIENT} --add ${location.origin}`,
      ...(kept() ? ["Your sign-in is kept. Press the button again when that is done."] : [])];
  }
  if (error instanceof Advice) return [error.message, ...error.texts];
  return [error instanceof Busy ? "Please wait a moment" : "That did not work", inWords(error)];
}

/** An error as a sentence. */
export function inWords(error) {
  if (error instanceof NoAnswer) return `No answer from ${error.origin}.`;
  if (error instanceof Busy) return `${error.message}. Please try again in ${inTime(Math.max(1, error.seconds))}.`;
  return error.message;
}

/** What the API refused, as an error. */
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

/** Runs a story once while its button says that it is busy; a disabled one would lose the focus. */
export async function busily(button, story) {
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  try {
    await story();
  } finally {
    button.ariaDisabled = null;
  }
}

/** The button that sent a form, also when Enter did. */
export const submitter = (event) => event.submitter ?? event.target.querySelector("button");
