// What goes wrong, and how it is told.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { PASSWORD, Server, eventually, firstUser, formOf, goTo, openPage, picturePath, startBrowser } from "./harness.mjs";

const IMAGE_BYTES_MAX = 1 << 20;

let server;
let browser;
let person;

before(async () => {
  server = await Server.start("--image-bytes-max", String(IMAGE_BYTES_MAX));
  browser = await startBrowser();
  person = await firstUser(server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test("a wrong password and an unknown address are told in the same words", async () => {
  const page = await openPage(browser, server);
  await page.goto(server.url);
  const told = [];
  for (const email of ["ada@example.com", "nobody@example.com"]) {
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password").fill("not the password");
    const answered = page.waitForResponse((response) => response.url().endsWith("/session") && response.request().method() === "POST");
    await page.getByRole("button", { name: "Sign in" }).click();
    assert.equal((await answered).status(), 401);
    await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
    told.push(await page.getByRole("alert").filter({ hasText: "wrong" }).textContent());
  }
  assert.equal(told[0], told[1]);
  await page.getByLabel("E-mail address").fill("Ada@Example.com");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Playground" }).waitFor();
  await page.context().close();
});

test("an expired key is refused, and the console says that it has expired", async () => {
  const { secret } = await person.createKey("short", new Date(Date.now() + 1_200).toISOString());
  const ask = () => server.request("GET", "/v1.3/assets", { headers: { "x-api-key": secret } });
  assert.equal((await ask()).status, 200);
  const refused = await eventually(async () => {
    const answer = await ask();
    return answer.status === 401 && answer;
  }, "the key expires");
  assert.match(refused.json().message, /expired/);
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "keys", "API keys");
  assert.match(await page.getByRole("row", { name: /short/ }).textContent(), /expired/);
  await page.context().close();
});

test("too large a file is refused before it is sent; one that is no picture, after", async () => {
  const folder = fs.mkdtempSync(path.join(server.folder, "files-"));
  const large = path.join(folder, "large.png");
  fs.writeFileSync(large, Buffer.alloc(IMAGE_BYTES_MAX + 1));
  const fake = path.join(folder, "fake.png");
  fs.writeFileSync(fake, "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "assets", "Assets");
  let sent = 0;
  page.on("request", (request) => (sent += Number(request.method() === "POST")));
  await page.getByLabel("Pictures to upload").setInputFiles(large);
  await page.getByText("at most 1.0 MiB are allowed").waitFor();
  assert.equal(sent, 0);
  await page.getByLabel("Pictures to upload").setInputFiles(fake);
  await page.getByRole("alert").filter({ hasText: "`file`" }).waitFor();
  await page.getByText("No pictures yet").waitFor();
  await page.getByLabel("Address of a picture").fill("http://169.254.169.254/latest");
  await page.getByRole("button", { name: "Add by URL" }).click();
  await page.getByRole("alert").filter({ hasText: "`url`" }).waitFor();
  // The server refuses it too, whoever sends it.
  const answer = await person.send("POST", "/v1.3/assets", formOf({ method: "direct" }, { name: "large.png", bytes: Buffer.alloc(IMAGE_BYTES_MAX + 1) }));
  assert.equal(answer.status, 413);
  await page.context().close();
});

test("a server that stops is noticed, and so is its return; nothing that was written is lost", async () => {
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "playground", "Playground");
  const text = page.getByRole("combobox", { name: "Text" });
  await text.fill("a cat");
  await server.signal("SIGTERM");
  await page.getByRole("button", { name: "Embed", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "Trying again" }).waitFor();
  await page.getByText("The server does not answer. It may be stopped").waitFor();
  await server.run();
  await page.getByRole("alert").filter({ hasText: "Trying again" }).waitFor({ state: "hidden" });
  assert.equal(await text.inputValue(), "a cat");
  await page.getByRole("button", { name: "Embed", exact: true }).click();
  await page.getByRole("group", { name: "Result" }).waitFor();
  await goTo(page, server, "keys", "API keys");
  await page.getByRole("cell", { name: "first key", exact: true }).waitFor();
  await page.context().close();
});

test("a page that is opened while the server is gone shows itself when it is back", async () => {
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "keys", "API keys");
  await page.getByRole("cell", { name: "first key", exact: true }).waitFor();
  await server.signal("SIGTERM");
  await page.getByRole("link", { name: "Assets" }).click();
  await page.getByRole("heading", { name: /This did not work|Fault/ }).waitFor();
  await server.run();
  await page.getByRole("button", { name: /Upload pictures|Try again/ }).first().waitFor();
  await page.getByRole("alert").filter({ hasText: "Trying again" }).waitFor({ state: "hidden" });
  await page.context().close();
});

test("work can be cancelled", async () => {
  const page = await openPage(browser, server, { person });
  await goTo(page, server, "playground", "Playground");
  await page.route("**/v1.3/embed-v2", () => {});
  await page.getByRole("combobox", { name: "Text" }).fill("a cat");
  await page.getByRole("button", { name: "Embed", exact: true }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled.").waitFor();
  await page.unroute("**/v1.3/embed-v2");
  await goTo(page, server, "assets", "Assets");
  await page.route("**/v1.3/assets", (route) => (route.request().method() === "POST" ? undefined : route.continue()));
  await page.getByLabel("Pictures to upload").setInputFiles(picturePath("cat.png"));
  await page.getByRole("button", { name: "Cancel the upload of cat.png" }).click();
  await page.getByRole("group", { name: "Uploads" }).getByText("cat.png").waitFor({ state: "detached" });
  await page.context().close();
});

test("a session that ended elsewhere leads to the sign-in, with a word about it", async () => {
  const guest = await person.signIn();
  const page = await openPage(browser, server, { person: guest });
  await goTo(page, server, "keys", "API keys");
  await guest.api("DELETE", "/session");
  await page.getByRole("link", { name: "Assets" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByText("Your session has ended").waitFor();
  await person.signIn();
  await page.context().close();
});

test("however often somebody tries again, the return is asked about once", async () => {
  const page = await openPage(browser, server);
  await page.route(/\/(console\/api\/session|healthz)$/, (route) => route.abort());
  await page.goto(server.url);
  for (let time = 0; time < 4; time += 1) {
    const failed = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/session"));
    await page.getByRole("button", { name: "Try again" }).click();
    await failed;
  }
  let asked = 0;
  page.on("request", (request) => (asked += Number(request.url().endsWith("/session"))));
  await page.unroute(/\/(console\/api\/session|healthz)$/);
  await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
  assert.equal(asked, 1);
  assert.equal(await page.locator(".offline").count(), 1);
  await page.context().close();
});
