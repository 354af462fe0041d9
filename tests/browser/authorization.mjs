// Jeton's pages for sign-in, consent and "continue as", and the redirects to clients at other origins.

import { createServer } from "node:http";

import {
  checkAccessibility, equal, expectPage, expectRequests, newContext, screenshot, signInAtJeton, step, visible,
} from "./browser.mjs";
import { ISSUER, jeton, startJeton, stop, until } from "./processes.mjs";

const APP = "https://app.example";
/** The verifier and challenge of RFC 7636, appendix B. */
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const SCREENS = [
  ["narrow", { viewport: { width: 320, height: 640 }, colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
];

/** The URL of an authorization request. */
function request(client, redirect_uri, state, more = {}) {
  const parameters = {
    response_type: "code", client_id: client, redirect_uri, state, code_challenge: CHALLENGE, code_challenge_method: "S256",
    ...more,
  };
  return `${ISSUER}/authorize?${new URLSearchParams(parameters)}`;
}

async function redeem(client, redirect_uri, code) {
  const form = { grant_type: "authorization_code", client_id: client, redirect_uri, code, code_verifier: VERIFIER };
  return (await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) })).status;
}

/** The newest document that a page requested from each origin. Nothing listens at the client's, so no page loads there. */
const requested = new WeakMap();

async function contextWithApp(options) {
  const context = await newContext(options);
  context.on("request", (request) => {
    if (!request.isNavigationRequest()) return;
    requested.set(request.frame().page(), new URL(request.url()));
  });
  return context;
}

/** Waits until the browser requests the client's page, and returns the parameters. */
async function returned(page, origin) {
  await until(`the browser is at ${origin}`, () => requested.get(page)?.origin === origin);
  return requested.get(page).searchParams;
}

async function checked(page, name) {
  await checkAccessibility(page);
  await screenshot(page, name);
}

export async function authorization() {
  jeton("client", "add", "notes", "--grant", "authorization_code", "--scope", "notes", "--name", "Notes",
    "--redirect-uri", `${APP}/callback`);
  jeton("client", "add", "native", "--grant", "authorization_code", "--scope", "notes", "--consent", "skip",
    "--redirect-uri", "http://localhost/callback");
  for (const [name, options] of SCREENS) await everyPage(name, options);
  await loopback();
  await tabs();
  await withoutScript();
  await otherName();
  await restart();
}

async function everyPage(name, options) {
  const context = await contextWithApp(options);
  const page = await context.newPage();
  await step(`${name}: sign-in, consent and the redirect to another origin`, async () => {
    expectRequests(APP);
    await page.goto(request("notes", `${APP}/callback`, "one", { prompt: "consent" }));
    equal(await page.evaluate(() => document.activeElement.id), "username", "the focus");
    await checked(page, `authorize-${name}-1-sign-in`);
    await signInAtJeton(page, "admin", "wrong horse");
    await visible(page.getByText("Wrong username or password."));
    await checked(page, `authorize-${name}-2-wrong`);
    await signInAtJeton(page);
    await visible(page.getByRole("button", { name: "Allow" }));
    await checked(page, `authorize-${name}-3-consent`);
    await page.getByRole("button", { name: "Allow" }).click();
    const answer = await returned(page, APP);
    equal([answer.get("state"), answer.get("iss")], ["one", ISSUER], "state and iss");
    equal(await redeem("notes", `${APP}/callback`, answer.get("code")), 200, "the exchange");
  });
  await step(`${name}: "continue as" and the error page`, async () => {
    expectRequests(APP);
    expectPage(400);
    // A page of its own: the navigation to the client still fails in the other.
    const page = await context.newPage();
    await page.goto(request("notes", `${APP}/callback`, "two", { prompt: "select_account" }));
    await visible(page.getByRole("button", { name: "Continue" }));
    await checked(page, `authorize-${name}-4-continue`);
    await page.getByRole("button", { name: "Cancel" }).click();
    const answer = await returned(page, APP);
    equal([answer.get("state"), answer.get("error")], ["two", "access_denied"], "state and error");
    const refused = await context.newPage();
    await refused.goto(request("notes", `${APP}/other`, "three"));
    await checked(refused, `authorize-${name}-5-error`);
  });
  await context.close();
}

