// The API's own Swagger UI signs in at Jeton.

import { claims, equal, open, seen, shoot, step, visitor } from "./browser.mjs";
import { API, ISSUER, PASSWORD, until } from "./processes.mjs";

export async function docs() {
  const context = await visitor();
  const page = await open(context, "/docs");
  await step("Swagger UI of the API signs in at Jeton and calls GET /my-info", async () => {
    await page.getByRole("button", { name: "Authorize" }).first().click();
    const dialog = page.locator(".modal-ux");
    await seen(dialog);
    equal(await dialog.locator("#client_id_password, #client_id").first().inputValue(), "my-info", "client_id");
    await dialog.locator("#oauth_username").fill("admin");
    await dialog.locator("#oauth_password").fill(PASSWORD);
    await shoot(page, "docs-1-authorize");
    const tokens = page.waitForResponse(`${ISSUER}/token`);
    await dialog.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
    const { aud, scope } = claims((await (await tokens).json()).access_token);
    equal([aud, scope], [API, "my-info:read my-info:write"], "what the token is good for");
    await seen(dialog.getByText("authorized", { exact: false }).first());
    await dialog.getByRole("button", { name: /^Close/ }).first().click();
    await page.locator("#operations-Info-fetchMyInfo .opblock-summary-control").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    const answer = page.waitForResponse(`${API}/my-info`);
    await page.getByRole("button", { name: "Execute" }).click();
    equal((await answer).status(), 200, "the answer");
    await until("the answer is shown", () => page.locator(".live-responses-table .response-col_status").first().innerText());
    await shoot(page, "docs-2-answer");
  });
  await context.close();
}
