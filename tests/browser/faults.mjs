// What goes wrong elsewhere: two tabs at once, lost answers, servers that are busy or down, sessions that end.

import {
  contains, equal, expect, expectRefusedOrigin, expiry, open, refreshes, seen, shoot, signIn, step, tokens, visitor, wellMade,
} from "./browser.mjs";
import { API, ISSUER, PASSWORD, jeton, startJeton, startMyInfo, stop, until } from "./processes.mjs";

const press = (page) => page.getByRole("button", { name: "See my info" }).click();
const info = (page) => seen(page.getByRole("heading", { name: "Your info" }));
const trouble = (page) => page.getByRole("alert").filter({ visible: true });

async function answered(page, before) {
  await until("new tokens are kept", async () => (await tokens(page)).access_token !== before.access_token);
  await info(page);
  await until("the press is answered", async () => (await page.locator("#see[aria-disabled]").count()) === 0);
}

export async function faults() {
  await uninvited();
  await twoTabs(true);
  await twoTabs(false);
  const context = await visitor();
  const page = await open(context);
  await lost(page);
  await busy(page);
  await down(page);
  await over(page);
  await context.close();
}

async function uninvited() {
  const context = await visitor();
  const page = await open(context);
  await step("a page whose origin is not registered is told so, and the command that it is told helps", async () => {
    expect([401, `${API}/my-info`], [undefined, `${ISSUER}/token`]);
    expectRefusedOrigin();
    jeton("client", "origins", "my-info", "--remove", API);
    await press(page);
    const form = page.getByRole("region", { name: "Sign in" });
    await form.getByLabel("User name").fill("admin");
    await form.getByLabel("Password").fill(PASSWORD);
    await form.getByRole("button", { name: "Sign in" }).click();
    await seen(trouble(page));
    const command = await trouble(page).locator("code", { hasText: "origins" }).innerText();
    await wellMade(page);
    await shoot(page, "11-uninvited");
    equal(command, `jeton client origins my-info --add ${API}`, "the command");
    jeton(...command.split(" ").slice(1));
    await form.getByRole("button", { name: "Sign in" }).click();
    await info(page);
  });
  await context.close();
}

async function twoTabs(locks) {
  const context = await visitor({ locks });
  const [one, two] = [await open(context), await open(context)];
  await step(locks ? "two tabs that refresh at once send one refresh, by a Web Lock"
    : "two tabs that refresh at once without Web Locks get the same answer from Jeton", async () => {
    await signIn(one);
    equal(await one.evaluate(() => Boolean(navigator.locks)), locks, "Web Locks");
    const before = await tokens(one);
    await expiry(one);
    const sent = refreshes(context);
    const answers = [];
    await together(context, one, answers);
    await Promise.all([press(one), press(two)]);
    await Promise.all([answered(one, before), answered(two, before)]);
    equal(sent, Array(locks ? 1 : 2).fill(before.refresh_token), "the refresh tokens sent");
    if (!locks) {
      equal(answers[0].refresh_token, answers[1].refresh_token, "the new refresh tokens");
      equal(answers[0].access_token, answers[1].access_token, "the new access tokens");
    }
    equal(await tokens(one), await tokens(two), "what the tabs keep");
  });
  await step(`and the session lives on (${locks ? "with" : "without"} Web Locks)`, async () => {
    const before = await tokens(two);
    await context.unrouteAll();
    await expiry(two);
    await press(two);
    await answered(two, before);
  });
  if (!locks) await overtaken(context, one, two);
  await context.close();
}

async function overtaken(context, slow, quick) {
  await step("an answer that was overtaken does not bring an older refresh token back", async () => {
    await expiry(slow);
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
    await press(slow);
    await rotated;
    for (let turn = 0; turn < 2; turn += 1) {
      const before = await tokens(quick);
      await expiry(quick);
      await press(quick);
      await answered(quick, before);
    }
    const newest = await tokens(quick);
    release();
    await until("the press is answered", async () => (await slow.locator("#see[aria-disabled]").count()) === 0);
    equal((await tokens(slow)).refresh_token, newest.refresh_token, "what is kept");
  });
}

