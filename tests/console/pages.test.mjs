// Every page: accessible, light, quick, and in pictures.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { Person, ROOT, Server, eventually, firstUser, openPage, picturePath, startBrowser } from "./harness.mjs";

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCREENSHOTS = path.join(ROOT, "target/console-screenshots");
const PAGE_BYTES_MAX = 300_000;
const LOADS = 5;
const FAULTS_AT_ALL = new Set(["serious", "critical", "moderate"]);

const LOOKS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
};

/** Name, address, heading, and what must be there before the picture is taken. */
const PAGES = [
  ["playground", "#/playground", "Playground", async (page) => {
    await page.getByRole("button", { name: /Words find pictures/ }).click();
    await eventually(async () => (await page.getByRole("group", { name: "Result" }).count()) === 6, "six results");
    await page.locator("summary").first().click();
    await page.getByRole("img", { name: /A map of/ }).waitFor();
  }],
  ["search", "#/search", "Search", async (page) => {
    await page.getByRole("combobox").fill("a red square");
    await page.getByText(/nearest first/).waitFor();
    await page.getByText(/can be found/).waitFor();
  }],
  ["assets", "#/assets", "Assets", (page) => page.getByText("5 pictures").waitFor()],
  ["asset-details", "#/assets", "Assets", async (page) => {
    await page.getByRole("button", { name: "cat.png" }).click();
    await page.getByRole("dialog").waitFor();
  }],
  ["keys", "#/keys", "API keys", (page) => page.getByRole("cell", { name: "first key", exact: true }).waitFor()],
  ["key-creation", "#/keys", "API keys", async (page) => {
    await page.getByRole("button", { name: "Create key" }).click();
    await page.getByRole("dialog").waitFor();
  }],
  ["usage", "#/usage", "Usage", (page) => page.getByRole("heading", { name: "By key and day" }).waitFor()],
  ["account", "#/account", "Account", (page) => page.getByRole("cell", { name: "grace.brewster.hopper@example.com", exact: true }).waitFor()],
];
const GATES = [
  ["sign-in", "#/", "Sign in"],
  ["link-used", "#/set-up/nothing", "This link does not work"],
];

let server;
let browser;
let person;

before(async () => {
  fs.mkdirSync(SCREENSHOTS, { recursive: true });
  server = await Server.start("--open-signup");
  browser = await startBrowser();
  await photographGate("welcome", "#/", "Welcome");
  await photographGate("set-up", new URL(await server.setUpLink()).hash, "Set up onespace");
  person = await firstUser(server);
  for (const name of ["cat.png", "house.jpg", "tree.webp", "red_square.png", "blue_circle.png"]) await person.upload(name);
  await person.createKey("laptop", new Date(Date.now() + 3e9).toISOString());
  const { link } = (await person.api("POST", "/invitations")).json();
  await photographGate("join", new URL(link).hash, "Join onespace");
  await new Person(server, "grace.brewster.hopper@example.com").signUp(link);
  const { members } = (await person.api("GET", "/members")).json();
  const reset = (await person.api("POST", `/members/${members[1].id}/password-reset`)).json();
  await photographGate("new-password", new URL(reset.link).hash, "New password");
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function photographGate(name, hash, heading) {
  for (const look of Object.keys(LOOKS)) {
    const page = await openPage(browser, server, LOOKS[look]);
    await page.goto(`${server.url}/${hash}`);
    await page.getByRole("heading", { name: heading }).waitFor();
    await finish(page, name, look);
  }
}

/** Takes the picture, and asks axe and the page's own faults. */
async function finish(page, name, look) {
  await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.getBoundingClientRect().top > innerHeight));
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${look}.png`), fullPage: look !== "phone" || !name.includes("-") });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name} (${look}) is ${wide} px wider than the screen`);
  // Not as an element of the page: the policy of the page would refuse it, as it should.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const told = violations.filter(({ impact }) => FAULTS_AT_ALL.has(impact))
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => `${node.target} ${node.any.map(({ message }) => message)}`).join("; ")}`);
  assert.deepEqual(told, [], `axe on ${name} (${look})`);
  assert.deepEqual(page.faults, [], `${name} (${look})`);
  await page.context().close();
}

for (const [name, hash, heading, prepare] of PAGES) {
  for (const look of Object.keys(LOOKS)) {
    test(`${name}, ${look}: accessible and as wide as the screen`, async () => {
      const page = await openPage(browser, server, { person, ...LOOKS[look] });
      await page.goto(`${server.url}/${hash}`);
      await page.getByRole("heading", { level: 1, name: heading }).waitFor();
      await prepare(page);
      await finish(page, name, look);
    });
  }
}

test("pages of people who are not signed in are accessible too", async () => {
  for (const [name, hash, heading] of GATES) await photographGate(name, hash, heading);
});

test("before the console's script runs, the page shows its frame and the heading of its address", async () => {
  for (const [, hash, heading] of PAGES) {
    const page = await openPage(browser, server, { person });
    await page.route("**/console.js", (route) => route.abort());
    await page.goto(`${server.url}/${hash}`);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    assert.deepEqual(await page.getByRole("heading", { level: 1 }).allTextContents(), [heading]);
    await page.getByRole("navigation").getByRole("link", { name: heading }).waitFor();
    await page.context().close();
  }
});

test("the page that comes before any script names the pages as the scripts do", async () => {
  const page = await openPage(browser, server, { person });
  const named = () => page.getByRole("navigation", { name: "Pages" }).getByRole("link").evaluateAll((links) => links.map((link) => [link.getAttribute("href"), link.textContent]));
  await page.route("**/console.js", (route) => route.abort());
  await page.goto(server.url);
  const early = await named();
  await page.unroute("**/console.js");
  await page.reload();
  await page.locator(".who").waitFor();
  assert.deepEqual(await named(), early);
  for (const [hash, title] of early) {
    await page.goto(`${server.url}/${hash}`);
    await page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
    await page.waitForFunction((title) => document.title === `${title} – onespace`, title);
  }
  await page.context().close();
});

test("on the narrowest phones words keep their size, and pictures stand in two columns", async () => {
  const page = await openPage(browser, server, { person, viewport: { width: 360, height: 740 } });
  const sizes = () => page.locator("svg.plot text").evaluateAll((texts) => texts.map((text) => {
    const chart = text.ownerSVGElement;
    return parseFloat(getComputedStyle(text).fontSize) * chart.getBoundingClientRect().width / chart.viewBox.baseVal.width;
  }));
  const finishNarrow = async (name) => {
    await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-narrow.png`), fullPage: true });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), name);
  };
  for (const [name, hash, , prepare] of PAGES.filter(([name]) => ["playground", "assets", "usage", "keys"].includes(name))) {
    await page.goto(`${server.url}/${hash}`);
    await prepare(page);
    await finishNarrow(name);
    if (["playground", "usage"].includes(name)) {
      const found = await sizes();
      assert.ok(found.length > 0 && found.every((size) => size > 11), `${name}: ${found}`);
    }
    if (name === "assets") {
      const columns = await page.locator(".grid").evaluate((grid) => getComputedStyle(grid).gridTemplateColumns.split(" ").length);
      assert.equal(columns, 2);
    }
  }
  await page.context().close();
});

