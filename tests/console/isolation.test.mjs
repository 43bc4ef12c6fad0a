// Two accounts never see each other's keys, assets, usage or vectors: in any call, and on any page.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { Person, ROOT, Server, eventually, firstUser, goTo, openPage, picture, startBrowser } from "./harness.mjs";

const UNKNOWN = {
  asset: "0123456789abcdef01234567", key: "zzzzzzzz", task: "0123456789abcdef01234568",
  upload: "0123456789abcdef01234569", user: "0123456789abcdef0123456a",
};

let server;
let ada;
let bob;
let mine;

before(async () => {
  server = await Server.start();
  ada = await firstUser(server);
  const { link } = (await ada.api("POST", "/invitations")).json();
  bob = await new Person(server, "bob@example.com").signUp(link);
  const asset = await ada.upload("cat.png");
  const { secret, key } = await ada.createKey("secret of ada");
  await ada.api("POST", "/vectors");
  await ada.embedText("words of ada");
  const space = (await ada.api("GET", "/vectors")).json().space;
  const model = (await ada.api("GET", "/session")).json().search_model;
  const query = await ada.send("POST", "/v1.3/embed-v2", { json: { input_type: "text", model_name: model, text: { input_text: "a cat" } } });
  const created = await ada.send("POST", "/v1.3/embed-v2/tasks", { json: imageOf(asset, "marengo3.5") });
  assert.equal(created.status, 202, created.text);
  const task = created.json();
  const upload = (await ada.send("POST", "/v1.3/assets/multipart-uploads", { json: UPLOAD })).json();
  const user = (await ada.api("GET", "/members")).json().members.find(({ email }) => email === ada.email);
  mine = { asset, secret, key: key.id, task: task._id, upload: upload.upload_id, user: user.id, space, vector: query.json().data[0].embedding };
  for (const [what, id] of Object.entries(mine)) assert.ok(id, `no ${what}`);
});

after(() => server?.stop());

const imageOf = (asset, model = "marengo3.0") => ({ input_type: "image", model_name: model, image: { media_source: { asset_id: asset } } });
const UPLOAD = { filename: "ada.png", type: "image", total_size: 100 };

/** Every route of the console's API and every public one, for what has these ids. */
const calls = ({ asset, key, task, upload, user }) => [
  ["GET", "/console/api/session"],
  ["GET", "/console/api/keys"],
  ["DELETE", `/console/api/keys/${key}`],
  ["GET", "/console/api/usage"],
  ["GET", "/console/api/usage.csv"],
  ["GET", "/console/api/vectors"],
  ["POST", "/console/api/vectors"],
  ["POST", "/console/api/search", { space: mine.space, vector: mine.vector }],
  ["POST", "/console/api/search", { space: mine.space, asset_id: asset }],
  ["GET", `/console/api/assets/${asset}/picture`],
  ["GET", `/console/api/assets/${asset}/thumbnail`],
  ["GET", "/v1.3/assets"],
  ["GET", `/v1.3/assets?asset_ids=${asset}`],
  ["GET", `/v1.3/assets/${asset}`],
  ["PATCH", `/v1.3/assets/${asset}/user-metadata`, { user_metadata: { mine: "now" } }],
  ["PUT", `/v1.3/assets/${asset}/user-metadata`, { user_metadata: { mine: "now" } }],
  ["DELETE", `/v1.3/assets/${asset}/user-metadata`],
  ["DELETE", `/v1.3/assets/${asset}`],
  ["GET", "/v1.3/assets/multipart-uploads"],
  ["GET", `/v1.3/assets/multipart-uploads/${upload}`],
  ["POST", `/v1.3/assets/multipart-uploads/${upload}`, { completed_chunks: [{ chunk_index: 1, proof: "x", proof_type: "etag" }] }],
  ["POST", `/v1.3/assets/multipart-uploads/${upload}/presigned-urls`, { start: 1, count: 1 }],
  ["GET", "/v1.3/embed-v2/tasks"],
  ["GET", `/v1.3/embed-v2/tasks/${task}`],
  ["POST", "/v1.3/embed-v2/tasks", imageOf(asset, "marengo3.5")],
  ["GET", "/console/api/members"],
  ["DELETE", `/console/api/members/${user}`],
  ["POST", `/console/api/members/${user}/password-reset`],
  ["POST", "/v1.3/embed-v2", imageOf(asset)],
  ["POST", "/v1.3/embed-v2", { input_type: "multi_input", model_name: "marengo3.0", multi_input: { media_sources: [{ media_type: "image", asset_id: asset }] } }],
];

/** Every path of the console's router. */
function routes() {
  const source = fs.readFileSync(path.join(ROOT, "crates/server/src/console.rs"), "utf8");
  return [...source.matchAll(/"(\/[a-z.]+(?:\/[^"]*)?)"/g)].map((found) => found[1]).filter((route) => !route.startsWith("/console"));
}