/** Holds the first request for tokens until both tabs want to refresh: one has sent its own, or waits for the lock. */
async function together(context, page, answers) {
  let sent = 0;
  await context.route(`${ISSUER}/token`, async (route) => {
    sent += 1;
    await until("both tabs want to refresh", async () => sent === 2 || await page.evaluate(waiting));
    const response = await route.fetch();
    answers.push(await response.json());
    await route.fulfill({ response });
  });
}

const waiting = async () => Boolean((await navigator.locks?.query())?.pending.length);

async function lost(page) {
  await step("a refresh whose answer is lost is sent again, and gets the same answer", async () => {
    expect([undefined, `${ISSUER}/token`]);
    await signIn(page);
    const before = await tokens(page);
    await expiry(page);
    const sent = refreshes(page);
    let swallowed;
    await page.route(`${ISSUER}/token`, async (route) => {
      swallowed = await (await route.fetch()).json();
      await route.abort();
    }, { times: 1 });
    await press(page);
    await answered(page, before);
    equal(sent, [before.refresh_token, before.refresh_token], "the refresh tokens sent");
    equal((await tokens(page)).refresh_token, swallowed.refresh_token, "the new refresh token");
  });
}

async function busy(page) {
  await step("a busy Jeton is asked again after Retry-After", async () => {
    expect([503, `${ISSUER}/token`]);
    const before = await tokens(page);
    await expiry(page);
    const times = [];
    await page.route(`${ISSUER}/token`, async (route) => {
      times.push(Date.now());
      if (times.length > 1) return route.continue();
      const headers = { "retry-after": "2", "access-control-allow-origin": API, "access-control-expose-headers": "retry-after" };
      return route.fulfill({ status: 503, headers, json: { error: "temporarily_unavailable" } });
    });
    await press(page);
    await answered(page, before);
    await page.unrouteAll();
    equal(times.length, 2, "requests");
    equal(times[1] - times[0] >= 2000, true, `it waited ${times[1] - times[0]} ms`);
  });
}

async function down(page) {
  await step("Jeton stopped: the API goes on for a token that is alive, and the page keeps the sign-in", async () => {
    expect([undefined, `${ISSUER}/token`]);
    const before = await tokens(page);
    await expiry(page);
    await press(page);
    await answered(page, before);
    await stop("jeton");
    const { access_token } = await tokens(page);
    const answer = await fetch(`${API}/my-info`, { headers: { Authorization: `Bearer ${access_token}` } });
    equal(answer.status, 200, "the API's answer");
    await expiry(page);
    await press(page);
    await seen(trouble(page));
    const text = await trouble(page).innerText();
    contains(text, "Jeton does not answer this page");
    contains(text, `jeton client origins my-info --add ${API}`);
    contains(text, "Your sign-in is kept");
    equal((await tokens(page)).access_token, access_token, "what is kept");
    await wellMade(page);
    await shoot(page, "10-jeton-down");
  });
  await step("Jeton back: the next press brings the info, without a sign-in", async () => {
    const before = await tokens(page);
    await startJeton();
    await press(page);
    await answered(page, before);
    equal(await trouble(page).count(), 0, "troubles");
  });
  await step("the API stopped is told as that", async () => {
    expect([undefined, `${API}/my-info`]);
    await stop("my-info");
    await press(page);
    await seen(trouble(page));
    contains(await trouble(page).innerText(), "The API does not answer");
    await startMyInfo();
    await press(page);
    await info(page);
  });
}

async function over(page) {
  await step("a session that was ended elsewhere asks for a sign-in, and only then", async () => {
    expect([400, `${ISSUER}/token`], [401, `${API}/my-info`]);
    // The owner of the machine ends it: a refresh token that is long replaced is taken for theft.
    const stolen = await tokens(page);
    for (let turn = 0; turn < 2; turn += 1) {
      const before = await tokens(page);
      await expiry(page);
      await press(page);
      await answered(page, before);
    }
    const form = { grant_type: "refresh_token", client_id: "my-info", refresh_token: stolen.refresh_token };
    const answer = await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) });
    equal((await answer.json()).error, "invalid_grant", "the thief's answer");
    await expiry(page);
    await press(page);
    await seen(page.getByRole("region", { name: "Sign in" }));
    equal(await page.locator("#info").isVisible(), false, "the info is on screen");
    equal(await tokens(page), null, "what is kept");
  });
}
