// The browser tests. First the page of my-info: request without a token, sign-in, refresh, edit, sign-out.

import {
  awaitExpiry, checkAccessibility, claims, closeBrowser, contains, equal, expect, goAndSignIn, newContext, open,
  recordRefreshes, report, screenshot, signInAtJeton, step, tokens, visible,
} from "./browser.mjs";
import { authorization } from "./authorization.mjs";
import { faults } from "./faults.mjs";
import { jetonSwaggerUi } from "./jeton_swagger_ui.mjs";
import { keyboardAndScreens } from "./keyboard_and_screens.mjs";
import { myInfoSwaggerUi } from "./my_info_swagger_ui.mjs";
import { pages } from "./pages.mjs";
import {
  API, ISSUER, MAX_SIGN_IN_AGE, PASSWORD, logOf, registerApiClient, startJeton, startMyInfo, stopAll, until,
} from "./processes.mjs";
import { signOutEverywhere } from "./sign_out_everywhere.mjs";

/** Presses "See my info". The access token may expire on the way; then the API returns 401 and the page refreshes. */
function requestInfo(page) {
  expect([401, `${API}/my-info`]);
  return page.getByRole("button", { name: "See my info" }).click();
}

const info = (page) => visible(page.getByRole("heading", { name: "Your info" }));
const field = (page, name) => page.locator("#info-fields dt", { hasText: name }).locator("xpath=following-sibling::dd[1]").innerText();

/** Waits until the sign-in is too old to change the info. */
async function awaitOldSignIn(page) {
  const { auth_time } = claims((await tokens(page)).access_token);
  await until("the sign-in is old", () => Date.now() / 1000 > auth_time + MAX_SIGN_IN_AGE + 1);
}

/** Whether Jeton refuses the refresh token because its session is revoked. */
async function isRevoked({ refresh_token }) {
  const form = { grant_type: "refresh_token", client_id: "my-info", refresh_token };
  const answer = await fetch(`${ISSUER}/token`, { method: "POST", body: new URLSearchParams(form) });
  return (await answer.json()).error === "invalid_grant";
}

