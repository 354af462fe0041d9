// The whole story in a real browser: refused, signed in, refreshed, edited, signed out.

import {
  claims, closeBrowser, contains, equal, expect, expiry, open, refreshes, report, seen, shoot, step, tokens, visitor, wellMade,
} from "./browser.mjs";
import { docs } from "./docs.mjs";
import { everywhere } from "./everywhere.mjs";
import { faults } from "./faults.mjs";
import { API, FRESH, ISSUER, PASSWORD, logOf, letApiHear, startJeton, startMyInfo, stopAll, until } from "./processes.mjs";
import { pages } from "./pages.mjs";
import { shapes } from "./shapes.mjs";
import { swagger } from "./swagger.mjs";

/** Presses the button. An access token that lives for three seconds may expire on its way: it is refused then, and refreshed. */
function see(page) {
  expect([401, `${API}/my-info`]);
  return page.getByRole("button", { name: "See my info" }).click();
}

const info = (page) => seen(page.getByRole("heading", { name: "Your info" }));
const field = (page, name) => page.locator("#info-fields dt", { hasText: name }).locator("xpath=following-sibling::dd[1]").innerText();

/** Waits until the sign-in is too old to change anything. */
async function growOld(page) {
  const { auth_time } = claims((await tokens(page)).access_token);
  await until("the sign-in grows old", () => Date.now() / 1000 > auth_time + FRESH + 1);
}

/** Whether Jeton takes a session's refresh token no more. */
async function isOver({ refresh_token }) {
  const form = { grant_type: "refresh_token", client_id: "my-info", refresh_token };
  const answer = await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) });
  return (await answer.json()).error === "invalid_grant";
}

async function story() {
  const context = await visitor();
  const page = await open(context);
  const form = page.getByRole("region", { name: "Sign in" });

  await step("the page asks nobody but this API, and nothing before a press", async () => {
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.reload();
    equal(asked.filter((url) => new URL(url).origin !== API || url.endsWith("/my-info")), [], "asked");
    await wellMade(page);
    await shoot(page, "1-start");
  });

  await step("without a token the API's 401 is shown for what it is, and leads to the sign-in form", async () => {
    expect([401, `${API}/my-info`]);
    await see(page);
    await seen(page.getByRole("region", { name: "Sign in" }));
    const refusal = await page.locator("#refusal").innerText();
    contains(refusal, "401 Unauthorized");
    contains(refusal, `resource_metadata="${API}/.well-known/oauth-protected-resource"`);
    contains(refusal, '"status": 401');
    contains(await page.locator("#sign-in").innerText(), ISSUER);
    equal(await page.evaluate(() => document.activeElement.id), "username", "the focus");
    const steps = await page.locator(".step .line").allInnerTexts();
    equal(steps, ["GET /my-info", "GET /.well-known/oauth-protected-resource",
      `GET ${ISSUER}/.well-known/oauth-authorization-server`], "the steps");
    await wellMade(page);
    await shoot(page, "2-refused");
  });

  await step("a wrong password is told in Jeton's words, and the password field has the focus", async () => {
    expect([400, `${ISSUER}/token`]);
    await form.getByLabel("User name").fill("admin");
    await form.getByLabel("Password").fill("wrong horse");
    const answered = page.waitForResponse(`${ISSUER}/token`);
    await page.getByRole("button", { name: "Sign in" }).click();
    const { error_description } = await (await answered).json();
    await until("the error is shown", async () => (await page.locator("#sign-in-error").innerText()) === error_description);
    equal(await page.evaluate(() => document.activeElement.id), "password", "the focus");
    await wellMade(page);
    await shoot(page, "3-wrong-password");
  });

  await step("the right password brings the info, and a row for the newcomer", async () => {
    await form.getByLabel("Password").fill(PASSWORD);
    await form.getByLabel("Password").press("Enter");
    await info(page);
    contains(await page.locator("#info").innerText(), "You are new here");
    contains(await page.locator("#who").innerText(), "admin");
    equal(await page.evaluate(() => document.activeElement.id), "info-title", "the focus");
    await page.getByText("Decoded: header and claims").click();
    contains(await page.locator("#token-claims").innerText(), "my-info:read my-info:write");
    await wellMade(page);
    await shoot(page, "4-info");
  });

  await step("the developers' panel shows no password and no refresh token", async () => {
    const { access_token, refresh_token } = await tokens(page);
    const panel = await page.locator("aside").evaluate((aside) => aside.textContent);
    for (const secret of [PASSWORD, "correct+horse", "wrong horse", access_token, refresh_token]) {
      equal(panel.includes(secret), false, `the panel holds ${secret}`);
    }
    contains(panel, "••••••••");
  });

  await step("an expired access token is refreshed silently", async () => {
    const before = await tokens(page);
    await expiry(page);
    const sent = refreshes(page);
    await see(page);
    await until("new tokens are kept", async () => (await tokens(page)).refresh_token !== before.refresh_token);
    await until("the page says so", async () => (await page.locator("#status").innerText()).includes("without asking you"));
    await info(page);
    equal(sent, [before.refresh_token], "the refresh tokens sent");
    await shoot(page, "5-refreshed");
  });

  await step("a reload keeps the sign-in", async () => {
    await page.reload();
    contains(await page.locator("#who").innerText(), "admin");
    await see(page);
    await info(page);
  });

  await editing(page);

  const other = await open(context);
  await step("signing out in one tab shows in the other", async () => {
    await see(other);
    await info(other);
    const before = await tokens(page);
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await until("the page says so", async () => (await page.locator("#status").innerText()).startsWith("Signed out"));
    equal(await tokens(page), null, "what is kept");
    await until("the other tab notices", async () => (await other.locator("#who").innerText()) === "Signed out");
    equal(await other.locator("#info").isVisible(), false, "the other tab shows the info");
    contains(await page.locator("#status").innerText(), "Jeton has ended the session");
    equal(await isOver(before), true, "the session at Jeton is over");
    await wellMade(page);
    await shoot(page, "9-signed-out");
  });

  await step("after that the API says no again", async () => {
    expect([401, `${API}/my-info`]);
    await see(page);
    await seen(page.getByRole("region", { name: "Sign in" }));
  });
  await context.close();
}

