// Signing out everywhere: the page requests the password and revokes all sessions of the user.

import {
  checkAccessibility, claims, contains, equal, expect, newContext, open, screenshot, step, tokens, visible,
} from "./browser.mjs";
import { API, ISSUER, jeton, jetonWithInput, until } from "./processes.mjs";

const USERNAME = "alice";
const PASSWORD = "a dozen quiet harbours";
/** Seconds within which the API must refuse the tokens of revoked sessions. */
const FEED_DELAY = 2;
const SESSIONS = `${ISSUER}/account/sessions`;
const ONE_SESSION = "Jeton has ended the one session that it kept for you, and the one created for this request.";

const button = (page) => page.locator("#everywhere");
const dialog = (page) => page.getByRole("dialog", { name: "Sign out everywhere?" });
const password = (page) => dialog(page).getByLabel("Password");
const error = (page) => dialog(page).getByRole("alert");
const status = (page) => page.locator("#status").innerText();
const alert = (page) => page.locator("#trouble");
const focus = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());

export async function signOutEverywhere() {
  jetonWithInput(PASSWORD, "user", "add", USERNAME);
  jeton("client", "add", "library", "--first-party", "--grant", "password", "--scope", "my-info:read", "--audience", API,
    "--access-token-lifetime", "5m");
  await threeDevices();
  const context = await newContext();
  const page = await open(context);
  await noResponse(page);
  await unsupported(page);
  await canceled(page);
  await missingScope(page);
  await context.close();
}

/** Clears the page's storage and signs in as the user of this file. */
async function signInHere(page) {
  expect([401, `${API}/my-info`]);
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await page.getByRole("button", { name: "See my info" }).click();
  const form = page.getByRole("region", { name: "Sign in" });
  await form.getByLabel("User name").fill(USERNAME);
  await form.getByLabel("Password").fill(PASSWORD);
  await form.getByRole("button", { name: "Sign in" }).click();
  await visible(page.getByRole("heading", { name: "Your info" }));
}

/** Waits until the dialog is closed and its button is enabled and focused. */
async function awaitClosed(page) {
  await until("the dialog is closed", async () => !(await dialog(page).isVisible()));
  await until("the button is ready", async () => (await button(page).getAttribute("aria-disabled")) === null);
  equal(await focus(page), "everywhere", "the focus");
}

/** Presses the button and submits the password in the dialog. */
async function submitPassword(page) {
  await button(page).click();
  await password(page).fill(PASSWORD);
  await password(page).press("Enter");
}

/** Whether the page's session can be refreshed. */
async function isActive(page) {
  const { refresh_token } = await tokens(page);
  const form = { grant_type: "refresh_token", client_id: "my-info", refresh_token };
  return (await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) })).ok;
}

/** Records the requests that a page sends to Jeton from now on. */
function recordRequests(page) {
  const requests = [];
  page.on("request", (request) => {
    if (request.url().startsWith(`${ISSUER}/`)) requests.push(`${request.method()} ${request.url()}`);
  });
  return requests;
}

/** Signs in at a client with long-lived tokens. The API refuses them early only by the feed of revoked sessions. */
async function signInAtLibrary() {
  const form = { grant_type: "password", client_id: "library", username: USERNAME, password: PASSWORD };
  const tokenResponse = await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) });
  const { access_token } = await tokenResponse.json();
  return async () => {
    const response = await fetch(`${API}/my-info`, { headers: { Authorization: `Bearer ${access_token}` } });
    return [response.status, await response.text()];
  };
}

