// The browser, its permitted requests and console messages, and the step counter.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { API, ISSUER, PASSWORD, PROXY, until } from "./processes.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

const browser = await chromium.launch({ executablePath: process.env.CHECK_CHROMIUM, headless: true, args: FLAGS });
const counts = { passed: 0, failed: 0 };
/** Errors and warnings of the browser during this step. Each must match `expected`. */
let problems = [];
let expected = [];

/** Runs and counts a step. A problem reported by the browser fails it, unless it is expected. */
export async function step(name, work) {
  problems = [];
  expected = [];
  try {
    await work();
    const unexpected = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
    equal(unexpected, [], "problems reported by the browser");
    counts.passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    counts.failed += 1;
    console.log(`not ok ${name}\n${String(error.stack ?? error).replace(/^/gm, "    ")}`);
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      await screenshot(page, `failed-${counts.failed}`).catch(() => {});
    }
  }
}

/** Expects failed responses. The browser logs every response with status 400 or above; no status means no response. */
export function expect(...responses) {
  for (const [status, url] of responses) {
    const message = status ? `the server responded with a status of ${status} \\(` : "net::ERR_[A-Z_]+";
    expected.push(new RegExp(`^Failed to load resource: ${message}.* ${url.replaceAll(".", "\\.")}$`));
  }
}

/** Expects one of Jeton's pages with this status. */
export function expectPage(status, path = "/authorize") {
  expected.push(new RegExp(`^Failed to load resource: the server responded with a status of ${status} \\(.* ${ISSUER}${path}\\?`));
}

/** Expects requests to this origin. */
export function expectRequests(origin) {
  expected.push(new RegExp(`^a request to ${origin.replaceAll(".", "\\.")}/`));
}

/** Expects the browser's CORS error for an origin that is not registered. */
export function expectRefusedOrigin() {
  expected.push(new RegExp(`^Access to fetch at '${ISSUER}/token' from origin '${API}' has been blocked by CORS policy: `));
}

/** Expects the browser's errors for violations of a page's content security policy. */
export function expectPolicyViolations() {
  expected.push(/Content Security Policy|violates the following|Failed to load resource: net::ERR_|a request to (https:\/\/evil\.example\/|x:|chrome-error:)/);
}

export function report() {
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 && counts.passed > 0;
}

export const closeBrowser = () => browser.close();

/** A new browser context: separate cookies and storage. `locks: false` removes the Web Locks API. */
export async function newContext({ locks = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(10_000);
  if (!locks) {
    await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
  }
  context.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && ![API, ISSUER, PROXY].includes(origin)) problems.push(`a request to ${request.url()}`);
  });
  context.on("weberror", (error) => problems.push(`uncaught ${error.error()}`));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${message.text()} ${message.location().url}`);
  });
  return context;
}

export async function open(context, path = "/") {
  const page = await context.newPage();
  await page.goto(API + path);
  return page;
}

/** Signs in on Jeton's page, which then redirects. */
export async function signInAtJeton(page, username = "admin", password = PASSWORD) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Presses "Sign in" on the page of my-info, and signs in or continues on Jeton's page. */
export async function goAndSignIn(page, username, password) {
  await page.locator("#go").click();
  const form = page.getByLabel("Username");
  const next = page.getByRole("button", { name: "Continue" });
  await visible(form.or(next));
  if (await next.isVisible()) await next.click();
  else await signInAtJeton(page, username, password);
}

/** Signs in from the start page and waits for the info. */
export async function signIn(page, username, password) {
  expect([401, `${API}/my-info`]);
  await page.getByRole("button", { name: "See my info" }).click();
  await goAndSignIn(page, username, password);
  await visible(page.getByRole("heading", { name: "Your info" }));
}

export const tokens = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("my-info.session")));

/** The claims of an access token. */
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

export async function awaitExpiry(page) {
  const { expires_at } = await tokens(page);
  await until("the access token expires", () => Date.now() >= expires_at);
}

export const visible = (locator) => locator.waitFor({ state: "visible" });

/** Records the refresh tokens that a page or a context sends from now on. */
export function recordRefreshes(target) {
  const sent = [];
  target.on("request", (request) => {
    if (request.url() !== `${ISSUER}/token` || request.method() !== "POST") return;
    const form = new URLSearchParams(request.postData());
    if (form.get("grant_type") === "refresh_token") sent.push(form.get("refresh_token"));
  });
  return sent;
}

/** Checks axe's accessibility rules and that the page does not scroll horizontally. */
export async function checkAccessibility(page) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => (await window.axe.run()).violations
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`));
  equal(violations, [], "violations found by axe");
  const [content, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  equal(content <= window_, true, `${content} px of content in a window of ${window_}`);
}

export function screenshot(page, name) {
  return page.screenshot({ path: join(process.env.CHECK_SCREENSHOTS, `${name}.png`), fullPage: true });
}

export function equal(actual, wanted, what) {
  const [left, right] = [JSON.stringify(actual, null, 1), JSON.stringify(wanted, null, 1)];
  if (left !== right) throw new Error(`${what}: ${left}, expected ${right}`);
}

export function contains(text, part) {
  if (!text.includes(part)) throw new Error(`${JSON.stringify(text)} does not contain ${JSON.stringify(part)}`);
}
