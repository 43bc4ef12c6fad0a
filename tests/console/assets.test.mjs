// The page of the assets: what goes, what comes while one looks elsewhere, and what is no picture.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, eventually, firstUser, goTo, openPage, picture, startBrowser } from "./harness.mjs";

const PER_PAGE = 24;

let server;
let browser;
let person;
let page;

before(async () => {
  server = await Server.start();
  browser = await startBrowser();
  person = await firstUser(server);
  for (let at = 0; at <= PER_PAGE; at += 1) await person.upload(`p${String(at).padStart(2, "0")}.png`, picture("cat.png"));
  page = await openPage(browser, server, { person });
  await page.clock.install();
  await goTo(page, server, "assets", "Assets");
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const tiles = () => page.locator(".tile");
const focusedText = () => page.evaluate(() => document.activeElement?.textContent ?? "");
const named = async (name) => (await person.send("GET", `/v1.3/assets?filename=${name}`)).json().data.length;

/** Drops or pastes a file on the element, as a browser would. */
const transfer = (locator, kind, name, type) => locator.evaluate((element, [kind, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File(["x"], name, { type }));
  const event = kind === "drop" ? new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }) : new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true });
  element.dispatchEvent(event);
}, [kind, name, type]);

test("details open on what does no harm, and after a deletion the focus is on the next picture", async () => {
  await page.getByText("25 pictures").waitFor();
  // The time in which a deletion can be undone must not pass, here and in the next test.
  await page.clock.pauseAt(Date.now() + 10_000);
  const [first, second] = (await tiles().allTextContents()).slice(0, 2);
  await tiles().first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: first }).waitFor();
  assert.equal(await focusedText(), "Close");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText(`${first} will be deleted.`).waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focusedText(), second);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: first }).waitFor();
  assert.equal(await focusedText(), second, "a notice gives the focus back");
});

test("what is about to be deleted is neither found nor offered", async () => {
  await tiles().first().click();
  const name = await page.getByRole("dialog").getByRole("heading").textContent();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await goTo(page, server, "search", "Search");
  await page.getByRole("button", { name: "From assets" }).click();
  await page.getByRole("dialog").locator(".tile").first().waitFor();
  assert.equal(await page.getByRole("dialog").getByRole("button", { name }).count(), 0);
  await page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.clock.resume();
  await goTo(page, server, "assets", "Assets");
  await page.getByText("25 pictures").waitFor();
});

test("when the last picture of the last page goes, the page before it is shown", async () => {
  await page.getByRole("button", { name: "Older" }).click();
  await page.getByText("Page 2 of 2").waitFor();
  assert.equal(await tiles().count(), 1);
  await tiles().first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Close this message" }).click();
  await page.getByText("24 pictures").waitFor();
  assert.equal(await tiles().count(), PER_PAGE);
});

test("uploads go on while another page is shown, and are there again", async () => {
  let letGo;
  const held = new Promise((resolve) => (letGo = resolve));
  await page.route("**/v1.3/assets", async (route) => {
    if (route.request().method() === "POST") await held;
    await route.continue();
  });
  const files = [1, 2, 3, 4].map((at) => ({ name: `later${at}.png`, mimeType: "image/png", buffer: picture("cat.png") }));
  await page.getByLabel("Pictures to upload").setInputFiles(files);
  const lines = page.getByRole("group", { name: "Uploads" }).locator(".upload");
  assert.equal(await lines.count(), 4);
  await goTo(page, server, "keys", "API keys");
  await goTo(page, server, "assets", "Assets");
  assert.equal(await lines.count(), 4);
  await page.getByRole("button", { name: "Cancel the upload of later4.png" }).click();
  letGo();
  await page.getByText("27 pictures").waitFor();
  assert.equal(await lines.count(), 0);
  assert.equal(await named("later4.png"), 0);
});

test("what is no picture is told, dropped or pasted, on the page or beside a text", async () => {
  const told = page.getByText("Only pictures are taken (PNG, JPEG, WebP, GIF), not notes.pdf.");
  for (const [place, kind] of [[page.locator(".drop"), "drop"], [page.locator("body"), "paste"]]) {
    await transfer(place, kind, "notes.pdf", "application/pdf");
    await told.waitFor();
    await page.getByRole("button", { name: "Close this message" }).click();
  }
  await goTo(page, server, "playground", "Playground");
  for (const kind of ["drop", "paste"]) {
    await transfer(page.getByRole("combobox", { name: "Text" }), kind, "notes.pdf", "application/pdf");
    await told.waitFor();
    await page.getByRole("button", { name: "Close this message" }).click();
  }
  await transfer(page.getByRole("combobox", { name: "Text" }), "drop", "café crème.png", "image/png");
  assert.equal(await page.getByLabel("Name of the picture café crème.png").inputValue(), "cafe_creme");
});

test("signing out deletes first what was to be deleted", async () => {
  await goTo(page, server, "assets", "Assets");
  await page.getByRole("button", { name: "later1.png" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await person.signIn();
  assert.equal(await named("later1.png"), 0);
});

test("a session that ended before the deletion says what was not deleted", async () => {
  const guest = await person.signIn();
  const [name, value] = guest.cookie.split("=");
  await page.context().addCookies([{ name, value, url: server.url, httpOnly: true, sameSite: "Strict" }]);
  await page.reload();
  await goTo(page, server, "assets", "Assets");
  await page.getByRole("button", { name: "later2.png" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await guest.api("DELETE", "/session");
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByText("Your session has ended. Sign in again. Not deleted: later2.png.").waitFor();
  await person.signIn();
  assert.equal(await eventually(() => named("later2.png"), "it is still there"), 1);
  assert.deepEqual(page.faults, []);
});