/**
 * Each load is a new profile, with nothing in any cache. Counted from the start of the navigation:
 * `heading_ms`, when the heading of the page and the navigation are painted; `content_ms`, when its
 * scripts have put their own elements there; `blank_ms`, the first paint of a bare page of the same
 * server, which is what the browser itself takes at that moment. Medians.
 */
test("every page weighs little, in three files; when it is painted is written down, not judged", async () => {
  const median = (values) => Math.round(values.toSorted((a, b) => a - b)[values.length >> 1]);
  const [figures, blanks] = [[], []];
  for (const [name, hash, heading] of PAGES.filter(([name]) => !["asset-details", "key-creation"].includes(name))) {
    blanks.push((await timed("console/nothing", () => document.body)).painted);
    const loads = [];
    const isThere = (title) => document.querySelector("main .page > *:nth-child(2)") && document.title.startsWith(title);
    for (let load = 0; load < LOADS; load += 1) loads.push(await timed(hash, isThere, heading));
    const { bytes, files } = loads[0];
    figures.push({ page: name, bytes, files, heading_ms: median(loads.map(({ painted }) => painted)), content_ms: median(loads.map(({ content }) => content)) });
  }
  const blank = median(blanks);
  console.table(figures);
  console.log(`a bare page: ${blank} ms`);
  fs.writeFileSync(path.join(SCREENSHOTS, "figures.json"), `${JSON.stringify({ blank_ms: blank, pages: figures }, null, 2)}\n`);
  for (const { page, bytes, files } of figures) {
    assert.ok(bytes > 10_000 && bytes < PAGE_BYTES_MAX, `${page}: ${bytes} bytes`);
    assert.equal(files, 3, `${page}: two scripts and one style sheet, no chain`);
  }
});

/** Loads an address in a new profile until `isThere(argument)` holds in the page. */
async function timed(address, isThere, argument) {
  const page = await openPage(browser, server, { person });
  await page.addInitScript(`(() => {
    const isThere = ${isThere};
    const look = () => {
      if (globalThis.contentAt || !document.body || !isThere(${JSON.stringify(argument)})) return;
      requestAnimationFrame(() => (globalThis.contentAt ??= performance.now()));
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
  })()`);
  await page.goto(`${server.url}/${address}`);
  const content = await eventually(() => page.evaluate(() => globalThis.contentAt), "content");
  const painted = await eventually(() => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime), "a paint");
  // Its own files: the account's pictures are not the page's.
  const [bytes, files] = await page.evaluate(() => {
    const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].filter(({ name }) => !/\/(picture|thumbnail)$/.test(name));
    return [loaded.reduce((sum, { transferSize }) => sum + transferSize, 0), loaded.filter(({ name }) => /\.(js|css)$/.test(name)).length];
  });
  await page.context().close();
  return { content, painted, bytes, files };
}