/** Routes that know no account, or make one, or take what they need with them. */
const WITHOUT_ACCOUNT = ["/users", "/links", "/password", "/password-resets", "/invitations"];
const PUBLIC_WITHOUT_IDS = ["POST /v1.3/assets", "POST /v1.3/assets/multipart-uploads", "POST /v1.3/embed", "PUT /v1.3/_upload/ID"];

const IDS = Object.fromEntries(Object.keys(UNKNOWN).map((name) => [name, "ID"]));

test("the table above has every public route", async () => {
  const { paths } = (await server.request("GET", "/openapi.json")).json();
  const served = Object.entries(paths).flatMap(([route, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${route.replace(/\{\w+\}/, "ID")}`));
  const known = calls(IDS).map(([method, route]) => `${method} ${route}`);
  assert.ok(served.length >= 18, served.join(" "));
  assert.deepEqual(served.filter((route) => !known.includes(route) && !PUBLIC_WITHOUT_IDS.includes(route)), []);
});

test("and every route of the console", () => {
  const known = calls(IDS).map(([, route]) => route.replace("/console/api", ""));
  const missing = routes().filter((route) => !WITHOUT_ACCOUNT.includes(route) && !known.includes(route.replace(/\{\w+\}/, "ID")));
  assert.ok(routes().length >= 11, routes().join(" "));
  assert.deepEqual(missing, []);
});

test("for another account, what exists and what never existed are the same", async () => {
  const changed = (text, ids) => Object.keys(UNKNOWN).reduce((told, name) => told.replaceAll(ids[name], "ID"), text);
  for (const [at, [method, route, json]] of calls(mine).entries()) {
    const theirs = await bob.send(method, route, { json });
    const [, never] = calls(UNKNOWN)[at];
    const nothing = await bob.send(method, never, { json: calls(UNKNOWN)[at][2] });
    assert.equal(theirs.status, nothing.status, `${method} ${route}`);
    const counts = /"(requests|errors|tokens)":\d+|,\d+,\d+,\d+,\d+\r/g;
    assert.equal(changed(theirs.text, mine).replaceAll(counts, ""), changed(nothing.text, UNKNOWN).replaceAll(counts, ""), `${method} ${route}`);
    for (const word of ["cat.png", "ada.png", "secret of ada", "ada@example.com", mine.key, mine.task, mine.upload, mine.user]) {
      assert.ok(!theirs.text.replaceAll(route, "").includes(word) || route.includes(word), `${method} ${route} tells ${word}`);
    }
  }
});

test("nothing of the owner's has changed", async () => {
  assert.equal((await ada.send("GET", `/v1.3/assets/${mine.asset}`)).json().user_metadata, undefined);
  const key = (await ada.api("GET", "/keys")).json().keys.find(({ id }) => id === mine.key);
  assert.equal(key.state, "active");
  assert.equal((await ada.send("GET", `/v1.3/embed-v2/tasks/${mine.task}`)).status, 200);
  assert.equal((await ada.send("GET", `/v1.3/assets/multipart-uploads/${mine.upload}`)).status, 200);
  assert.equal((await ada.signIn()).cookie !== undefined, true, "and the password is the old one");
  const hits = (await ada.api("POST", "/search", { json: { space: mine.space, vector: mine.vector } })).json().hits;
  assert.deepEqual(hits.map(({ asset }) => asset._id), [mine.asset]);
});

test("the other's usage counts the other's requests only", async () => {
  const rows = (await bob.api("GET", "/usage")).json().rows;
  assert.ok(rows.length > 0);
  assert.deepEqual([...new Set(rows.map(({ key_name: name }) => name))], ["Console"]);
  const own = (await ada.api("GET", "/usage")).json().rows;
  assert.ok(own.every(({ key_id: id }) => !rows.some((row) => row.key_id === id)));
});

test("no page shows anything of the other", async () => {
  const browser = await startBrowser();
  try {
    const page = await openPage(browser, server, { person: bob });
    const seen = [];
    page.on("response", async (response) => seen.push(await response.text().catch(() => "")));
    for (const [name, heading, there] of [["keys", "API keys", "No keys yet"], ["assets", "Assets", "No pictures yet"], ["search", "Search", "Nothing asked yet"], ["usage", "Usage", "By key and day"], ["account", "Account", "bob@example.com"]]) {
      await goTo(page, server, name, heading);
      await page.getByText(there).first().waitFor();
    }
    await goTo(page, server, "search", "Search");
    await page.getByRole("combobox").fill("a cat");
    await page.getByText("No pictures to find").waitFor();
    const told = seen.filter((text) => !text.includes("export ")).join("\n");
    for (const word of ["ada@example.com", "secret of ada", mine.asset, mine.key]) assert.ok(!told.includes(word), word);
  } finally {
    await browser.close();
  }
});

/** Signs in by the form, and waits for the first page. */
async function signInByForm(page, { email, password }) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Playground" }).waitFor();
}

async function withBrowser(walk) {
  const browser = await startBrowser();
  try {
    await walk(browser);
  } finally {
    await browser.close();
  }
}

const assetNames = async (person) => (await person.send("GET", "/v1.3/assets?page_limit=50")).json().data.map(({ filename }) => filename);

test("whoever signs in next in the same tab finds nothing of the one before, and gets none of their uploads", () => withBrowser(async (browser) => {
  const page = await openPage(browser, server, { person: await new Person(server).signIn() });
  await goTo(page, server, "playground", "Playground");
  await page.getByRole("combobox", { name: "Text" }).fill("private words of ada");
  await page.getByRole("button", { name: "Embed", exact: true }).click();
  await page.getByRole("group", { name: "Result" }).waitFor();
  await goTo(page, server, "assets", "Assets");
  // Never answered: at the sign-out, three are under way and one waits.
  await page.route("**/v1.3/assets", (route) => (route.request().method() === "POST" ? undefined : route.continue()));
  const files = [1, 2, 3, 4].map((at) => ({ name: `ada-${at}.png`, mimeType: "image/png", buffer: picture("cat.png") }));
  await page.getByLabel("Pictures to upload").setInputFiles(files);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("4 uploads will not be finished").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.unroute("**/v1.3/assets");
  await signInByForm(page, bob);
  assert.equal(await page.getByRole("combobox", { name: "Text" }).inputValue(), "");
  await page.getByRole("button", { name: /Words find pictures/ }).click();
  await page.getByRole("img", { name: "A map of 6 vectors. Their positions are listed after it." }).waitFor();
  assert.ok(!(await page.content()).includes("of ada"));
  await goTo(page, server, "assets", "Assets");
  await page.getByText("No pictures yet").waitFor();
  assert.equal(await page.getByRole("group", { name: "Uploads" }).locator("*").count(), 0);
  assert.deepEqual((await assetNames(bob)).filter((name) => name.startsWith("ada-")), []);
  assert.deepEqual(page.faults, []);
}));

test("a tab follows when another one signs out, and when somebody else signs in there", () => withBrowser(async (browser) => {
  const first = await openPage(browser, server, { person: await new Person(server).signIn() });
  await goTo(first, server, "assets", "Assets");
  await first.getByRole("button", { name: "cat.png" }).waitFor();
  const second = await openPage(browser, server, { context: first.context() });
  await goTo(second, server, "account", "Account");
  await second.getByRole("button", { name: "Sign out" }).click();
  await second.getByRole("heading", { name: "Sign in" }).waitFor();
  await first.getByRole("heading", { name: "Sign in" }).waitFor();
  await first.getByText("Your session has ended").waitFor();
  await signInByForm(second, bob);
  await first.getByRole("heading", { level: 1, name: "Assets" }).waitFor();
  await first.getByText("No pictures yet").waitFor();
  assert.equal(await first.locator(".who").textContent(), bob.email);
}));

test("a tab that was not told notices when it is looked at, and with its next call", () => withBrowser(async (browser) => {
  const lookedAt = (page) => page.evaluate(() => void document.dispatchEvent(new Event("visibilitychange")));
  const become = async (page, person) => {
    const [name, value] = (await person.signIn()).cookie.split("=");
    await page.context().addCookies([{ name, value, url: server.url, httpOnly: true, sameSite: "Strict" }]);
  };
  const page = await openPage(browser, server, { person: await new Person(server).signIn() });
  await goTo(page, server, "playground", "Playground");
  await become(page, new Person(server, bob.email));
  await lookedAt(page);
  await page.getByText("This browser is now signed in as bob@example.com").waitFor();
  assert.equal(await page.locator(".who").textContent(), bob.email);
  // A call to the public API by a session that is over is no question of keys.
  await page.context().clearCookies();
  await page.getByRole("combobox", { name: "Text" }).fill("x");
  await page.getByRole("button", { name: "Embed", exact: true }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByText("Your session has ended").waitFor();
}));

test("every call says for whom it is", () => withBrowser(async (browser) => {
  const page = await openPage(browser, server, { person: await new Person(server).signIn() });
  const told = [];
  page.on("request", (request) => /\/(console\/api|v1\.3)\//.test(request.url()) && !/thumbnail|picture|\/session$/.test(request.url()) && told.push([request.url(), request.headers()["x-onespace-user"]]));
  await goTo(page, server, "assets", "Assets");
  await page.getByRole("button", { name: "cat.png" }).waitFor();
  await page.getByLabel("Pictures to upload").setInputFiles({ name: "house.png", mimeType: "image/png", buffer: picture("house.jpg") });
  await page.locator(".tile", { hasText: "house.png" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.reload();
  await goTo(page, server, "keys", "API keys");
  await page.getByRole("cell", { name: "secret of ada", exact: true }).waitFor();
  await eventually(async () => !(await assetNames(ada)).includes("house.png"), "leaving the page deletes what was to be deleted");
  assert.ok(told.length >= 5, JSON.stringify(told));
  assert.deepEqual(told.filter(([, user]) => user !== mine.user), []);
}));