async function story() {
  const context = await newContext();
  const page = await open(context);

  await step("the page sends requests only to its own origin, and none to the API before a click", async () => {
    const requests = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.reload();
    equal(requests.filter((url) => new URL(url).origin !== API || url.endsWith("/my-info")), [], "requests");
    await checkAccessibility(page);
    await screenshot(page, "1-start");
  });

  await step("without a token the page shows the API's 401 and the button to sign in", async () => {
    expect([401, `${API}/my-info`]);
    await requestInfo(page);
    await visible(page.getByRole("region", { name: "Sign in" }));
    const refusal = await page.locator("#refusal").innerText();
    contains(refusal, "401 Unauthorized");
    contains(refusal, `resource_metadata="${API}/.well-known/oauth-protected-resource"`);
    contains(refusal, '"status": 401');
    contains(await page.locator("#sign-in").innerText(), ISSUER);
    equal(await page.evaluate(() => document.activeElement.id), "go", "the focus");
    const steps = await page.locator(".step .line").allInnerTexts();
    equal(steps, ["GET /my-info", "GET /.well-known/oauth-protected-resource",
      `GET ${ISSUER}/.well-known/oauth-authorization-server`], "the steps");
    await checkAccessibility(page);
    await screenshot(page, "2-refused");
  });

  await step("a wrong password is refused on Jeton's page, and Cancel returns to the page", async () => {
    await goAndSignIn(page, "admin", "wrong horse");
    await visible(page.getByText("Wrong username or password."));
    equal(new URL(page.url()).origin, ISSUER, "the origin");
    await checkAccessibility(page);
    await screenshot(page, "3-wrong-password");
    await page.getByRole("button", { name: "Cancel" }).click();
    await visible(page.getByRole("alert").filter({ visible: true }));
    contains(await page.locator("#trouble").innerText(), "The user has declined.");
    equal([page.url(), await tokens(page)], [`${API}/`, null], "the address and the tokens");
  });

  await step("the right password shows the info, and creates a row for the new user", async () => {
    expect([401, `${API}/my-info`]);
    await requestInfo(page);
    await page.locator("#go").click();
    await visible(page.getByLabel("Username"));
    const redirected = page.waitForRequest((request) => request.url().startsWith(`${API}/?code=`));
    await signInAtJeton(page);
    const { searchParams } = new URL((await redirected).url());
    equal([...searchParams.keys()].sort(), ["code", "iss", "state"], "the parameters of the redirect");
    await info(page);
    equal(page.url(), `${API}/`, "the address");
    contains(await page.locator("#info").innerText(), "You are new here");
    contains(await page.locator("#who").innerText(), "Signed in");
    equal(await page.evaluate(() => document.activeElement.id), "info-title", "the focus");
    const steps = await page.locator(".step .line").allInnerTexts();
    equal(steps.sort(), [`GET ${ISSUER}/authorize`, "GET /", `POST ${ISSUER}/token`, "GET /my-info"].sort(), "the steps");
    await page.getByText("Decoded: header and claims").click();
    contains(await page.locator("#token-claims").innerText(), "my-info:read my-info:write");
    await checkAccessibility(page);
    await screenshot(page, "4-info");
    const panel = await page.locator("aside").evaluate((aside) => aside.textContent);
    const { access_token, refresh_token } = await tokens(page);
    for (const secret of ["jac_", "correct+horse", access_token, refresh_token]) {
      equal(panel.includes(secret), false, `the panel holds ${secret}`);
    }
    contains(panel, "code=••••••••");
    contains(panel, "code_challenge_method=S256");
  });

  await step("the back button, and a response with another state, change nothing", async () => {
    const before = await tokens(page);
    await page.goBack();
    await page.goForward();
    await until("the page is back", () => page.url() === `${API}/`);
    await page.goto(`${API}/?code=jac_other&state=other&iss=${encodeURIComponent(ISSUER)}`);
    await visible(page.locator("#trouble"));
    contains(await page.locator("#trouble").innerText(), "belongs to no sign-in of this tab");
    equal(page.url(), `${API}/`, "the address");
    equal((await tokens(page)).refresh_token, before.refresh_token, "the stored tokens");
    await page.reload();
    equal(await page.locator("#trouble").isVisible(), false, "an error after a reload");
    await requestInfo(page);
    await info(page);
  });

  await step("an expired access token is refreshed silently", async () => {
    const before = await tokens(page);
    await awaitExpiry(page);
    const sent = recordRefreshes(page);
    await requestInfo(page);
    await until("new tokens are stored", async () => (await tokens(page)).refresh_token !== before.refresh_token);
    await until("the page shows the message", async () => (await page.locator("#status").innerText()).includes("without asking you"));
    await info(page);
    equal(sent, [before.refresh_token], "the refresh tokens sent");
    await screenshot(page, "5-refreshed");
  });

  await step("a reload keeps the sign-in", async () => {
    await page.reload();
    contains(await page.locator("#who").innerText(), "Signed in");
    await requestInfo(page);
    await info(page);
  });

  await editing(page);

  const other = await open(context);
  await step("signing out in one tab shows in the other", async () => {
    await requestInfo(other);
    await info(other);
    const before = await tokens(page);
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    const lines = async () => (await page.locator(".run").first().locator(".line").allInnerTexts()).join(" ");
    await until("the browser is back", async () => (await lines()) === `GET ${ISSUER}/end-session GET /`);
    await until("the page shows the message", async () => (await page.locator("#status").innerText()).startsWith("Signed out"));
    equal([await tokens(page), page.url()], [null, `${API}/`], "the stored tokens and the address");
    await until("the other tab notices", async () => (await other.locator("#who").innerText()) === "Signed out");
    equal(await other.locator("#info").isVisible(), false, "the other tab shows the info");
    contains(await page.locator("#status").innerText(), "Jeton has ended the session");
    equal(await isRevoked(before), true, "the session is revoked");
    await checkAccessibility(page);
    await screenshot(page, "9-signed-out");
  });

  await step("after sign-out the API returns 401 again, and Jeton asks for the password", async () => {
    expect([401, `${API}/my-info`]);
    await requestInfo(page);
    await page.locator("#go").click();
    await visible(page.getByLabel("Username"));
  });
  await context.close();
}