async function threeDevices() {
  const [here, there] = [await newContext(), await newContext()];
  // Records everything that the page stores.
  await here.addInitScript(() => {
    const { setItem } = Storage.prototype;
    window.allStored = [];
    Storage.prototype.setItem = function (key, value) {
      window.allStored.push(value);
      setItem.call(this, key, value);
    };
  });
  const [page, other] = [await open(here), await open(there)];
  const tab = await open(here);
  let library;
  const requests = recordRequests(page);

  await step("signing out everywhere requests the password; Escape and Cancel close the dialog", async () => {
    await signInHere(page);
    await signInHere(other);
    library = await signInAtLibrary();
    equal((await library())[0], 200, "the API's status for the library");
    await page.reload();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    equal(await focus(page), "everywhere", "the second stop");
    requests.length = 0;
    await page.keyboard.press("Enter");
    await visible(dialog(page));
    equal(await focus(page), "everywhere-password", "the focus");
    equal(await dialog(page).getByLabel("User name").inputValue(), USERNAME, "the user name");
    equal(await password(page).getAttribute("autocomplete"), "current-password", "the autocomplete attribute");
    contains(await page.locator("#everywhere-why").innerText(), "on every other device");
    await checkAccessibility(page);
    await screenshot(page, "12-everywhere");
    await page.keyboard.type("half a pass");
    await page.keyboard.press("Escape");
    await awaitClosed(page);
    await page.keyboard.press("Enter");
    equal(await password(page).inputValue(), "", "the password field");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    equal(await focus(page), "Cancel", "the last stop of the dialog");
    await page.keyboard.press("Enter");
    await awaitClosed(page);
    equal(requests, [], "the requests sent");
    equal(await isActive(page), true, "the session is active");
  });

  await step("a wrong password revokes no session", async () => {
    expect([400, `${ISSUER}/token`]);
    await page.keyboard.press("Enter");
    await page.keyboard.type("wrong horse");
    await page.keyboard.press("Enter");
    await until("the error is shown", async () => (await error(page).innerText()).endsWith("No session was revoked."));
    contains(await error(page).innerText(), "The username or password is wrong");
    equal(await focus(page), "everywhere-password", "the focus");
    equal(requests, [`POST ${ISSUER}/token`], "the requests sent");
    equal([await isActive(page), await isActive(other)], [true, true], "the sessions are active");
    equal((await library())[0], 200, "the API's status for the library");
    await checkAccessibility(page);
    await screenshot(page, "13-everywhere-wrong");
  });

  await step(`the right password revokes all sessions, and the API refuses their tokens within ${FEED_DELAY} s`, async () => {
    requests.length = 0;
    const stored = claims((await tokens(page)).access_token);
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await until("the page shows the message", async () => (await status(page)).startsWith("Signed out everywhere"));
    const done = Date.now();
    await until("the API refuses the library's token", async () => (await library())[0] === 401, FEED_DELAY * 1000);
    console.log(`  the API refused the token after ${Date.now() - done} ms`);
    contains((await library())[1], "The session of the access token was revoked.");
    contains(await status(page), "Jeton has ended all 3 sessions that it kept for you, and the one created for this request.");
    equal(requests, [`POST ${ISSUER}/token`, `DELETE ${SESSIONS}`], "the requests sent");
    equal([await dialog(page).isVisible(), await focus(page)], [false, "see"], "the dialog is open, the focus");
    equal(await tokens(page), null, "the stored tokens");
    equal([stored.aud, stored.scope], [API, "my-info:read my-info:write"], "audience and scope of the stored token");
    await checkAccessibility(page);
    await screenshot(page, "14-everywhere-done");
  });

  await step("the token for the sign-out is shown decoded and masked, and was never stored", async () => {
    const [exchange, ending] = await page.locator(".run").first().locator(".step .inside").allTextContents();
    contains(exchange, "scope=account");
    contains(exchange, `"aud": "${ISSUER}"`);
    contains(exchange, '"scope": "account"');
    contains(ending, `DELETE /account/sessions`);
    contains(ending, '"sessions_ended": 4');
    const panel = await page.locator("#steps").textContent();
    const secrets = [PASSWORD, PASSWORD.replaceAll(" ", "+"), "wrong horse", "jrt_"];
    equal(secrets.filter((secret) => panel.includes(secret)), [], "secrets in the panel");
    const allStored = await page.evaluate(() => window.allStored);
    const audiences = allStored.map((text) => claims(JSON.parse(text).access_token).aud);
    equal(audiences.filter((audience) => audience !== API), [], "audiences of the stored tokens");
  });

  await step("the other tab and the other device are signed out", async () => {
    expect([400, `${ISSUER}/token`], [401, `${API}/my-info`]);
    await until("the other tab notices", async () => (await tab.locator("#who").innerText()) === "Signed out");
    await other.getByRole("button", { name: "See my info" }).click();
    await visible(other.getByRole("region", { name: "Sign in" }));
    equal(await tokens(other), null, "the stored tokens of the other device");
  });
  await Promise.all([here.close(), there.close()]);
}

