// Who uses the server: new passwords by link, the list of members, the end of an account.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import { PASSWORD, Person, Server, firstUser, formOf, goTo, openPage, picture, startBrowser } from "./harness.mjs";

const FRESH = "amber window thunder";

let server;
let browser;
let admin;
let bob;

before(async () => {
  server = await Server.start();
  browser = await startBrowser();
  admin = await firstUser(server);
  bob = await invited("bob@example.com");
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function invited(email) {
  const { link } = (await admin.api("POST", "/invitations")).json();
  return new Person(server, email).signUp(link);
}

const accounts = (...words) => execFileSync(process.env.ONESPACE_BIN, ["accounts", ...words, "--data-dir", server.dataDir], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

test("the command line lists users, and tells who is not there", () => {
  const listed = accounts("list", "--json").trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(listed.map(({ email, role, account }) => [email, role, account]),
    [["ada@example.com", "administrator", "default"], ["bob@example.com", "member", "bob@example.com"]]);
  assert.match(accounts("list"), /^E-MAIL +ROLE +ACCOUNT/);
  assert.throws(() => accounts("reset-password", "eve@example.com"), /No user has the e-mail address `eve@example.com`/);
});

test("an administrator who forgot the password comes back by a link of the command line", async () => {
  const link = accounts("reset-password", "ADA@example.com", "--public-url", server.url).trim();
  assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/#\/reset\/\w{43}$/);
  assert.equal((await admin.api("GET", "/keys")).status, 200, "until it is used, all is as it was");
  const page = await openPage(browser, server);
  await page.goto(link);
  await page.getByRole("heading", { name: "New password" }).waitFor();
  await page.getByLabel("Password").fill("password");
  await page.getByRole("button", { name: "Set password" }).click();
  await page.getByRole("alert").filter({ hasText: "most common" }).waitFor();
  await page.getByLabel("Password").fill(FRESH);
  await page.getByRole("button", { name: "Set password" }).click();
  await page.getByRole("heading", { name: "Playground" }).waitFor();
  assert.ok(!page.url().includes("reset"), "the link is gone from the address");
  assert.equal((await admin.api("GET", "/keys")).status, 401, "every other browser is signed out");
  const old = await admin.api("POST", "/session", { json: { email: admin.email, password: PASSWORD } });
  assert.equal(old.status, 401);
  admin.password = FRESH;
  await admin.signIn();
  await page.goto("about:blank");
  await page.goto(link);
  await page.getByRole("heading", { name: "This link does not work" }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("the command line means a user's account by the address, however it is written", async () => {
  const carol = await invited("Carol@Example.com");
  for (const [person, address] of [[carol, "carol@example.com"], [admin, "Ada@Example.com"]]) {
    execFileSync(process.env.ONESPACE_BIN, ["keys", "create", "by hand", "--account", address, "--data-dir", server.dataDir]);
    const names = (await person.api("GET", "/keys")).json().keys.map(({ name }) => name);
    assert.ok(names.includes("by hand"), `${address}: ${names}`);
  }
  const { id } = (await admin.api("GET", "/members")).json().members.find(({ email }) => email === carol.email);
  assert.equal((await admin.api("DELETE", `/members/${id}`)).status, 204);
});

test("an upload that is under way leaves nothing in an account that is closed", async () => {
  const dora = await invited("dora@example.com");
  const { headers, body } = formOf({ method: "direct" }, { name: "late.png", bytes: picture("cat.png") });
  const [host, port] = server.listen.split(":");
  const upload = http.request({ host, port, method: "POST", path: "/v1.3/assets", headers: { ...headers, "content-length": body.length, cookie: dora.cookie, origin: server.url } });
  const answered = new Promise((resolve, reject) => upload.on("response", (answer) => { answer.resume(); resolve(answer.statusCode); }).on("error", reject));
  await new Promise((resolve) => upload.write(body.subarray(0, 2_000), resolve));
  // A request on another connection is answered later than the head of this one was read.
  for (let turn = 0; turn < 20; turn += 1) await dora.api("GET", "/usage");
  const { id } = (await admin.api("GET", "/members")).json().members.find(({ email }) => email === dora.email);
  assert.equal((await admin.api("DELETE", `/members/${id}`)).status, 204);
  const files = () => fs.readdirSync(server.dataDir, { recursive: true }).filter((name) => name.startsWith("blobs/") && /[0-9a-f]{24}$/.test(name) && fs.statSync(path.join(server.dataDir, name)).isFile()).length;
  const before = files();
  upload.end(body.subarray(2_000));
  assert.equal(await answered, 401);
  assert.equal(files(), before);
});

test("a reset link makes no account, and an invitation resets nothing", async () => {
  const secretOf = (link) => link.trim().split("/").at(-1);
  const reset = secretOf(accounts("reset-password", bob.email));
  const joined = await new Person(server).api("POST", "/users", { json: { email: "eve@example.com", password: PASSWORD, link: reset } });
  assert.equal(joined.status, 403);
  const invitation = secretOf((await admin.api("POST", "/invitations")).json().link);
  for (const link of [invitation, "", "x".repeat(43), "x".repeat(10_000)]) {
    const answer = await new Person(server).api("POST", "/password-resets", { json: { link, password: FRESH } });
    assert.equal(answer.status, 403, link.slice(0, 50));
    assert.equal(answer.headers["set-cookie"], undefined);
  }
  const later = secretOf(accounts("reset-password", bob.email));
  const use = (link) => new Person(server).api("POST", "/password-resets", { json: { link, password: PASSWORD } });
  assert.equal((await use(reset)).status, 403, "the later link ended it");
  assert.deepEqual((await Promise.all([use(later), use(later)])).map(({ status }) => status).sort(), [204, 403], "once");
  await bob.signIn();
});

test("members see no list, and end nobody", async () => {
  const [{ id }] = (await admin.api("GET", "/members")).json().members;
  for (const [method, route] of [["GET", "/members"], ["DELETE", `/members/${id}`], ["POST", `/members/${id}/password-reset`], ["POST", "/invitations"]]) {
    const answer = await bob.api(method, route);
    assert.equal(answer.status, 403, route);
    assert.equal(answer.json().code, "administrator_required");
  }
  const page = await openPage(browser, server, { person: bob });
  await goTo(page, server, "account", "Account");
  assert.equal(await page.getByRole("heading", { name: "People" }).count(), 0);
  await page.context().close();
});

test("an administrator resets a password and closes an account, and nothing of it is left", async () => {
  const asset = await bob.upload("cat.png");
  const { secret } = await bob.createKey("bob's");
  const page = await openPage(browser, server, { person: admin });
  await goTo(page, server, "account", "Account");
  await page.getByRole("button", { name: "Reset password of bob@example.com" }).click();
  const shown = page.getByRole("dialog", { name: "New password for bob@example.com" });
  assert.match(await shown.textContent(), /#\/reset\/\w{43}/);
  await shown.getByRole("button", { name: "Done" }).click();
  assert.equal(await page.getByRole("button", { name: "Close account of ada@example.com" }).count(), 0);
  await page.getByRole("button", { name: "Close account of bob@example.com" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Close account" }).click();
  await page.getByText("The account of bob@example.com is closed.").waitFor();
  await page.getByRole("cell", { name: "bob@example.com", exact: true }).waitFor({ state: "detached" });
  assert.deepEqual(page.faults, []);
  await page.context().close();

  assert.equal((await bob.api("GET", "/keys")).status, 401);
  assert.equal((await server.request("GET", "/v1.3/assets", { headers: { "x-api-key": secret } })).status, 401);
  const members = (await admin.api("GET", "/members")).json().members;
  assert.deepEqual(members.map(({ email }) => email), ["ada@example.com"]);
  assert.equal((await admin.api("DELETE", `/members/${members[0].id}`)).status, 400, "an administrator stays");
  assert.equal((await admin.api("DELETE", "/members/0123456789abcdef01234567")).status, 404);
  const again = await invited("bob@example.com");
  assert.equal((await again.send("GET", `/v1.3/assets/${asset}`)).status, 404);
  assert.deepEqual((await again.api("GET", "/keys")).json().keys, []);
  assert.deepEqual((await again.api("GET", "/usage")).json().rows.filter(({ key_name: name }) => name === "bob's"), []);
});
