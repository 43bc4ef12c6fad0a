// The way of somebody who starts with the link that the server printed.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { PASSWORD, ROOT, Server, eventually, goTo, openPage, picturePath, startBrowser } from "./harness.mjs";

const run = promisify(execFile);
const PYTHON = process.env.ONESPACE_TEST_PYTHON ?? path.join(ROOT, "target/test-environment/bin/python");
const EMBEDS = `
import os
from twelvelabs import TextInputRequest, TwelveLabs
client = TwelveLabs(api_key=os.environ["KEY"])
asset = client.assets.create(method="direct", file=open(os.environ["PICTURE"], "rb"))
answer = client.embed.v_2.create(input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="a house"))
print(asset.id, len(answer.data[0].embedding))
`;

let server;
let browser;
let page;

before(async () => {
  server = await Server.start();
  browser = await startBrowser();
  page = await openPage(browser, server, { permissions: ["clipboard-read", "clipboard-write"] });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test("the set-up link makes the first account, once", async () => {
  const link = await server.setUpLink();
  await page.goto(server.url);
  await page.getByRole("heading", { name: "Welcome" }).waitFor();
  await page.goto(link);
  await page.getByRole("heading", { name: "Set up onespace" }).waitFor();
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel("Password").fill("password123");
  await page.getByRole("button", { name: "Make account" }).click();
  await page.getByRole("alert").filter({ hasText: "most common" }).waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make account" }).click();
  await page.getByRole("heading", { name: "Playground" }).waitFor();
  assert.ok(!page.url().includes("set-up"), "the link is gone from the address");

  const other = await openPage(browser, server);
  await other.goto(link);
  await other.getByRole("heading", { name: "This link does not work" }).waitFor();
  await other.context().close();
});

test("a key is made, shown once and copied, and the official SDK embeds with that very key", async () => {
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByRole("cell", { name: "first key", exact: true }).waitFor();
  await page.getByRole("button", { name: "Create key" }).click();
  const dialog = page.getByRole("dialog", { name: "Create an API key" });
  await dialog.getByLabel("Name").fill("laptop");
  assert.equal(await dialog.getByLabel("Expires after").inputValue(), "12");
  await dialog.getByRole("button", { name: "Create key" }).click();
  const shown = page.getByRole("dialog", { name: "The key “laptop”" });
  await shown.getByRole("button", { name: "Copy key" }).click();
  const key = await eventually(() => page.evaluate(() => navigator.clipboard.readText()), "the copied key");
  assert.match(key, /^osk_\w{8}_\w{49}$/);
  assert.ok((await shown.textContent()).includes(`export TWELVE_LABS_API_KEY=${key}`));
  await shown.getByRole("button", { name: "Done" }).click();
  await page.getByRole("row", { name: /laptop/ }).waitFor();
  assert.ok(!(await page.content()).includes(key), "the key is not shown again");

  const environment = { ...process.env, KEY: key, PICTURE: picturePath("house.jpg"), TWELVELABS_BASE_URL: `${server.url}/v1.3` };
  const { stdout } = await run(PYTHON, ["-c", EMBEDS], { env: environment });
  assert.match(stdout, /^[0-9a-f]{24} 512\n$/);
  await page.reload();
  const row = page.getByRole("row", { name: /laptop/ });
  await row.waitFor();
  assert.ok(!(await row.textContent()).includes("never"), "its use is noted");
});

test("the SDK's asset appears, and more are uploaded", async () => {
  await page.getByRole("link", { name: "Assets" }).click();
  await page.getByRole("button", { name: "house.jpg" }).waitFor();
  await page.getByLabel("Pictures to upload").setInputFiles(["cat.png", "tree.webp", "red_square.png", "blue_circle.png"].map(picturePath));
  await page.getByText("5 pictures").waitFor();
  const width = await page.getByRole("button", { name: "cat.png" }).locator("img").evaluate(async (image) => {
    await image.decode();
    return image.naturalWidth;
  });
  assert.equal(width, 256);
  await page.getByLabel("Filter by name").fill("SQUARE");
  await page.getByText("1 picture", { exact: true }).waitFor();
  await page.getByRole("button", { name: "red_square.png" }).click();
  const details = page.getByRole("dialog", { name: "red_square.png" });
  assert.match(await details.textContent(), /256 × 256/);
  await details.getByRole("button", { name: "Copy id" }).click();
  assert.match(await eventually(() => page.evaluate(() => navigator.clipboard.readText()), "the id"), /^[0-9a-f]{24}$/);
  await details.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByLabel("Filter by name").fill("");
  await page.getByText("5 pictures").waitFor();
});

test("a deletion can be taken back, and is done after a few seconds", async () => {
  const removeSquare = async () => {
    await page.getByRole("button", { name: "red_square.png" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "red_square.png" }).waitFor({ state: "detached" });
  };
  await removeSquare();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "red_square.png" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "red_square.png" }).waitFor();
  await removeSquare();
  await page.getByRole("button", { name: "Close this message" }).click();
  await page.getByText("4 pictures").waitFor();
});