async function loopback() {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<link rel=icon href=data:,><h1>Done</h1>"));
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const origin = `http://localhost:${server.address().port}`;
  const context = await contextWithApp();
  const page = await context.newPage();
  await step("a native client listens on a loopback port of its choice, and is continued to each time", async () => {
    expectRequests(origin);
    await page.goto(request("native", `${origin}/callback`, "four"));
    await signInAtJeton(page);
    const first = await returned(page, origin);
    equal(await redeem("native", `${origin}/callback`, first.get("code")), 200, "the exchange");
    await page.goto(request("native", `${origin}/callback`, "five"));
    equal(new URL(page.url()).origin, ISSUER, "the origin");
    await page.getByRole("button", { name: "Continue" }).click();
    equal((await returned(page, origin)).get("state"), "five", "the state");
  });
  await context.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function tabs() {
  const context = await contextWithApp();
  await step("ten tabs sign in in any order, and each gets the code for its own state", async () => {
    expectRequests(APP);
    const opened = [];
    for (let state = 0; state < 10; state += 1) {
      const page = await context.newPage();
      await page.goto(request("notes", `${APP}/callback`, String(state)));
      opened.push({ page, state: String(state) });
    }
    opened.sort(() => Math.random() - 0.5);
    for (const { page, state } of opened) {
      await signInAtJeton(page);
      const answer = await returned(page, APP);
      equal(answer.get("state"), state, `the state in the order ${opened.map((tab) => tab.state)}`);
      equal(await redeem("notes", `${APP}/callback`, answer.get("code")), 200, "the exchange");
    }
  });
  await context.close();
}

async function withoutScript() {
  const context = await contextWithApp({ javaScriptEnabled: false });
  const page = await context.newPage();
  await step("the pages work without scripts", async () => {
    expectRequests(APP);
    await page.goto(request("notes", `${APP}/callback`, "six", { prompt: "consent" }));
    await signInAtJeton(page);
    await page.getByRole("button", { name: "Allow" }).click();
    equal((await returned(page, APP)).get("state"), "six", "the state");
  });
  await context.close();
}

async function otherName() {
  const context = await contextWithApp();
  const page = await context.newPage();
  await step("a request at 127.0.0.1 is redirected to the issuer at localhost", async () => {
    const other = ISSUER.replace("localhost", "127.0.0.1");
    expectRequests(APP);
    expectRequests(other);
    await page.goto(request("notes", `${APP}/callback`, "seven").replace(ISSUER, other));
    equal(new URL(page.url()).origin, ISSUER, "the origin");
    await signInAtJeton(page);
    equal((await returned(page, APP)).get("state"), "seven", "the state");
  });
  await context.close();
}

async function restart() {
  const context = await contextWithApp();
  const page = await context.newPage();
  await step("the browser stays signed in while Jeton restarts, also a form that was open", async () => {
    expectRequests(APP);
    const open = await context.newPage();
    await open.goto(request("notes", `${APP}/callback`, "eight"));
    await page.goto(request("notes", `${APP}/callback`, "nine"));
    await signInAtJeton(page);
    await returned(page, APP);
    await stop("jeton");
    await startJeton();
    await page.goto(request("notes", `${APP}/callback`, "ten")).catch(() => {});
    equal((await returned(page, APP)).get("state"), "ten", "the state without a page");
    await signInAtJeton(open);
    equal((await returned(open, APP)).get("state"), "eight", "the state of the open form");
    const cookies = await context.cookies(ISSUER);
    await until("a cookie is kept", () => cookies.some(({ httpOnly, sameSite }) => httpOnly && sameSite === "Lax"));
  });
  await context.close();
}
