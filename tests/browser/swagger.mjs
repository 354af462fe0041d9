// Jeton's own Swagger UI: a person signs in there, and so does an administrator.

import { equal, expect, seen, shoot, step, visitor } from "./browser.mjs";
import { ISSUER, PASSWORD, jeton } from "./processes.mjs";

/** The box of the Authorize dialog in which a person signs in. */
export const personIn = (dialog) => dialog.locator(".auth-container").filter({ hasText: "OAuth2 (OAuth2, password)" });

export async function swagger() {
  // Longer than anybody needs for three clicks.
  jeton("client", "update", "first-party", "--access-token-lifetime", "5m");
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${ISSUER}/docs`);
  const dialog = page.locator(".modal-ux");
  const person = personIn(dialog);
  await step("Jeton's Swagger UI shows the error of OAuth for a wrong password", async () => {
    expect([400, `${ISSUER}/token`]);
    await page.getByRole("button", { name: "Authorize" }).first().click();
    await seen(dialog);
    await person.locator("#oauth_username").fill("admin");
    await person.locator("#oauth_password").fill("wrong");
    await person.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    await seen(dialog.getByText("invalid_grant", { exact: false }).first());
    await shoot(page, "swagger-1-wrong-password");
  });
  await step("Jeton's Swagger UI signs a person in, who sees their account and administers", async () => {
    await person.locator("#oauth_password").fill(PASSWORD);
    await person.getByText("select all").click();
    await person.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    await seen(person.getByText("authorized", { exact: false }).first());
    await shoot(page, "swagger-2-authorized");
    await dialog.getByRole("button", { name: /^Close/ }).first().click();
    for (const [operation, path] of [["Account-fetchAccount", "/account"], ["Admin-listUsers", "/admin/users"]]) {
      await page.locator(`#operations-${operation} .opblock-summary-control`).click();
      const block = page.locator(`#operations-${operation}`);
      await block.getByRole("button", { name: "Try it out" }).click();
      // Each parameter has its example there, which would filter.
      for (const field of await block.locator(".parameters input[type=text]").all()) await field.fill("");
      for (const field of await block.locator(".parameters select").all()) await field.selectOption("");
      const answer = page.waitForResponse((answer) => answer.url().split("?")[0] === `${ISSUER}${path}`);
      await block.getByRole("button", { name: "Execute" }).click();
      equal((await answer).status(), 200, path);
      await seen(block.locator(".live-responses-table .response-col_status").first());
    }
    await shoot(page, "swagger-3-answers");
  });
  await context.close();
}
