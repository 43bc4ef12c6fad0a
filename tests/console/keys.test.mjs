// The page of the keys: a new key is not lost by accident, and lasts as long as it says.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, firstUser, goTo, openPage, startBrowser } from "./harness.mjs";

let server;
let browser;
let person;

before(async () => {
  server = await Server.start();
  browser = await startBrowser();
  person = await firstUser(server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function openCreation(page, name) {
  await page.getByRole("button", { name: "Create key", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Create an API key" });
  await dialog.getByLabel("Name").fill(name);
  return dialog;
}

test("a new key stays until somebody says Done", async () => {
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "keys", "API keys");
  const creation = await openCreation(page, "kept");
  const form = await creation.boundingBox();
  await page.mouse.click(form.x + 8, form.y + 8);
  assert.ok(await creation.isVisible(), "its padding belongs to a dialog");
  await creation.getByRole("button", { name: "Create key" }).click();
  const shown = page.getByRole("dialog", { name: "The key “kept”" });
  await shown.waitFor();
  const box = await shown.boundingBox();
  const secret = await page.locator("#new-key").boundingBox();
  await page.mouse.click(box.x + 8, box.y + 8);
  await page.mouse.click(box.x - 20, box.y + 20);
  await page.mouse.move(secret.x + 20, secret.y + secret.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x - 20, secret.y + secret.height / 2, { steps: 4 });
  await page.mouse.up();
  for (let press = 0; press < 3; press += 1) await page.keyboard.press("Escape");
  await page.evaluate(() => void (location.hash = "#/usage"));
  await page.waitForFunction(() => document.title.startsWith("Usage"));
  assert.ok(await shown.isVisible());
  await shown.getByRole("button", { name: "Done" }).click();
  await shown.waitFor({ state: "detached" });
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a dialog that can be had again closes by a press beside it", async () => {
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "keys", "API keys");
  const creation = await openCreation(page, "never made");
  const box = await creation.boundingBox();
  await page.mouse.click(box.x - 20, box.y + 20);
  await creation.waitFor({ state: "detached" });
  await page.context().close();
});

test("a notice in a dialog can be seen, heard and closed, and outlives the dialog", async () => {
  const page = await openPage(browser, server, { person, permissions: ["clipboard-read", "clipboard-write"] });
  await goTo(page, server, "keys", "API keys");
  await (await openCreation(page, "noticed")).getByRole("button", { name: "Create key" }).click();
  const shown = page.getByRole("dialog", { name: "The key “noticed”" });
  await shown.getByRole("button", { name: "Copy key" }).click();
  // By role: what is behind a dialog has none.
  await shown.getByRole("status").filter({ hasText: "Copied." }).waitFor();
  await shown.getByRole("button", { name: "Close this message" }).click({ trial: true });
  await shown.getByRole("button", { name: "Done" }).click();
  await page.getByRole("status").filter({ hasText: "Copied." }).waitFor();
  await page.context().close();
});

for (const timezoneId of ["Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati"]) {
  test(`the last day of a key is that day in ${timezoneId}`, async () => {
    const page = await openPage(browser, server, { person, timezoneId });
    await goTo(page, server, "keys", "API keys");
    const dialog = await openCreation(page, `until ${timezoneId}`);
    await dialog.getByLabel("Expires after").selectOption("custom");
    await dialog.getByText(`in this browser's time (${timezoneId})`).waitFor();
    await dialog.getByLabel("Last day").fill("2031-12-31");
    const sent = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/keys"));
    await dialog.getByRole("button", { name: "Create key" }).click();
    const { expires_at: expires } = (await sent).postDataJSON();
    const local = new Intl.DateTimeFormat("sv", { timeZone: timezoneId, dateStyle: "short", timeStyle: "medium" }).format(new Date(expires));
    assert.equal(local, "2031-12-31 23:59:59");
    await page.getByRole("button", { name: "Done" }).click();
    assert.match(await page.getByRole("row", { name: `until ${timezoneId}` }).textContent(), /Dec 31, 2031/);
    await page.context().close();
  });
}
