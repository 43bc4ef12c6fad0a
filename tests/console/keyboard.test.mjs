// Everything without a mouse.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, firstUser, goTo, openPage, picturePath, startBrowser } from "./harness.mjs";

const TABS_MAX = 60;

let server;
let browser;
let person;
let page;

before(async () => {
  server = await Server.start();
  browser = await startBrowser();
  person = await firstUser(server);
  await person.upload("cat.png");
  page = await openPage(browser, server, { person });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") || document.activeElement?.textContent || "");

/** Presses Tab until the focus is on what has this name. */
async function tabTo(name) {
  for (let press = 0; press < TABS_MAX; press += 1) {
    if ((await focused()).trim() === name) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the focus never reached ${name}; it is on ${await focused()}`);
}

test("the first stop skips the navigation", async () => {
  await goTo(page, server, "keys", "API keys");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
});

test("a key is made and revoked; focus stays in dialogs and comes back", async () => {
  await tabTo("Create key");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: /by keyboard/ }).waitFor();
  await tabTo("Done");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("row", { name: /by keyboard/ }).waitFor();
  await tabTo("Revoke the key by keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Revoke this key?" }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "Revoke the key by keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo("Revoke");
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /by keyboard.*revoked/ }).waitFor();
});

test("an asset is opened and closed", async () => {
  await goTo(page, server, "assets", "Assets");
  await page.getByRole("button", { name: "cat.png" }).waitFor();
  await tabTo("cat.png");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "cat.png" }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "cat.png");
});

test("pictures are named, renamed and offered; languages are chosen with arrows", async () => {
  await goTo(page, server, "playground", "Playground");
  await page.getByLabel("Pictures from this machine").setInputFiles(picturePath("cat.png"));
  const text = page.getByRole("combobox", { name: "Text" });
  await text.focus();
  await page.keyboard.type("see @");
  const option = page.getByRole("option", { name: "<@cat>" });
  await option.waitFor();
  assert.equal(await text.getAttribute("aria-activedescendant"), await option.getAttribute("id"));
  assert.equal(await text.getAttribute("aria-expanded"), "true");
  await page.keyboard.press("Escape");
  assert.equal(await text.getAttribute("aria-expanded"), "false");
  await page.keyboard.type("c");
  await page.keyboard.press("Tab");
  assert.equal(await text.inputValue(), "see <@cat>");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Name of the picture cat.png");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("pet");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await text.inputValue(), "see <@pet>");
  await text.focus();
  await page.keyboard.press("ControlOrMeta+Enter");
  const result = page.getByRole("group", { name: "Result" });
  await result.waitFor();
  await result.getByText("This request in a program").focus();
  await page.keyboard.press("Enter");
  await result.getByRole("tab", { name: "curl" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "Python");
  assert.match(await result.getByRole("region", { name: "Python" }).textContent(), /name="pet"/);
  assert.deepEqual(page.faults, []);
});

test("going to another page moves the focus to its heading", async () => {
  await page.getByRole("link", { name: "Usage" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Usage" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  assert.equal(await focused(), "Usage");
});