async function noResponse(page) {
  await step("after 429, or without a response, the page shows an error and revokes no session", async () => {
    expect([429, `${ISSUER}/token`], [undefined, `${ISSUER}/token`], [undefined, SESSIONS]);
    await signInHere(page);
    const headers = { "retry-after": "30", "access-control-allow-origin": API, "access-control-expose-headers": "retry-after" };
    const tooMany = { status: 429, headers, json: { error: "temporarily_unavailable" } };
    await page.route(`${ISSUER}/token`, (route) => route.fulfill(tooMany), { times: 1 });
    await submitPassword(page);
    await until("the error is shown", async () => (await error(page).innerText())
      === "Too many sign-ins have failed. Please try again in 30 seconds. No session was revoked.");
    await page.route(`${ISSUER}/token`, (route) => route.abort(), { times: 1 });
    await password(page).press("Enter");
    await until("the error is shown", async () => (await error(page).innerText()) === `No response from ${ISSUER}. No session was revoked.`);
    await page.route(SESSIONS, (route) => route.abort(), { times: 1 });
    await password(page).press("Enter");
    await until("the error is shown", async () => (await error(page).innerText()).includes("it may have arrived, or not"));
    equal(await isActive(page), true, "the session is active");
    await password(page).press("Enter");
    await until("the page shows the message", async () => (await status(page)).includes(ONE_SESSION));
    equal(await tokens(page), null, "the stored tokens");
  });
}

async function unsupported(page) {
  await step("with a server that lacks the endpoint, the page says so and revokes the session of the attempt", async () => {
    expect([404, SESSIONS]);
    await signInHere(page);
    const headers = { "access-control-allow-origin": API };
    await page.route(SESSIONS, (route) => route.fulfill({ status: 404, headers, body: "" }), { times: 1 });
    const revoked = page.waitForResponse(`${ISSUER}/revoke`);
    await submitPassword(page);
    await visible(alert(page));
    contains(await alert(page).innerText(), "This server does not offer that");
    await awaitClosed(page);
    equal((await revoked).status(), 200, "the revocation of the session of the attempt");
    equal(await isActive(page), true, "the session is active");
  });
}

async function canceled(page) {
  await step("Escape while the password is being sent revokes no session", async () => {
    let arrived;
    const waiting = new Promise((resolve) => { arrived = resolve; });
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    await page.route(`${ISSUER}/token`, async (route) => {
      const response = await route.fetch();
      arrived();
      await held;
      await route.fulfill({ response });
    }, { times: 1 });
    const requests = recordRequests(page);
    await submitPassword(page);
    await waiting;
    await page.keyboard.press("Escape");
    const revoked = page.waitForResponse(`${ISSUER}/revoke`);
    release();
    await revoked;
    equal(requests.filter((one) => one.startsWith("DELETE")), [], "the requests that revoke sessions");
    await awaitClosed(page);
    equal(await isActive(page), true, "the session is active");
  });
}

async function missingScope(page) {
  await step("a client without the scope says so, and the suggested command helps", async () => {
    expect([400, `${ISSUER}/token`]);
    jeton("client", "update", "my-info", "--scope", "my-info:read", "--scope", "my-info:write", "--audience", API);
    await signInHere(page);
    await submitPassword(page);
    await visible(alert(page));
    contains(await alert(page).innerText(), "This page may not do that yet");
    equal(await isActive(page), true, "the session is active");
    const commands = await alert(page).locator("code").allInnerTexts();
    await checkAccessibility(page);
    await screenshot(page, "15-everywhere-unregistered");
    equal(commands.length, 1, "commands");
    jeton(...commands[0].split(" ").slice(1));
    equal(await isActive(page), true, "the session is active");
    await submitPassword(page);
    await until("the page shows the message", async () => (await status(page)).includes("Signed out everywhere"));
  });
}
