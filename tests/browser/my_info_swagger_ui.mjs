// Signs in at Jeton in the Swagger UI of my-info.

import { claims, equal, newContext, open, screenshot, step, visible } from "./browser.mjs";
import { API, ISSUER, PASSWORD, until } from "./processes.mjs";

export async function myInfoSwaggerUi() {
  const context = await newContext();
  const page = await open(context, "/docs");
  await step("Swagger UI of the API signs in at Jeton and calls GET /my-info", async () => {
    await page.getByRole("button", { name: "Authorize" }).first().click();
    const dialog = page.locator(".modal-ux");
    await visible(dialog);
    equal(await dialog.locator("#client_id_password, #client_id").first().inputValue(), "my-info", "client_id");
    await dialog.locator("#oauth_username").fill("admin");
    await dialog.locator("#oauth_password").fill(PASSWORD);
    await screenshot(page, "docs-1-authorize");
    const tokens = page.waitForResponse(`${ISSUER}/token`);
    await dialog.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    const { aud, scope } = claims((await (await tokens).json()).access_token);
    equal([aud, scope], [API, "my-info:read my-info:write"], "audience and scope");
    await visible(dialog.getByText("authorized", { exact: false }).first());
    await dialog.getByRole("button", { name: /^Close/ }).first().click();
    await page.locator("#operations-Info-fetchMyInfo .opblock-summary-control").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    const response = page.waitForResponse(`${API}/my-info`);
    await page.getByRole("button", { name: "Execute" }).click();
    equal((await response).status(), 200, "the status");
    await until("the response is shown", () => page.locator(".live-responses-table .response-col_status").first().innerText());
    await screenshot(page, "docs-2-answer");
  });
  await context.close();
}
