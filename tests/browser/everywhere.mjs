// Signing out everywhere: the password once more, and then nobody is signed in anywhere.

import {
  claims, contains, equal, expect, open, seen, shoot, signIn, step, tokens, visitor, wellMade,
} from "./browser.mjs";
import { API, ISSUER, jeton, jetonReading, until } from "./processes.mjs";

const WHO = "alice";
const PASSWORD = "a dozen quiet harbours";
/** Seconds after which the API must have heard of it. */
const HEARD = 2;
const SESSIONS = `${ISSUER}/account/sessions`;
const ONE = "Jeton has ended the one session that it kept for you, and the one made for this.";

const button = (page) => page.locator("#everywhere");
const dialog = (page) => page.getByRole("dialog", { name: "Sign out everywhere?" });
const password = (page) => dialog(page).getByLabel("Password");
const error = (page) => dialog(page).getByRole("alert");
const status = (page) => page.locator("#status").innerText();
const trouble = (page) => page.locator("#trouble");
const focus = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());

export async function everywhere() {
  jetonReading(PASSWORD, "user", "add", WHO);
  jeton("client", "add", "library", "--first-party", "--grant", "password", "--scope", "my-info:read", "--audience", API,
    "--access-token-lifetime", "5m");
  await threeDevices();
  const context = await visitor();
  const page = await open(context);
  await unanswered(page);
  await notThere(page);
  await calledOff(page);
  await notRegistered(page);
  await context.close();
}

/** Signs in as Alice, whose password is not that of the other stories; whatever the page kept is forgotten. */
async function signInHere(page) {
  expect([401, `${API}/my-info`]);
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await page.getByRole("button", { name: "See my info" }).click();
  const form = page.getByRole("region", { name: "Sign in" });
  await form.getByLabel("User name").fill(WHO);
  await form.getByLabel("Password").fill(PASSWORD);
  await form.getByRole("button", { name: "Sign in" }).click();
  await seen(page.getByRole("heading", { name: "Your info" }));
}

/** The dialog is gone, and its button has the focus and can be pressed again. */
async function closed(page) {
  await until("the dialog is closed", async () => !(await dialog(page).isVisible()));
  await until("the button is ready", async () => (await button(page).getAttribute("aria-disabled")) === null);
  equal(await focus(page), "everywhere", "the focus");
}

/** Presses the button, and sends the password from the dialog. */
async function ask(page) {
  await button(page).click();
  await password(page).fill(PASSWORD);
  await password(page).press("Enter");
}

/** Whether Jeton goes on with the session that the page keeps. */
async function livesOn(page) {
  const { refresh_token } = await tokens(page);
  const form = { grant_type: "refresh_token", client_id: "my-info", refresh_token };
  return (await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) })).ok;
}

/** What a page asks Jeton from now on. */
function requestsOf(page) {
  const asked = [];
  page.on("request", (request) => {
    if (request.url().startsWith(`${ISSUER}/`)) asked.push(`${request.method()} ${request.url()}`);
  });
  return asked;
}

/** A token from elsewhere that outlives this story: only what the API hears can end it. */
async function atTheLibrary() {
  const form = { grant_type: "password", client_id: "library", username: WHO, password: PASSWORD };
  const answer = await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) });
  const { access_token } = await answer.json();
  return async () => {
    const seenThere = await fetch(`${API}/my-info`, { headers: { Authorization: `Bearer ${access_token}` } });
    return [seenThere.status, await seenThere.text()];
  };
}

