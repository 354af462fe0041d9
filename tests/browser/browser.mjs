// The browser, what it may ask and say, and the steps that are counted.

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
const tally = { passed: 0, failed: 0 };
/** What went wrong in the browser since the last step began: each must be expected. */
let complaints = [];
let expected = [];

/** Runs a step, and counts it. The browser's own complaints fail it, unless they are `expected`. */
export async function step(name, work) {
  complaints = [];
  expected = [];
  try {
    await work();
    const unexpected = complaints.filter((complaint) => !expected.some((pattern) => pattern.test(complaint)));
    equal(unexpected, [], "complaints of the browser");
    tally.passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    tally.failed += 1;
    console.log(`not ok ${name}\n${String(error.stack ?? error).replace(/^/gm, "    ")}`);
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      await shoot(page, `failed-${tally.failed}`).catch(() => {});
    }
  }
}

/** The browser logs each answer of 400 and above by itself; these are the ones that belong to the story. */
export function expect(...answers) {
  for (const [status, url] of answers) {
    const what = status ? `the server responded with a status of ${status} \\(` : "net::ERR_[A-Z_]+";
    expected.push(new RegExp(`^Failed to load resource: ${what}.* ${url.replaceAll(".", "\\.")}$`));
  }
}

/** The browser's words when it keeps an answer from a page of an origin that is not registered. */
export function expectRefusedOrigin() {
  expected.push(new RegExp(`^Access to fetch at '${ISSUER}/token' from origin '${API}' has been blocked by CORS policy: `));
}

/** The browser's words when a page's policy keeps something from running, loading or being framed. */
export function expectPolicy() {
  expected.push(/Content Security Policy|violates the following|Failed to load resource: net::ERR_|a request to (https:\/\/evil\.example\/|x:|chrome-error:)/);
}

export function report() {
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed === 0 && tally.passed > 0;
}

export const closeBrowser = () => browser.close();

/** A visitor with an own profile. */
export async function visitor({ locks = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(10_000);
  if (!locks) {
    await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
  }
  context.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && ![API, ISSUER, PROXY].includes(origin)) complaints.push(`a request to ${request.url()}`);
  });
  context.on("weberror", (error) => complaints.push(`uncaught ${error.error()}`));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
  });
  return context;
}

export async function open(context, path = "/") {
  const page = await context.newPage();
  await page.goto(API + path);
  return page;
}

/** From the first press to the info. */
export async function signIn(page, username = "admin") {
  expect([401, `${API}/my-info`]);
  await page.getByRole("button", { name: "See my info" }).click();
  const form = page.getByRole("region", { name: "Sign in" });
  await form.getByLabel("User name").fill(username);
  await form.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await seen(page.getByRole("heading", { name: "Your info" }));
}

export const tokens = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("my-info.session")));

/** What stands in an access token. */
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

export async function expiry(page) {
  const { expires_at } = await tokens(page);
  await until("the access token expires", () => Date.now() >= expires_at);
}

export const seen = (locator) => locator.waitFor({ state: "visible" });

/** Counts the refreshes that leave a page or a context from now on. */
export function refreshes(target) {
  const sent = [];
  target.on("request", (request) => {
    if (request.url() !== `${ISSUER}/token` || request.method() !== "POST") return;
    const form = new URLSearchParams(request.postData());
    if (form.get("grant_type") === "refresh_token") sent.push(form.get("refresh_token"));
  });
  return sent;
}

/** No violation of axe's rules, and nothing to scroll sideways. */
export async function wellMade(page) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => (await window.axe.run()).violations
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`));
  equal(violations, [], "violations found by axe");
  const [content, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  equal(content <= window_, true, `${content} px of content in a window of ${window_}`);
}

export function shoot(page, name) {
  return page.screenshot({ path: join(process.env.CHECK_SCREENSHOTS, `${name}.png`), fullPage: true });
}

export function equal(actual, wanted, what) {
  const [left, right] = [JSON.stringify(actual, null, 1), JSON.stringify(wanted, null, 1)];
  if (left !== right) throw new Error(`${what}: ${left}, not ${right}`);
}

export function contains(text, part) {
  if (!text.includes(part)) throw new Error(`${JSON.stringify(text)} does not contain ${JSON.stringify(part)}`);
}
