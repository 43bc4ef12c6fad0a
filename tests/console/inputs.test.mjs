// Inputs of the playground and of the search: what is kept, what is dropped, and what names what.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, eventually, firstUser, goTo, openPage, picture, startBrowser } from "./harness.mjs";

let server;
let browser;
let person;

before(async () => {
  server = await Server.start();
  browser = await startBrowser();
  person = await firstUser(server);
  for (const name of ["cat.png", "tree.webp"]) await person.upload(name);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const file = (name, of) => ({ name, mimeType: "image/png", buffer: picture(of) });
const card = (page, number) => page.getByRole("region", { name: `Input ${number}`, exact: true });
const textOf = (place) => place.getByRole("combobox", { name: "Text" });
const result = (place) => place.getByRole("group", { name: "Result" });
const embed = (place) => place.getByRole("button", { name: "Embed", exact: true }).click();
const compared = (page) => page.getByRole("table", { name: /Cosine/ }).getByRole("rowheader").allTextContents();

async function playground(files = []) {
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "playground", "Playground");
  if (files.length) await page.getByLabel("Pictures from this machine").setInputFiles(files);
  return page;
}

test("different pictures of one name are different on the map, and the same one is not there twice", async () => {
  const page = await playground();
  for (const [at, name] of ["cat.png", "red_square.png", "blue_circle.png"].entries()) {
    if (at) await page.getByRole("button", { name: "Add an input" }).click();
    await card(page, at + 1).getByLabel("Pictures from this machine").setInputFiles(file("image.png", name));
    await embed(card(page, at + 1));
    await result(card(page, at + 1)).waitFor();
  }
  await page.getByText("(3 vectors)").waitFor();
  for (let time = 0; time < 2; time += 1) {
    await page.getByRole("button", { name: /Words find pictures/ }).click();
    await page.getByText("(9 vectors)").waitFor();
    await result(card(page, 6)).waitFor();
  }
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("inputs and results are there again after a look at another page", async () => {
  const page = await playground([file("mine.png", "cat.png")]);
  await textOf(page).fill("long thought about <@mine>");
  await page.getByLabel("Values").selectOption("128");
  await embed(page);
  await result(page).waitFor();
  await goTo(page, server, "keys", "API keys");
  await goTo(page, server, "playground", "Playground");
  assert.equal(await textOf(page).inputValue(), "long thought about <@mine>");
  assert.equal(await page.getByLabel("Values", { exact: true }).inputValue(), "128");
  assert.equal(await page.getByLabel("Name of the picture mine.png").inputValue(), "mine");
  assert.ok(await result(page).isVisible());
  await page.context().close();
});

test("an input that runs twice shows the later run; one that changes meanwhile has no vector", async () => {
  const page = await playground();
  let asked = 0;
  // Never answered.
  await page.route("**/v1.3/embed-v2", () => (asked += 1));
  await textOf(page).fill("red");
  for (const run of [1, 2]) {
    await embed(page);
    await eventually(() => asked === run, "a request");
  }
  // The first run has ended by now, and shows nothing of it.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  assert.ok(await page.getByText("Embedding…").isVisible());
  assert.equal(await page.getByText("Cancelled.").count(), 0);
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByText("Cancelled.").waitFor();
  await page.unroute("**/v1.3/embed-v2");
  await embed(page);
  await result(page).waitFor();
  await page.getByRole("button", { name: "Add an input" }).click();
  await textOf(card(page, 2)).fill("green");
  await embed(card(page, 2));
  await result(card(page, 2)).waitFor();
  assert.deepEqual(await compared(page), ["1. red", "2. green"]);

  let letGo;
  const held = new Promise((resolve) => (letGo = resolve));
  await page.route("**/v1.3/embed-v2", (route) => held.then(() => route.continue()));
  await embed(card(page, 2));
  await textOf(card(page, 2)).fill("something else");
  letGo();
  await page.getByText("The input has changed meanwhile. Embed it again.").waitFor();
  assert.equal(await page.getByRole("heading", { name: "Similarity" }).count(), 0);
  await page.context().close();
});

test("an `@` offers names only where one begins, and a name that is there goes as a whole", async () => {
  const page = await playground([file("cat.png", "cat.png"), file("house.png", "house.jpg")]);
  const text = textOf(page);
  const cursorTo = (at) => text.evaluate((area, at) => {
    area.setSelectionRange(at, at);
    area.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  }, at);
  await text.fill("see <@cat> there");
  await text.focus();
  await cursorTo("see <@ca".length);
  await page.getByRole("option", { name: "<@cat>" }).waitFor();
  await page.keyboard.press("Enter");
  assert.equal(await text.inputValue(), "see <@cat> there");
  await cursorTo("see <@".length);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await text.inputValue(), "see <@house> there");
  await text.fill("");
  await text.pressSequentially("bob@h");
  assert.equal(await text.getAttribute("aria-expanded"), "false");
  await text.fill("");
  await text.pressSequentially("(@h");
  await page.keyboard.press("Enter");
  assert.equal(await text.inputValue(), "(<@house>");
  await page.context().close();
});

test("no text makes a program read a file", async () => {
  const page = await playground();
  await textOf(page).evaluate((area) => {
    area.value = "see \u0001/etc/passwd\u0001 and \\u0001/etc/passwd\\u0001";
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await page.getByLabel("Model").selectOption((await page.getByLabel("Model").getByRole("option").allTextContents()).find((name) => !name.startsWith("marengo")));
  await embed(page);
  await result(page).getByText("This request in a program").click();
  for (const language of ["curl", "Node"]) {
    await result(page).getByRole("tab", { name: language }).click();
    const code = await result(page).getByRole("region", { name: language }).textContent();
    assert.ok(!/base64 <|readFileSync/.test(code), code);
    assert.ok(code.includes("/etc/passwd"), code);
  }
  await page.context().close();
});

test("an emptied search says nothing of the one before", async () => {
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "search", "Search");
  await page.getByText("2 pictures can be found").waitFor();
  const text = page.getByRole("combobox");
  await text.fill("a cat");
  await page.getByText(/nearest first/).waitFor();
  await text.fill("");
  await page.getByText("Nothing asked yet").waitFor();
  assert.equal(await page.getByText(/nearest first/).count(), 0);
  await page.context().close();
});

test("a search with a large picture waits for a longer pause, and reads the picture once", async () => {
  const page = await openPage(browser, server, { person });
  await page.clock.install();
  await goTo(page, server, "search", "Search");
  await page.evaluate(() => {
    globalThis.reads = 0;
    const own = FileReader.prototype.readAsDataURL;
    FileReader.prototype.readAsDataURL = function read(file) {
      globalThis.reads += 1;
      own.call(this, file);
    };
  });
  let asked = 0;
  await page.route("**/v1.3/embed-v2", (route) => {
    asked += 1;
    return route.continue();
  });
  const large = Buffer.concat([picture("cat.png"), Buffer.alloc(3_000_000)]);
  await page.getByLabel("Pictures from this machine").setInputFiles({ name: "large.png", mimeType: "image/png", buffer: large });
  for (const text of ["a", "ab", "abc"]) {
    await page.getByRole("combobox").fill(text);
    await page.clock.runFor(400);
  }
  assert.equal(asked, 0);
  await page.clock.runFor(1_500);
  await page.getByText(/nearest first/).waitFor();
  await page.getByRole("combobox").fill("abcd");
  const again = page.waitForRequest("**/v1.3/embed-v2");
  await page.clock.runFor(1_500);
  await again;
  assert.equal(asked, 2);
  assert.equal(await page.evaluate(() => globalThis.reads), 1);
  await page.context().close();
});

test("pictures that fail are told, and the others are not held up by them", async () => {
  const page = await openPage(browser, server, { person });
  const coverage = { space: "s", pictures: 10, embedded: 0, unusable: 1, failed: 0 };
  const answers = [{ ...coverage, embedded: 5, failed: 1 }, { ...coverage, embedded: 7, failed: 2 }, { ...coverage, embedded: 9, failed: 0 }];
  let asked = 0;
  const failedToo = [];
  await page.route(/\/console\/api\/vectors/, (route) => {
    if (route.request().method() === "GET") return route.fulfill({ json: coverage });
    asked += 1;
    failedToo.push(new URL(route.request().url()).searchParams.get("failed_too"));
    return route.fulfill({ json: answers[asked - 1] });
  });
  await goTo(page, server, "search", "Search");
  await page.getByText("7 pictures can be found (space s). 1 picture cannot be embedded. 2 pictures failed this time.").waitFor();
  assert.equal(asked, 2);
  await page.getByRole("button", { name: "Try these again" }).click();
  await page.getByText("9 pictures can be found (space s). 1 picture cannot be embedded.").waitFor();
  assert.deepEqual(failedToo, ["false", "false", "true"]);
  await page.context().close();
});