async function threeDevices() {
  const [here, there] = [await visitor(), await visitor()];
  // All that the page ever keeps.
  await here.addInitScript(() => {
    const { setItem } = Storage.prototype;
    window.everKept = [];
    Storage.prototype.setItem = function (key, value) {
      window.everKept.push(value);
      setItem.call(this, key, value);
    };
  });
  const [page, other] = [await open(here), await open(there)];
  const tab = await open(here);
  let library;
  const asked = requestsOf(page);

  await step("signing out everywhere asks for the password; Escape and Cancel call it off", async () => {
    await signInHere(page);
    await signInHere(other);
    library = await atTheLibrary();
    equal((await library())[0], 200, "the API's answer to the library");
    await page.reload();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    equal(await focus(page), "everywhere", "the second stop");
    asked.length = 0;
    await page.keyboard.press("Enter");
    await seen(dialog(page));
    equal(await focus(page), "everywhere-password", "the focus");
    equal(await dialog(page).getByLabel("User name").inputValue(), WHO, "the user name");
    equal(await password(page).getAttribute("autocomplete"), "current-password", "what a password manager reads");
    contains(await page.locator("#everywhere-why").innerText(), "on every other device");
    await wellMade(page);
    await shoot(page, "12-everywhere");
    await page.keyboard.type("half a pass");
    await page.keyboard.press("Escape");
    await closed(page);
    await page.keyboard.press("Enter");
    equal(await password(page).inputValue(), "", "what was typed before");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    equal(await focus(page), "Cancel", "the last stop of the dialog");
    await page.keyboard.press("Enter");
    await closed(page);
    equal(asked, [], "what was sent");
    equal(await livesOn(page), true, "the session lives on");
  });

  await step("a wrong password signs nobody out", async () => {
    expect([400, `${ISSUER}/token`]);
    await page.keyboard.press("Enter");
    await page.keyboard.type("wrong horse");
    await page.keyboard.press("Enter");
    await until("the error is shown", async () => (await error(page).innerText()).endsWith("Nobody was signed out."));
    contains(await error(page).innerText(), "The user name or password is wrong");
    equal(await focus(page), "everywhere-password", "the focus");
    equal(asked, [`POST ${ISSUER}/token`], "what was sent");
    equal([await livesOn(page), await livesOn(other)], [true, true], "the sessions live on");
    equal((await library())[0], 200, "the API's answer to the library");
    await wellMade(page);
    await shoot(page, "13-everywhere-wrong");
  });

  await step(`the right one signs out everywhere, and the API hears of it within ${HEARD} s`, async () => {
    asked.length = 0;
    const kept = claims((await tokens(page)).access_token);
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await until("the page says so", async () => (await status(page)).startsWith("Signed out everywhere"));
    const done = Date.now();
    await until("the API refuses the library's token", async () => (await library())[0] === 401, HEARD * 1000);
    console.log(`  the API heard of it within ${Date.now() - done} ms`);
    contains((await library())[1], "The session of the access token was ended.");
    contains(await status(page), "Jeton has ended all 3 sessions that it kept for you, and the one made for this.");
    equal(asked, [`POST ${ISSUER}/token`, `DELETE ${SESSIONS}`], "what was sent");
    equal([await dialog(page).isVisible(), await focus(page)], [false, "see"], "the dialog is open, the focus");
    equal(await tokens(page), null, "what is kept");
    equal([kept.aud, kept.scope], [API, "my-info:read my-info:write"], "what the kept token was good for");
    await wellMade(page);
    await shoot(page, "14-everywhere-done");
  });

  await step("the token for it was shown taken apart, masked, and never kept", async () => {
    const [exchange, ending] = await page.locator(".run").first().locator(".step .inside").allTextContents();
    contains(exchange, "scope=account");
    contains(exchange, `"aud": "${ISSUER}"`);
    contains(exchange, '"scope": "account"');
    contains(ending, `DELETE /account/sessions`);
    contains(ending, '"sessions_ended": 4');
    const panel = await page.locator("#steps").textContent();
    const secrets = [PASSWORD, PASSWORD.replaceAll(" ", "+"), "wrong horse", "jrt_"];
    equal(secrets.filter((secret) => panel.includes(secret)), [], "secrets in the panel");
    const everKept = await page.evaluate(() => window.everKept);
    const good = everKept.map((text) => claims(JSON.parse(text).access_token).aud);
    equal(good.filter((audience) => audience !== API), [], "audiences of what was kept");
  });

  await step("the other tab and the other device are signed out", async () => {
    expect([400, `${ISSUER}/token`], [401, `${API}/my-info`]);
    await until("the other tab notices", async () => (await tab.locator("#who").innerText()) === "Signed out");
    await other.getByRole("button", { name: "See my info" }).click();
    await seen(other.getByRole("region", { name: "Sign in" }));
    equal(await tokens(other), null, "what the other device keeps");
  });
  await Promise.all([here.close(), there.close()]);
}

