// Signing out everywhere: the user signs in again, and the page revokes all sessions of the user.

import {
  checkAccessibility, claims, contains, equal, expect, newContext, open, screenshot, signIn, signInAtJeton, step, tokens,
  visible,
} from "./browser.mjs";
import { API, ISSUER, jeton, jetonWithInput, until } from "./processes.mjs";

const USERNAME = "alice";
const PASSWORD = "a dozen quiet harbours";
/** Seconds within which the API must refuse the tokens of revoked sessions. */
const FEED_DELAY = 2;
const SESSIONS = `${ISSUER}/account/sessions`;
const DONE = /^Signed out everywhere: Jeton has ended \d+ sessions/;

const button = (page) => page.locator("#everywhere");
const dialog = (page) => page.getByRole("dialog", { name: "Sign out everywhere?" });
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
  await declined(page);
  await unclear(page);
  await missingScope(page);
  await context.close();
}

/** Clears the page's storage and the cookies, and signs in as the user of this file. */
async function signInHere(page) {
  await page.context().clearCookies();
  await page.goto(`${API}/`);
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await signIn(page, USERNAME, PASSWORD);
}

/** Confirms in the dialog; Jeton's page is open afterwards. */
async function confirm(page) {
  await button(page).click();
  await dialog(page).getByRole("button", { name: "Sign out everywhere" }).click();
}

async function signOut(page) {
  await confirm(page);
  await signInAtJeton(page, USERNAME, PASSWORD);
}

/** Whether the page's session can be refreshed. */
async function isActive(page) {
  const { refresh_token } = await tokens(page);
  const form = { grant_type: "refresh_token", client_id: "my-info", refresh_token };
  return (await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) })).ok;
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
  // Keeps everything that the page stores.
  const stored = [];
  await here.exposeBinding("keep", (_, value) => { stored.push(value); });
  await here.addInitScript(() => {
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (key, value) {
      window.keep(value);
      setItem.call(this, key, value);
    };
  });
  const [page, other] = [await open(here), await open(there)];
  const tab = await open(here);
  let library;

  await step("signing out everywhere asks first; Escape and Cancel close the dialog", async () => {
    await signInHere(page);
    await signInHere(other);
    library = await signInAtLibrary();
    equal((await library())[0], 200, "the API's status for the library");
    await button(page).click();
    await visible(dialog(page));
    contains(await page.locator("#everywhere-why").innerText(), "on every other device");
    await checkAccessibility(page);
    await screenshot(page, "12-everywhere");
    await page.keyboard.press("Escape");
    await dialog(page).waitFor({ state: "hidden" });
    equal(await focus(page), "everywhere", "the focus");
    // The page learns of the closed dialog after it is hidden, and ignores the button until then.
    await page.locator("#everywhere:not([aria-disabled])").waitFor();
    await page.keyboard.press("Enter");
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    await dialog(page).waitFor({ state: "hidden" });
    equal(page.url(), `${API}/`, "the address");
    equal(await isActive(page), true, "the session is active");
  });

  await step(`after a new sign-in all sessions are revoked, and the API refuses their tokens within ${FEED_DELAY} s`, async () => {
    const before = claims((await tokens(page)).access_token);
    await confirm(page);
    // A signed-in browser must enter the password nevertheless.
    await signInAtJeton(page, USERNAME, PASSWORD);
    await until("the page shows the message", async () => DONE.test(await status(page)));
    const done = Date.now();
    await until("the API refuses the library's token", async () => (await library())[0] === 401, FEED_DELAY * 1000);
    console.log(`  the API refused the token after ${Date.now() - done} ms`);
    contains((await library())[1], "The session of the access token was revoked.");
    equal(await tokens(page), null, "the stored tokens");
    equal([before.aud, before.scope.includes("account")], [API, false], "audience and scope of the stored token");
    await checkAccessibility(page);
    await screenshot(page, "14-everywhere-done");
  });

  await step("the token for the sign-out is shown decoded and masked, and was never stored", async () => {
    const run = page.locator(".run").first();
    const text = (await run.locator(".step .inside").allTextContents()).join("\n");
    contains(text, "scope=account");
    contains(text, `"aud": "${ISSUER}"`);
    contains(text, "DELETE /account/sessions");
    const panel = await page.locator("#steps").textContent();
    equal([PASSWORD, "jrt_", "jac_"].filter((secret) => panel.includes(secret)), [], "secrets in the panel");
    const sessions = stored.map((value) => JSON.parse(value)).filter((value) => value.access_token);
    equal(sessions.filter((session) => claims(session.access_token).aud !== API), [], "stored tokens for others");
    equal(sessions.length > 0, true, "there are stored tokens");
  });

  await step("the other tab and the other device are signed out", async () => {
    expect([400, `${ISSUER}/token`], [401, `${API}/my-info`]);
    await until("the other tab notices", async () => (await tab.locator("#who").innerText()) === "Signed out");
    await other.getByRole("button", { name: "See my info" }).click();
    await visible(other.getByRole("region", { name: "Sign in" }));
    equal(await tokens(other), null, "the stored tokens of the other device");
    await other.locator("#go").click();
    await visible(other.getByLabel("Username"));
  });
  await Promise.all([here.close(), there.close()]);
}

async function declined(page) {
  await step("a sign-in that is declined, or is another user's, revokes no session", async () => {
    await signInHere(page);
    await confirm(page);
    await page.getByRole("button", { name: "Cancel" }).click();
    await visible(alert(page));
    contains(await alert(page).innerText(), "The user has declined.");
    equal(await isActive(page), true, "the session is active");
    await confirm(page);
    await signInAtJeton(page);
    await visible(alert(page));
    contains(await alert(page).innerText(), "That is the account of another user. No session was revoked.");
  });
}

async function unclear(page) {
  await step("without a response, or with a server that lacks the endpoint, the page says so", async () => {
    expect([undefined, SESSIONS], [404, SESSIONS]);
    await signInHere(page);
    await page.route(SESSIONS, (route) => route.abort(), { times: 1 });
    await signOut(page);
    await visible(alert(page));
    contains(await alert(page).innerText(), "No clear answer");
    const headers = { "access-control-allow-origin": API };
    await page.route(SESSIONS, (route) => route.fulfill({ status: 404, headers, body: "" }), { times: 1 });
    await signOut(page);
    await until("the page shows the error", async () => (await alert(page).innerText()).includes("This server does not offer that"));
    equal(await isActive(page), true, "the session is active");
  });
}

async function missingScope(page) {
  await step("a client without the scope says so, and the suggested command helps", async () => {
    jeton("client", "update", "my-info", "--scope", "my-info:read", "--scope", "my-info:write", "--audience", API);
    await signInHere(page);
    await confirm(page);
    await visible(alert(page));
    contains(await alert(page).innerText(), "This page may not do that yet");
    equal(await isActive(page), true, "the session is active");
    const commands = await alert(page).locator("code").allInnerTexts();
    await checkAccessibility(page);
    await screenshot(page, "15-everywhere-unregistered");
    equal(commands.length, 1, "commands");
    jeton(...commands[0].split(" ").slice(1));
    equal(await isActive(page), true, "the session is active");
    await signOut(page);
    await until("the page shows the message", async () => DONE.test(await status(page)));
  });
}