async function editing(page) {
  const edit = () => page.getByRole("button", { name: "Edit" }).click();
  const save = () => page.getByRole("button", { name: "Save", exact: true }).click();

  await step("what the API cannot take is told field by field", async () => {
    expect([422, `${API}/my-info`], [401, `${API}/my-info`]);
    await edit();
    equal(await page.evaluate(() => document.activeElement.id), "name", "the focus");
    await page.getByLabel("Email").fill("ada@");
    await page.getByLabel("Telephone").fill("call me");
    await save();
    await confirmIfAsked(page);
    await until("the errors are shown", () => page.locator("#email-error").innerText());
    equal(await page.locator("#editor [aria-invalid]").evaluateAll((all) => all.map(({ id }) => id)), ["name", "email", "phone"], "fields");
    equal(await page.evaluate(() => document.activeElement.id), "name", "the focus");
    await wellMade(page);
    await shoot(page, "6-invalid");
  });

  await step("with an old sign-in the page asks for the password again, and then saves what was typed", async () => {
    expect([401, `${API}/my-info`], [400, `${ISSUER}/token`]);
    await growOld(page);
    await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
    await page.getByLabel("Email").fill("ada@example.com");
    await page.getByLabel("Telephone").fill("");
    await page.locator("#about").fill("I write programs.\nFor machines that are yet to be built.");
    await save();
    const dialog = page.getByRole("dialog", { name: "Is it still you?" });
    await seen(dialog);
    equal(await page.evaluate(() => document.activeElement.id), "again-password", "the focus");
    await wellMade(page);
    await shoot(page, "7-again");
    const old = await tokens(page);
    await dialog.getByLabel("Password").fill("wrong horse");
    await dialog.getByRole("button", { name: "Confirm and save" }).click();
    await until("the error is shown", () => page.locator("#again-error").innerText());
    await dialog.getByLabel("Password").fill(PASSWORD);
    await dialog.getByLabel("Password").press("Enter");
    await until("it is saved", async () => (await page.locator("#status").innerText()) === "Saved.");
    equal(await field(page, "Name"), "Ada Lovelace", "the name");
    equal(await isOver(old), true, "the session of the old sign-in is over");
    await shoot(page, "8-saved");
  });

  await step("with a fresh sign-in it saves without asking", async () => {
    await edit();
    await page.getByLabel("Telephone").fill("+44 20 7946 0000");
    await save();
    await until("it is saved", async () => (await page.locator("#status").innerText()) === "Saved.");
    equal(await field(page, "Telephone"), "+44 20 7946 0000", "the telephone number");
  });

  await step("the dialog can be left by Escape, and what was typed stays", async () => {
    expect([401, `${API}/my-info`]);
    await growOld(page);
    await edit();
    await page.getByLabel("Name", { exact: true }).fill("Countess of Lovelace");
    await save();
    await seen(page.getByRole("dialog"));
    await page.keyboard.press("Escape");
    await until("the page says so", async () => (await page.locator("#editor-error").innerText()).startsWith("Not saved"));
    equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Countess of Lovelace", "the name");
    await page.getByRole("button", { name: "Cancel" }).click();
  });

  await step("what another tab saved meanwhile is not overwritten unseen", async () => {
    expect([412, `${API}/my-info`], [401, `${API}/my-info`]);
    const other = await open(page.context());
    await see(other);
    await info(other);
    await edit();
    await page.getByLabel("Name", { exact: true }).fill("Ada");
    await other.getByRole("button", { name: "Edit" }).click();
    await other.getByLabel("Name", { exact: true }).fill("Augusta");
    await other.getByRole("button", { name: "Save", exact: true }).click();
    await confirmIfAsked(other);
    await until("the other tab saves", async () => (await other.locator("#status").innerText()) === "Saved.");
    await save();
    await confirmIfAsked(page);
    await until("the page tells", async () => (await page.locator("#editor-error").innerText()).includes("Name: Augusta"));
    await save();
    await confirmIfAsked(page);
    await until("it is saved", async () => (await page.locator("#status").innerText()) === "Saved.");
    equal(await field(page, "Name"), "Ada", "the name");
    await other.close();
  });
}

/** On a slow machine the sign-in may have grown old between two steps. */
async function confirmIfAsked(page) {
  const asked = page.locator("dialog[open]");
  await until("an answer", async () => (await asked.count()) || !(await page.locator("#status").innerText()).startsWith("Saving"));
  if (!(await asked.count())) return;
  await asked.getByLabel("Password").fill(PASSWORD);
  await asked.getByLabel("Password").press("Enter");
  await asked.waitFor({ state: "hidden" });
}

let good = false;
try {
  await startJeton();
  letApiHear();
  await startMyInfo();
  await story();
  await everywhere();
  await faults();
  await shapes();
  await docs();
  await swagger();
  await pages();
  await step("no password and no token is in a log", async () => {
    const logs = logOf("jeton") + logOf("my-info");
    for (const secret of [PASSWORD, "correct+horse", "jrt_", "eyJ"]) equal(logs.includes(secret), false, secret);
  });
  good = report();
} finally {
  await closeBrowser();
  await stopAll();
}
process.exitCode = good ? 0 : 1;