async function editing(page) {
  const edit = () => page.getByRole("button", { name: "Edit" }).click();
  const save = () => page.getByRole("button", { name: "Save", exact: true }).click();

  await step("invalid fields are marked one by one", async () => {
    expect([422, `${API}/my-info`], [401, `${API}/my-info`]);
    await edit();
    equal(await page.evaluate(() => document.activeElement.id), "name", "the focus");
    await page.getByLabel("Email").fill("ada@");
    await page.getByLabel("Telephone").fill("call me");
    await save();
    await confirmIfRequested(page);
    await until("the errors are shown", () => page.locator("#email-error").innerText());
    equal(await page.locator("#editor [aria-invalid]").evaluateAll((all) => all.map(({ id }) => id)), ["name", "email", "phone"], "fields");
    equal(await page.evaluate(() => document.activeElement.id), "name", "the focus");
    await checkAccessibility(page);
    await screenshot(page, "6-invalid");
  });

  await step("with an old sign-in the page lets the user sign in again, then saves the changes", async () => {
    expect([401, `${API}/my-info`]);
    await awaitOldSignIn(page);
    await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
    await page.getByLabel("Email").fill("ada@example.com");
    await page.getByLabel("Telephone").fill("");
    await page.locator("#about").fill("I write programs.\nFor machines that are yet to be built.");
    await save();
    const dialog = page.getByRole("dialog", { name: "Is it still you?" });
    await visible(dialog);
    await checkAccessibility(page);
    await screenshot(page, "7-again");
    const old = await tokens(page);
    await dialog.getByRole("button", { name: "Sign in again" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await until("the page shows the error", async () => (await page.locator("#editor-error").innerText()).startsWith("Not saved"));
    equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Ada Lovelace", "the name in the form");
    await save();
    await dialog.getByRole("button", { name: "Sign in again" }).click();
    await signInAtJeton(page);
    await until("it is saved", async () => (await page.locator("#status").innerText()) === "Saved.");
    equal(await field(page, "Name"), "Ada Lovelace", "the name");
    equal(await page.locator("#who").innerText(), "Signed in as Ada Lovelace", "the user");
    equal(await isRevoked(old), true, "the session of the old sign-in is revoked");
    await screenshot(page, "8-saved");
  });

  await step("with a recent sign-in it saves without a new sign-in", async () => {
    await edit();
    await page.getByLabel("Telephone").fill("+44 20 7946 0000");
    await save();
    await until("it is saved", async () => (await page.locator("#status").innerText()) === "Saved.");
    equal(await field(page, "Telephone"), "+44 20 7946 0000", "the telephone number");
  });

  await step("Escape closes the dialog, and the changes stay in the form", async () => {
    expect([401, `${API}/my-info`]);
    await awaitOldSignIn(page);
    await edit();
    await page.getByLabel("Name", { exact: true }).fill("Countess of Lovelace");
    await save();
    await visible(page.getByRole("dialog"));
    await page.keyboard.press("Escape");
    await until("the page shows the message", async () => (await page.locator("#editor-error").innerText()).startsWith("Not saved"));
    equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Countess of Lovelace", "the name");
    await page.getByRole("button", { name: "Cancel" }).click();
  });

  await step("a change saved by another tab is not overwritten without a notice", async () => {
    expect([412, `${API}/my-info`], [401, `${API}/my-info`]);
    const other = await open(page.context());
    await requestInfo(other);
    await info(other);
    await edit();
    await page.getByLabel("Name", { exact: true }).fill("Ada");
    await other.getByRole("button", { name: "Edit" }).click();
    await other.getByLabel("Name", { exact: true }).fill("Augusta");
    await other.getByRole("button", { name: "Save", exact: true }).click();
    await confirmIfRequested(other);
    await until("the other tab saves", async () => (await other.locator("#status").innerText()) === "Saved.");
    await save();
    await confirmIfRequested(page);
    await until("the page shows the other change", async () => (await page.locator("#editor-error").innerText()).includes("Name: Augusta"));
    await save();
    await confirmIfRequested(page);
    await until("it is saved", async () => (await page.locator("#status").innerText()) === "Saved.");
    equal(await field(page, "Name"), "Ada", "the name");
    await other.close();
  });
}

/** On a slow machine the sign-in may have become old between two steps. */
async function confirmIfRequested(page) {
  const dialog = page.locator("dialog[open]");
  await until("the page has saved or asks for a sign-in", async () => (await dialog.count()) || !(await page.locator("#status").innerText()).startsWith("Saving"));
  if (!(await dialog.count())) return;
  await dialog.getByRole("button", { name: "Sign in again" }).click();
  await signInAtJeton(page);
  await until("the page is back", async () => new URL(page.url()).origin === API && (await page.locator("#editor").count()));
}

let passed = false;
try {
  await startJeton();
  registerApiClient();
  await startMyInfo();
  await story();
  await signOutEverywhere();
  await faults();
  await keyboardAndScreens();
  await myInfoSwaggerUi();
  await jetonSwaggerUi();
  await pages();
  await authorization();
  await step("no log contains a password or a token", async () => {
    const logs = logOf("jeton") + logOf("my-info");
    for (const secret of [PASSWORD, "correct+horse", "jrt_", "jac_", "eyJ"]) equal(logs.includes(secret), false, secret);
  });
  passed = report();
} finally {
  await closeBrowser();
  await stopAll();
}
process.exitCode = passed ? 0 : 1;
