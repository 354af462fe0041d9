// Signs in as a user and as an administrator in Jeton's Swagger UI.

import { equal, expect, newContext, screenshot, step, visible } from "./browser.mjs";
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
  await step("Jeton's Swagger UI signs in a user, reads the account and calls the admin API", async () => {
    await section.locator("#oauth_password").fill(PASSWORD);
    await section.getByText("select all").click();
    await section.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    await visible(section.getByText("authorized", { exact: false }).first());
    await screenshot(page, "swagger-2-authorized");
    await dialog.getByRole("button", { name: /^Close/ }).first().click();
    for (const [operation, path] of [["Account-fetchAccount", "/account"], ["Admin-listUsers", "/admin/users"]]) {
      await page.locator(`#operations-${operation} .opblock-summary-control`).click();
      const block = page.locator(`#operations-${operation}`);
      await block.getByRole("button", { name: "Try it out" }).click();
      // The fields contain example values, which would filter the list.
      for (const field of await block.locator(".parameters input[type=text]").all()) await field.fill("");
      for (const field of await block.locator(".parameters select").all()) await field.selectOption("");
      const response = page.waitForResponse((response) => response.url().split("?")[0] === `${ISSUER}${path}`);
      await block.getByRole("button", { name: "Execute" }).click();
      equal((await response).status(), 200, path);
      await visible(block.locator(".live-responses-table .response-col_status").first());
    }
    await screenshot(page, "swagger-3-answers");
  });
  await context.close();
}
