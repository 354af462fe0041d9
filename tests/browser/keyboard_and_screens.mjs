// The page of my-info by keyboard alone, on a phone screen, and in dark mode.

import {
  awaitExpiry, checkAccessibility, equal, expect, newContext, open, screenshot, signIn, step, tokens, visible,
} from "./browser.mjs";
import { API, PASSWORD, until } from "./processes.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

export async function keyboardAndScreens() {
  await byKeyboard();
  await onScreen("phone", { ...PHONE, colorScheme: "light" });
  await onScreen("phone-dark", { ...PHONE, colorScheme: "dark" });
  await onScreen("dark", { colorScheme: "dark" });
}

async function byKeyboard() {
  const context = await newContext();
  const page = await open(context);
  const focus = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  const outlined = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  await step("the page works by keyboard alone, with a visible focus", async () => {
    expect([401, `${API}/my-info`]);
    await page.keyboard.press("Tab");
    equal(await focus(), "see", "the first stop");
    equal(await outlined(), "solid", "the focus ring");
    await page.keyboard.press("Enter");
    await until("the button has the focus", async () => (await focus()) === "go");
    await page.keyboard.press("Space");
    await until("Jeton's form has the focus", async () => (await focus()) === "username");
    await page.keyboard.type("admin");
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    equal([await focus(), await outlined()], ["Sign in", "solid"], "the button");
    await page.keyboard.press("Enter");
    await until("the info has the focus", async () => (await focus()) === "info-title");
    await page.keyboard.press("Tab");
    equal(await focus(), "edit", "the next stop");
    await page.keyboard.press("Enter");
    await until("the form has the focus", async () => (await focus()) === "name");
    for (let stops = 0; stops < 5; stops += 1) await page.keyboard.press("Tab");
    equal(await focus(), "cancel", "the last stop of the form");
    await page.keyboard.press("Enter");
    await until("the button has the focus again", async () => (await focus()) === "edit");
    await page.keyboard.press("Shift+Tab");
    equal(await focus(), "see", "backwards");
    await page.keyboard.press("Shift+Tab");
    equal(await focus(), "everywhere", "backwards again");
    await page.keyboard.press("Shift+Tab");
    equal(await focus(), "sign-out", "and again");
    await page.keyboard.press("Enter");
    await until("the first button has the focus", async () => (await focus()) === "see");
  });
  await context.close();
}

async function onScreen(name, options) {
  const context = await newContext(options);
  const page = await open(context);
  await step(`${name}: every state of the page is accessible and fits the width`, async () => {
    expect([401, `${API}/my-info`]);
    await checkAccessibility(page);
    await screenshot(page, `${name}-1-start`);
    await page.getByRole("button", { name: "See my info" }).click();
    await visible(page.getByRole("region", { name: "Sign in" }));
    await checkAccessibility(page);
    await screenshot(page, `${name}-2-refused`);
    await page.reload();
    await signIn(page);
    await page.getByText("Decoded: header and claims").click();
    await checkAccessibility(page);
    await screenshot(page, `${name}-3-info`);
    await page.getByRole("button", { name: "Edit" }).click();
    await checkAccessibility(page);
    await screenshot(page, `${name}-4-edit`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Sign out everywhere" }).click();
    await checkAccessibility(page);
    await screenshot(page, `${name}-5-everywhere`);
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    const before = await tokens(page);
    await awaitExpiry(page);
    await page.getByRole("button", { name: "See my info" }).click();
    await until("new tokens are stored", async () => (await tokens(page)).access_token !== before.access_token);
  });
  await context.close();
}
