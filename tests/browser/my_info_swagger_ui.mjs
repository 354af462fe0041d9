// Signs in at Jeton in the Swagger UI of my-info.

import { claims, equal, newContext, open, screenshot, signInAtJeton, step, visible } from "./browser.mjs";
import { authorizeByCode, passwordSection } from "./jeton_swagger_ui.mjs";
import { API, ISSUER, PASSWORD, until } from "./processes.mjs";

export async function myInfoSwaggerUi() {
  const context = await newContext();
  const page = await open(context, "/docs");
  await step("Swagger UI of the API signs in at Jeton and calls GET /my-info", async () => {
    await page.getByRole("button", { name: "Authorize" }).first().click();
    const dialog = page.locator(".modal-ux");
    await visible(dialog);
    const section = passwordSection(dialog);
    equal(await section.locator("#client_id_password, #client_id").first().inputValue(), "my-info", "client_id");
    await dialog.locator("#oauth_username").fill("admin");
    await dialog.locator("#oauth_password").fill(PASSWORD);
    await screenshot(page, "docs-1-authorize");
    const tokens = page.waitForResponse(`${ISSUER}/token`);
    await section.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    const { aud, scope } = claims((await (await tokens).json()).access_token);
    equal([aud, scope], [API, "my-info:read my-info:write"], "audience and scope");
    await visible(section.getByText("authorized", { exact: false }).first());
    await dialog.getByRole("button", { name: /^Close/ }).first().click();
    await page.locator("#operations-Info-fetchMyInfo .opblock-summary-control").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    const response = page.waitForResponse(`${API}/my-info`);
    await page.getByRole("button", { name: "Execute" }).click();
    equal((await response).status(), 200, "the status");
    await until("the response is shown", () => page.locator(".live-responses-table .response-col_status").first().innerText());
    await screenshot(page, "docs-2-answer");
  });
  await step("Swagger UI of the API, at another origin, signs in by code with PKCE", async () => {
    await page.reload();
    const answered = page.waitForResponse(`${ISSUER}/token`);
    await authorizeByCode(page, signInAtJeton);
    const { aud, scope } = claims((await (await answered).json()).access_token);
    equal([aud, scope], [API, "my-info:read my-info:write"], "audience and scope");
    await page.locator("#operations-Info-fetchMyInfo").getByRole("button", { name: "Try it out" }).click();
    const response = page.waitForResponse(`${API}/my-info`);
    await page.getByRole("button", { name: "Execute" }).click();
    equal((await response).status(), 200, "the status");
  });
  await context.close();
}
