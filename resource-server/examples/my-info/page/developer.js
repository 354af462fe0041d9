// The panel for developers: each request and its response, and the decoded access token.

import { claims, header } from "./jwt.js";

const MASK = "••••••••";
const SECRET = new Set(["refresh_token", "token", "code", "code_verifier", "id_token", "id_token_hint"]);
/** Characters shown of a token: enough to recognize it, too few to use it. */
const SHOWN = 18;
/** Maximum number of runs on the page. */
const MAX_RUNS = 12;
const MEANINGS = {
  iss: "issuer", sub: "user", aud: "API that it is for", exp: "expires",
  iat: "issued", nbf: "not valid before", jti: "id of the token", client_id: "client that requested it",
  scope: "what it allows", auth_time: "time of the sign-in", acr: "kind of sign-in; pwd: by password", sid: "session",
  roles: "the user’s roles",
};
const TIMES = new Set(["exp", "iat", "nbf", "auth_time"]);

const $ = (id) => document.getElementById(id);

let steps;
let shown;

/** `401 Unauthorized`; from a server that speaks HTTP/2, `401`. */
export const statusLine = ({ status, statusText }) => `${status} ${statusText}`.trim();

/** Begins the list of requests of one press of a button. */
export function beginRun(title) {
  $("nothing").hidden = true;
  const now = new Date();
  const time = element("time", { dateTime: now.toISOString() }, now.toLocaleTimeString());
  steps = element("div");
  const run = element("section", { className: "run" }, element("h3", {}, element("span", {}, title), time), steps);
  $("steps").prepend(run);
  while ($("steps").children.length > MAX_RUNS) $("steps").lastChild.remove();
}

/** Shows a request; the response is added when it arrives. */
export function showStep(why, method, url, headers, body) {
  if (!steps) beginRun("This page");
  const target = new URL(url, location.href);
  const own = target.origin === location.origin;
  const badge = element("span", { className: "badge" }, "…");
  const inside = element("div", { className: "inside" }, element("h4", {}, "Request"),
    element("pre", {}, request(method, target, headers, body)));
  const summary = element("summary", {},
    element("span", { className: "line" }, `${method} ${own ? target.pathname : target.origin + target.pathname}`),
    badge, element("span", { className: "why" }, why));
  // Only the newest step is open, and those that the user opened.
  for (const before of $("steps").querySelectorAll("details[data-automatic]")) before.open = false;
  const details = element("details", { className: "step", open: true }, summary, inside);
  details.dataset.automatic = "";
  summary.addEventListener("click", () => delete details.dataset.automatic);
  steps.append(details);
  const finish = (kind, label, title, text) => {
    badge.className = `badge ${kind}`;
    badge.textContent = label;
    inside.append(element("h4", {}, title), element("pre", {}, text));
  };
  return {
    answered(response, { text, json }) {
      const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
      finish(response.ok ? "good" : "bad", statusLine(response), "Response",
        [`HTTP ${statusLine(response)}`, ...lines, "", json ? readable(json) : text].join("\n").trim());
      const token = json?.access_token;
      if (!token) return;
      inside.append(element("h4", {}, "The decoded token"),
        element("pre", {}, [header(token), claims(token)].map(readable).join("\n")));
    },
    unanswered(error) {
      finish("bad", "no answer", "Error of the browser", `${error.name}: ${error.message}`);
    },
  };
}

/** Shows a redirect of the browser with its parameters. */
export function showRedirect(why, url) {
  const target = new URL(url, location.href);
  const parameters = form({ "Content-Type": "form" }, target.search.slice(1));
  const own = target.origin === location.origin;
  const summary = element("summary", {},
    element("span", { className: "line" }, `GET ${own ? target.pathname : target.origin + target.pathname}`),
    element("span", { className: "badge good" }, "redirect"), element("span", { className: "why" }, why));
  const text = `GET ${target.pathname}\nHost: ${target.host}\n\n${parameters}`;
  const inside = element("div", { className: "inside" }, element("h4", {}, "Parameters"), element("pre", {}, text));
  steps.append(element("details", { className: "step" }, summary, inside));
}

function request(method, url, headers, body) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${shortened(name, value)}`);
  return [`${method} ${url.pathname}${url.search}`, `Host: ${url.host}`, ...lines, "", form(headers, body)].join("\n").trim();
}

function shortened(name, value) {
  return name === "Authorization" ? `${value.slice(0, "Bearer ".length + SHOWN)}…` : value;
}

function form(headers, body) {
  if (!body || !headers["Content-Type"]?.includes("form")) return body ? readable(JSON.parse(body)) : "";
  return [...new URLSearchParams(body)].map(([name, value]) => `${name}=${SECRET.has(name) ? MASK : value}`).join("\n&");
}

function readable(json) {
  return JSON.stringify(json, (name, value) => {
    if (SECRET.has(name) && typeof value === "string") return MASK;
    return name === "access_token" ? `${value.slice(0, SHOWN)}…` : value;
  }, 2);
}

/** Shows the decoded access token, if there is one. */
export function showToken(session) {
  shown = session;
  $("token").hidden = !session;
  if (!session) return;
  $("token-header").textContent = JSON.stringify(header(session.access_token), null, 2);
  $("token-claims").replaceChildren(...Object.entries(claims(session.access_token)).flatMap(([name, value]) => [
    element("dt", {}, name),
    element("dd", {}, typeof value === "string" ? value : JSON.stringify(value), element("small", {}, meaning(name, value))),
  ]));
  tick();
}

function meaning(name, value) {
  const time = TIMES.has(name) ? `: ${new Date(value * 1000).toLocaleString()}` : "";
  return (MEANINGS[name] ?? "") + time;
}

function tick() {
  if (!shown) return;
  const left = Math.max(0, shown.expires_at - Date.now());
  $("token-life").textContent = left > 0
    ? `Valid for another ${clock(left)}. Then the page refreshes it without asking you.`
    : "Expired. The next request refreshes it without asking you.";
  $("token-bar").style.transform = `scaleX(${Math.min(1, left / (shown.expires_in * 1000))})`;
}

function clock(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)} min`;
}

setInterval(tick, 1000);

/** Creates an element with properties and children; text is not parsed as HTML. */
export function element(name, properties = {}, ...inside) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...inside);
  return created;
}
