// Faults: simultaneous tabs, lost responses, servers that are busy or down, revoked sessions.

import {
  awaitExpiry, checkAccessibility, contains, equal, expect, expectRefusedOrigin, goAndSignIn, newContext, open, recordRefreshes,
  screenshot, signIn, step, tokens, visible,
} from "./browser.mjs";
import { API, ISSUER, jeton, startJeton, startMyInfo, stop, until } from "./processes.mjs";

const requestInfo = (page) => page.getByRole("button", { name: "See my info" }).click();
const info = (page) => visible(page.getByRole("heading", { name: "Your info" }));
const alert = (page) => page.getByRole("alert").filter({ visible: true });

async function awaitNewTokens(page, before) {
  await until("new tokens are stored", async () => (await tokens(page)).access_token !== before.access_token);
  await info(page);
  await until("the request is complete", async () => (await page.locator("#see[aria-disabled]").count()) === 0);
}

export async function faults() {
  await unregisteredOrigin();
  await twoTabs(true);
  await twoTabs(false);
  const context = await newContext();
  const page = await open(context);
  await lostResponse(page);
  await busy(page);
  await serverDown(page);
  await revokedSession(page);
  await context.close();
}

async function unregisteredOrigin() {
  const context = await newContext();
  const page = await open(context);
  await step("a page of an unregistered origin says so, and its suggested command helps", async () => {
    expect([401, `${API}/my-info`], [undefined, `${ISSUER}/token`]);
    expectRefusedOrigin();
    jeton("client", "origins", "my-info", "--remove", API);
    await requestInfo(page);
    await goAndSignIn(page);
    await visible(alert(page));
    const command = await alert(page).locator("code", { hasText: "origins" }).innerText();
    await checkAccessibility(page);
    await screenshot(page, "11-unregistered-origin");
    equal(command, `jeton client origins my-info --add ${API}`, "the command");
    jeton(...command.split(" ").slice(1));
    await requestInfo(page);
    await goAndSignIn(page);
    await info(page);
  });
  await context.close();
}

async function twoTabs(locks) {
  const context = await newContext({ locks });
  const [one, two] = [await open(context), await open(context)];
  await step(locks ? "two tabs that refresh at once send one refresh, because of a Web Lock"
    : "two tabs that refresh at once without Web Locks get the same response from Jeton", async () => {
    await signIn(one);
    equal(await one.evaluate(() => Boolean(navigator.locks)), locks, "Web Locks");
    const before = await tokens(one);
    await awaitExpiry(one);
    const sent = recordRefreshes(context);
    const responses = [];
    await delayUntilBothRefresh(context, one, responses);
    await Promise.all([requestInfo(one), requestInfo(two)]);
    await Promise.all([awaitNewTokens(one, before), awaitNewTokens(two, before)]);
    equal(sent, Array(locks ? 1 : 2).fill(before.refresh_token), "the refresh tokens sent");
    if (!locks) {
      equal(responses[0].refresh_token, responses[1].refresh_token, "the new refresh tokens");
      equal(responses[0].access_token, responses[1].access_token, "the new access tokens");
    }
    equal(await tokens(one), await tokens(two), "the stored tokens of the tabs");
  });
  await step(`the session continues (${locks ? "with" : "without"} Web Locks)`, async () => {
    const before = await tokens(two);
    await context.unrouteAll();
    await awaitExpiry(two);
    await requestInfo(two);
    await awaitNewTokens(two, before);
  });
  if (!locks) await lateResponse(context, one, two);
  await context.close();
}

async function lateResponse(context, slow, quick) {
  await step("a response that arrives late does not restore an older refresh token", async () => {
    await awaitExpiry(slow);
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    let arrived;
    const rotated = new Promise((resolve) => { arrived = resolve; });
    await slow.route(`${ISSUER}/token`, async (route) => {
      const response = await route.fetch();
      arrived();
      await held;
      await route.fulfill({ response });
    }, { times: 1 });
    await requestInfo(slow);
    await rotated;
    for (let turn = 0; turn < 2; turn += 1) {
      const before = await tokens(quick);
      await awaitExpiry(quick);
      await requestInfo(quick);
      await awaitNewTokens(quick, before);
    }
    const newest = await tokens(quick);
    release();
    await until("the request is complete", async () => (await slow.locator("#see[aria-disabled]").count()) === 0);
    equal((await tokens(slow)).refresh_token, newest.refresh_token, "the stored tokens");
  });
}