test("the playground embeds two named pictures in a sentence", async () => {
  await page.getByRole("link", { name: "Playground" }).click();
  await page.getByLabel("Pictures from this machine").setInputFiles([picturePath("cat.png"), picturePath("house.jpg")]);
  const text = page.getByRole("combobox", { name: "Text" });
  await text.pressSequentially("@c");
  await page.getByRole("option", { name: "<@cat>" }).waitFor();
  await text.press("Enter");
  await text.pressSequentially(" in front of @");
  await text.press("ArrowDown");
  await text.press("Enter");
  assert.equal(await text.inputValue(), "<@cat> in front of <@house>");
  await page.getByRole("button", { name: "Embed", exact: true }).click();
  const result = page.getByRole("group", { name: "Result" });
  await result.waitFor();
  assert.match(await result.textContent(), /Values512Norm1\.0000Time\d+ msTokens\d+ text, \d+ pictureSpace[0-9a-f]{16}/);
  await page.getByRole("img", { name: /The vector: 512 values/ }).waitFor();
});

test("an example set is compared in a heat map and on a map", async () => {
  await page.getByRole("button", { name: /Words find pictures/ }).click();
  await page.getByRole("heading", { name: "Similarity" }).waitFor();
  await eventually(async () => (await page.getByRole("table", { name: /Cosine/ }).getByRole("row").count()) === 7, "six inputs compared");
  const diagonal = await page.getByRole("table", { name: /Cosine/ }).locator("tbody tr").evaluateAll((rows) => rows.map((row, at) => row.cells[at + 1].textContent));
  assert.deepEqual(diagonal, Array(6).fill("1.00"));
  await page.getByRole("img", { name: /A map of 7 vectors/ }).waitFor();
});

test("any-to-any search finds the right picture by words, by a picture and by both", async () => {
  await page.getByRole("link", { name: "Search" }).click();
  await page.getByText("4 pictures can be found").waitFor();
  const text = page.getByRole("combobox", { name: "What are you looking for?" });
  const first = () => page.getByRole("region", { name: "Nearest pictures" }).getByRole("button").first().textContent();
  const nearest = (name) => eventually(async () => (await page.getByText(/nearest first/).isVisible()) && (await first())?.startsWith(name), `${name} comes first`);
  await text.pressSequentially("a cat");
  await nearest("cat.png");
  await text.fill("");
  await page.getByLabel("Pictures from this machine").setInputFiles(picturePath("tree.webp"));
  await nearest("tree.webp");
  await text.fill("<@tree>, a tree");
  await nearest("tree.webp");
});

test("usage shows what was done, by key", async () => {
  await page.getByRole("link", { name: "Usage" }).click();
  await page.getByRole("heading", { name: "Requests per day" }).waitFor();
  const laptop = page.getByRole("row", { name: /laptop/ });
  assert.match(await laptop.textContent(), /laptop20\d+0$/);
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download CSV" }).click()]);
  const csv = (await import("node:fs")).readFileSync(await file.path(), "utf8");
  assert.match(csv, /^day,key_id,key_name,requests,images,tokens,errors\r\n(.*\r\n)*.*"laptop",2,0,\d+,0\r\n/);
});

test("signing out ends it, and no script failed on the way", async () => {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.goto(`${server.url}/#/keys`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual(page.faults, []);
});
