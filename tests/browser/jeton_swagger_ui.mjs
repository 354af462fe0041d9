// Signs in as a user and as an administrator in Jeton's Swagger UI.

import { equal, expect, newContext, screenshot, signInAtJeton, step, visible } from "./browser.mjs";
import { ISSUER, PASSWORD, jeton } from "./processes.mjs";

/** The section of the Authorize dialog for the password grant. */
export const passwordSection = (dialog) => dialog.locator(".auth-container").filter({ hasText: "OAuth2 (OAuth2, password)" });

export async function jetonSwaggerUi() {
  // Long enough for all steps below.
  jeton("client", "update", "first-party", "--access-token-lifetime", "5m");
  const context = await newContext();
  const page = await context.newPage();
  await page.goto(`${ISSUER}/docs`);
  const dialog = page.locator(".modal-ux");
  const section = passwordSection(dialog);
  await step("Jeton's Swagger UI shows the OAuth error for a wrong password", async () => {
    expect([400, `${ISSUER}/token`]);
    await page.getByRole("button", { name: "Authorize" }).first().click();
    await visible(dialog);
    await section.locator("#oauth_username").fill("admin");
    await section.locator("#oauth_password").fill("wrong");
    await section.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    await visible(dialog.getByText("invalid_grant", { exact: false }).first());
    await screenshot(page, "swagger-1-wrong-password");
  });
  await step("Jeton's Swagger UI signs in a user", async () => {
    await section.locator("#oauth_password").fill(PASSWORD);
    await section.getByText("select all").click();
    await section.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    await visible(section.getByText("authorized", { exact: false }).first());
    await screenshot(page, "swagger-2-authorized");
    await dialog.getByRole("button", { name: /^Close/ }).first().click();
  });
  for (const [operation, path, list] of [
    ["Account-fetchAccount", "/account"],
    ["Account-listAccountSessions", "/account/sessions", "sessions"],
    ["Admin-listUsers", "/admin/users", "users"],
    ["Admin-listClients", "/admin/clients", "clients"],
    ["Admin-listSessions", "/admin/sessions", "sessions"],
    ["Admin-listAuditEvents", "/admin/audit-events", "audit_events"],
  ]) {
    await step(`"Try it out" and "Execute" without typing anything shows entries of ${path}`, async () => {
      const response = await execute(page, operation, path);
      equal(response.status(), 200, path);
      if (list) equal((await response.json())[list].length > 0, true, `entries of ${path}`);
    });
  }
  await step("a token request sends only the fields that were typed", async () => {
    const response = await execute(page, "Token-requestToken", "/token", async (block) => {
      await field(block, "username").fill("admin");
      await field(block, "password").fill(PASSWORD);
    });
    equal(response.status(), 200, "/token");
    const sent = [...new URLSearchParams(response.request().postData())].filter(([, value]) => value !== "");
    equal(sent.map(([name]) => name).sort(), ["grant_type", "password", "username"], "the fields of the token request");
  });
  await step("a revocation of an unknown token succeeds", async () => {
    const response = await execute(page, "Token-revokeToken", "/revoke", (block) => field(block, "token").fill("unknown"));
    equal(response.status(), 200, "/revoke");
    await screenshot(page, "swagger-3-answers");
  });
  await context.close();
  await byCode();
  await narrowAndDark();
}

/** The section of the Authorize dialog for the authorization code grant. */
export const codeSection = (dialog) => dialog.locator(".auth-container").filter({ hasText: "(OAuth2, authorizationCode with PKCE)" });

/** Opens the dialog, and signs in in the window that it opens. */
export async function authorizeByCode(page, signIn) {
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const section = codeSection(page.locator(".modal-ux"));
  const opened = page.waitForEvent("popup");
  await section.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
  const popup = await opened;
  const closed = popup.waitForEvent("close");
  await signIn(popup);
  await closed;
  await visible(section.getByRole("button", { name: /Logout|Remove authorization/ }));
  await page.locator(".modal-ux").getByRole("button", { name: /^Close/ }).first().click();
}

async function byCode() {
  const context = await newContext();
  const page = await context.newPage();
  await step("Jeton's Swagger UI signs in by code with PKCE, in a window that closes", async () => {
    await page.goto(`${ISSUER}/docs`);
    const answered = page.waitForResponse(`${ISSUER}/token`);
    await authorizeByCode(page, signInAtJeton);
    const form = new URLSearchParams((await answered).request().postData());
    equal([form.get("grant_type"), form.has("code_verifier")], ["authorization_code", true], "the exchange");
    equal((await execute(page, "Account-fetchAccount", "/account")).status(), 200, "/account");
    await screenshot(page, "swagger-5-by-code");
  });
  await context.close();
}

/** Opens an operation and executes it, after `type` has filled fields. */
async function execute(page, operation, path, type = async () => {}) {
  await page.locator(`#operations-${operation} .opblock-summary-control`).click();
  const block = page.locator(`#operations-${operation}`);
  await block.getByRole("button", { name: "Try it out" }).click();
  await type(block);
  const response = page.waitForResponse((response) => response.url().split("?")[0] === `${ISSUER}${path}`);
  await block.getByRole("button", { name: "Execute" }).click();
  await visible(block.locator(".live-responses-table .response-col_status").first());
  return response;
}

const field = (block, name) => block.locator(`tr[data-property-name="${name}"] input, tr[data-property-name="${name}"] textarea`).first();

async function narrowAndDark() {
  const context = await newContext({ viewport: { width: 390, height: 844 }, isMobile: true, colorScheme: "dark" });
  const page = await context.newPage();
  await page.goto(`${ISSUER}/docs`);
  await step("Jeton's Swagger UI fits a window of 390 px and is dark if the system is", async () => {
    await page.locator("#operations-Token-requestToken .opblock-summary-control").click();
    await page.locator("#operations-Token-requestToken").getByRole("button", { name: "Try it out" }).click();
    const [content, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    equal(window_, 390, "width of the window");
    equal(content <= window_, true, `${content} px of content in a window of ${window_}`);
    const colors = await page.evaluate(() => {
      const light = (color) => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
      const of = (selector) => getComputedStyle(document.querySelector(selector));
      return [light(of("html").backgroundColor), light(of(".swagger-ui .info p").color), light(of(".swagger-ui input").backgroundColor)];
    });
    equal([colors[0] < 60, colors[1] > 180, colors[2] < 60], [true, true, true], `dark colors (${colors})`);
    await screenshot(page, "swagger-4-narrow-and-dark");
  });
  await context.close();
}