/** Delays the first token request until both tabs refresh: the second has sent its own, or waits for the lock. */
async function delayUntilBothRefresh(context, page, responses) {
  let sent = 0;
  await context.route(`${ISSUER}/token`, async (route) => {
    sent += 1;
    await until("both tabs refresh", async () => sent === 2 || await page.evaluate(waitsForLock));
    const response = await route.fetch();
    responses.push(await response.json());
    await route.fulfill({ response });
  });
}

const waitsForLock = async () => Boolean((await navigator.locks?.query())?.pending.length);

async function lostResponse(page) {
  await step("a refresh without a response is repeated, and gets the same response", async () => {
    expect([undefined, `${ISSUER}/token`]);
    await signIn(page);
    const before = await tokens(page);
    await awaitExpiry(page);
    const sent = recordRefreshes(page);
    let lost;
    await page.route(`${ISSUER}/token`, async (route) => {
      lost = await (await route.fetch()).json();
      await route.abort();
    }, { times: 1 });
    await requestInfo(page);
    await awaitNewTokens(page, before);
    equal(sent, [before.refresh_token, before.refresh_token], "the refresh tokens sent");
    equal((await tokens(page)).refresh_token, lost.refresh_token, "the new refresh token");
  });
}

async function busy(page) {
  await step("after 503 the page repeats the request after Retry-After", async () => {
    expect([503, `${ISSUER}/token`]);
    const before = await tokens(page);
    await awaitExpiry(page);
    const times = [];
    await page.route(`${ISSUER}/token`, async (route) => {
      times.push(Date.now());
      if (times.length > 1) return route.continue();
      const headers = { "retry-after": "2", "access-control-allow-origin": API, "access-control-expose-headers": "retry-after" };
      return route.fulfill({ status: 503, headers, json: { error: "temporarily_unavailable" } });
    });
    await requestInfo(page);
    await awaitNewTokens(page, before);
    await page.unrouteAll();
    equal(times.length, 2, "requests");
    equal(times[1] - times[0] >= 2000, true, `it waited ${times[1] - times[0]} ms`);
  });
}

async function serverDown(page) {
  await step("Jeton stopped: the API accepts a valid token, and the page keeps the tokens", async () => {
    expect([undefined, `${ISSUER}/token`]);
    const before = await tokens(page);
    await awaitExpiry(page);
    await requestInfo(page);
    await awaitNewTokens(page, before);
    await stop("jeton");
    const { access_token } = await tokens(page);
    const response = await fetch(`${API}/my-info`, { headers: { Authorization: `Bearer ${access_token}` } });
    equal(response.status, 200, "the API's status");
    await awaitExpiry(page);
    await requestInfo(page);
    await visible(alert(page));
    const text = await alert(page).innerText();
    contains(text, "Jeton does not answer this page");
    contains(text, `jeton client origins my-info --add ${API}`);
    contains(text, "Your sign-in is kept");
    equal((await tokens(page)).access_token, access_token, "the stored tokens");
    await checkAccessibility(page);
    await screenshot(page, "10-jeton-down");
  });
  await step("Jeton started again: the next request shows the info without a sign-in", async () => {
    const before = await tokens(page);
    await startJeton();
    await requestInfo(page);
    await awaitNewTokens(page, before);
    equal(await alert(page).count(), 0, "error messages");
  });
  await step("the page says that the API does not respond", async () => {
    expect([undefined, `${API}/my-info`]);
    await stop("my-info");
    await requestInfo(page);
    await visible(alert(page));
    contains(await alert(page).innerText(), "The API does not answer");
    await startMyInfo();
    await requestInfo(page);
    await info(page);
  });
}

async function revokedSession(page) {
  await step("a revoked session leads to the button to sign in", async () => {
    expect([400, `${ISSUER}/token`], [401, `${API}/my-info`]);
    // The replay of an old refresh token revokes the session.
    const old = await tokens(page);
    for (let turn = 0; turn < 2; turn += 1) {
      const before = await tokens(page);
      await awaitExpiry(page);
      await requestInfo(page);
      await awaitNewTokens(page, before);
    }
    const form = { grant_type: "refresh_token", client_id: "my-info", refresh_token: old.refresh_token };
    const response = await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) });
    equal((await response.json()).error, "invalid_grant", "the response to the replay");
    await awaitExpiry(page);
    await requestInfo(page);
    await visible(page.getByRole("region", { name: "Sign in" }));
    equal(await page.locator("#info").isVisible(), false, "the info is on screen");
    equal(await tokens(page), null, "the stored tokens");
  });
}