async function unanswered(page) {
  await step("too many attempts, and no answer: each is told, and nobody is signed out by mistake", async () => {
    expect([429, `${ISSUER}/token`], [undefined, `${ISSUER}/token`], [undefined, SESSIONS]);
    await signInHere(page);
    const headers = { "retry-after": "30", "access-control-allow-origin": API, "access-control-expose-headers": "retry-after" };
    const tooMany = { status: 429, headers, json: { error: "temporarily_unavailable" } };
    await page.route(`${ISSUER}/token`, (route) => route.fulfill(tooMany), { times: 1 });
    await ask(page);
    await until("it is told", async () => (await error(page).innerText())
      === "Too many sign-ins have failed. Please try again in 30 seconds. Nobody was signed out.");
    await page.route(`${ISSUER}/token`, (route) => route.abort(), { times: 1 });
    await password(page).press("Enter");
    await until("it is told", async () => (await error(page).innerText()) === `No answer from ${ISSUER}. Nobody was signed out.`);
    await page.route(SESSIONS, (route) => route.abort(), { times: 1 });
    await password(page).press("Enter");
    await until("it is told", async () => (await error(page).innerText()).includes("it may have arrived, or not"));
    equal(await livesOn(page), true, "the session lives on");
    await password(page).press("Enter");
    await until("the page says so", async () => (await status(page)).includes(ONE));
    equal(await tokens(page), null, "what is kept");
  });
}

async function notThere(page) {
  await step("a server without that door is told as that, and keeps no session of the attempt", async () => {
    expect([404, SESSIONS]);
    await signInHere(page);
    const headers = { "access-control-allow-origin": API };
    await page.route(SESSIONS, (route) => route.fulfill({ status: 404, headers, body: "" }), { times: 1 });
    const revoked = page.waitForResponse(`${ISSUER}/revoke`);
    await ask(page);
    await seen(trouble(page));
    contains(await trouble(page).innerText(), "This server does not offer that");
    await closed(page);
    equal((await revoked).status(), 200, "the end of the session made for this");
    equal(await livesOn(page), true, "the session lives on");
  });
}

async function calledOff(page) {
  await step("Escape while the password is on its way signs nobody out", async () => {
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
    const asked = requestsOf(page);
    await ask(page);
    await waiting;
    await page.keyboard.press("Escape");
    const revoked = page.waitForResponse(`${ISSUER}/revoke`);
    release();
    await revoked;
    equal(asked.filter((one) => one.startsWith("DELETE")), [], "what was sent to end sessions");
    await closed(page);
    equal(await livesOn(page), true, "the session lives on");
  });
}

async function notRegistered(page) {
  await step("a client that may not ask for that is told so, and the command that it is told helps", async () => {
    expect([400, `${ISSUER}/token`]);
    jeton("client", "update", "my-info", "--scope", "my-info:read", "--scope", "my-info:write", "--audience", API);
    await signInHere(page);
    await ask(page);
    await seen(trouble(page));
    contains(await trouble(page).innerText(), "This page may not do that yet");
    equal(await livesOn(page), true, "the session lives on");
    const commands = await trouble(page).locator("code").allInnerTexts();
    await wellMade(page);
    await shoot(page, "15-everywhere-unregistered");
    equal(commands.length, 1, "commands");
    jeton(...commands[0].split(" ").slice(1));
    equal(await livesOn(page), true, "the session lives on");
    await ask(page);
    await until("the page says so", async () => (await status(page)).includes("Signed out everywhere"));
  });
}
