// Guessing passwords, and who may make an account.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { PASSWORD, Person, ROOT, Server, firstUser } from "./harness.mjs";

const FAILURES_MAX = 5;
const TIMED = 30;
const COMMON = fs.readFileSync(path.join(ROOT, "crates/store/src/console/common_passwords.txt"), "utf8").trim().split("\n");

let server;
let admin;

before(async () => {
  server = await Server.start();
});

after(() => server?.stop());

const attempt = (email, password) => new Person(server, email, password).api("POST", "/session", { json: { email, password } });

test("before there is an account, only the link makes one", async () => {
  for (const link of [undefined, "", "wrong", "x".repeat(43), "x".repeat(10_000)]) {
    const answer = await new Person(server).api("POST", "/users", { json: { email: "eve@example.com", password: PASSWORD, ...(link !== undefined && { link }) } });
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json().code, "sign_up_refused");
  }
  const link = await server.setUpLink();
  const tries = await Promise.all(["a", "b", "c"].map((name) => new Person(server).api("POST", "/users", {
    json: { email: `${name}@example.com`, password: PASSWORD, link: link.split("/").at(-1) },
  })));
  assert.deepEqual(tries.map(({ status }) => status).sort(), [204, 403, 403], "three at once, one account");
  const winner = ["a", "b", "c"][tries.findIndex(({ status }) => status === 204)];
  admin = await new Person(server, `${winner}@example.com`).signIn();
});

test("afterwards sign-up is closed, and a restart prints no link", async () => {
  const answer = await new Person(server).api("POST", "/users", { json: { email: "eve@example.com", password: PASSWORD } });
  assert.equal(answer.status, 403);
  assert.match(answer.json().message, /closed/);
  await server.signal("SIGTERM");
  await server.run();
  assert.ok(!server.output.includes("set-up"), server.output);
  assert.equal((await admin.api("GET", "/keys")).status, 200, "the session outlives a restart");
});

test("an invitation makes one account, which invites nobody", async () => {
  const { link } = (await admin.api("POST", "/invitations")).json();
  const guest = await new Person(server, "guest@example.com").signUp(link);
  assert.equal((await guest.api("POST", "/invitations")).status, 403);
  assert.equal((await guest.api("GET", "/session")).json().user.is_admin, false);
  const again = await new Person(server).api("POST", "/users", { json: { email: "other@example.com", password: PASSWORD, link: link.split("/").at(-1) } });
  assert.equal(again.status, 403);
});

test("nobody takes over an account that the command line made", async () => {
  const { execFileSync } = await import("node:child_process");
  execFileSync(process.env.ONESPACE_BIN, ["keys", "create", "k", "--account", "bob@example.com", "--data-dir", server.dataDir]);
  const { link } = (await admin.api("POST", "/invitations")).json();
  const answer = await new Person(server).api("POST", "/users", { json: { email: "bob@example.com", password: PASSWORD, link: link.split("/").at(-1) } });
  assert.equal(answer.status, 403);
});

test("addresses and passwords that cannot be used are refused in words", async () => {
  const { link } = (await admin.api("POST", "/invitations")).json();
  const secret = link.split("/").at(-1);
  const cases = [
    ["new@example.com", "short", /at least 8/],
    ["new@example.com", "x".repeat(257), /at most 256/],
    ["new@example.com", COMMON[0], /most common/],
    ["new@example.com", COMMON[2_999].toUpperCase(), /most common/],
    ["new@example.com", "NEW@example.com", /must not be the e-mail/],
    ["no-address", PASSWORD, /name@example.com/],
    ["a b@example.com", PASSWORD, /name@example.com/],
    [`${"x".repeat(250)}@example.com`, PASSWORD, /name@example.com/],
  ];
  for (const [email, password, told] of cases) {
    const answer = await new Person(server).api("POST", "/users", { json: { email, password, link: secret } });
    assert.equal(answer.status, 400, `${email} ${password.slice(0, 20)}`);
    assert.match(answer.json().message, told);
  }
  await new Person(server, "long@example.com", "x y".repeat(70)).signUp(link);
});

test("addresses and names of keys are read as what they are", async () => {
  const { link } = (await admin.api("POST", "/invitations")).json();
  for (const email of ["\u200b@example.com", "admin@example.com\u202e", "a\u200d@example.com"]) {
    const answer = await new Person(server).api("POST", "/users", { json: { email, password: PASSWORD, link: link.split("/").at(-1) } });
    assert.equal(answer.status, 400, escape(email));
    assert.match(answer.json().message, /invisible/);
  }
  for (const name of ["\u200b", "a\u202eb", " ", "a\u2028b"]) {
    const answer = await admin.api("POST", "/keys", { json: { name, expires_at: null } });
    assert.equal(answer.status, 400, escape(name));
    assert.match(answer.json().message, /key name/);
  }
});

test("five failures close the door for that client and address, and for no other", async () => {
  for (let failure = 0; failure < FAILURES_MAX; failure += 1) {
    assert.equal((await attempt(admin.email, `wrong ${failure}`)).status, 401);
  }
  const refused = await attempt(admin.email, PASSWORD);
  assert.equal(refused.status, 429, "the right password does not help any more");
  const wait = Number(refused.headers["retry-after"]);
  assert.ok(wait > 600 && wait <= 900, `a wait of ${wait} s`);
  assert.match(refused.json().message, /Wait 1[0-5] minutes/);
  assert.equal((await attempt(admin.email.toUpperCase(), PASSWORD)).status, 429);
  assert.equal((await attempt("guest@example.com", PASSWORD)).status, 204, "somebody else");
  assert.equal((await admin.api("GET", "/keys")).status, 200, "who is signed in stays so");
});

test("many guesses at once are no way around the limit", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => attempt("target@example.com", `guess ${at}`)));
  const tried = answers.filter(({ status }) => status === 401).length;
  assert.equal(tried, FAILURES_MAX);
  assert.ok(answers.every(({ status }) => [401, 429].includes(status)));
});

test("a server too busy to look does not count against the right password", async () => {
  let isOver = false;
  const flood = async (at) => {
    for (let turn = 0; !isOver; turn += 1) await attempt(`flood-${at}-${turn}@example.com`, "wrong").catch(() => null);
  };
  const flooding = Array.from({ length: 48 }, (_, at) => flood(at));
  const seen = [];
  while (seen.filter((code) => code === 429).length < 2 * FAILURES_MAX && seen.length < 500) seen.push((await attempt("guest@example.com", PASSWORD)).status);
  isOver = true;
  await Promise.all(flooding);
  assert.ok(seen.every((code) => [204, 429].includes(code)), seen.join(" "));
  assert.ok(seen.filter((code) => code === 429).length > FAILURES_MAX, "the server was busy");
  await new Person(server, "guest@example.com").signIn();
});

test("an unknown address is told, and takes as long, as a known one", async () => {
  const names = Array.from({ length: TIMED }, (_, at) => `person${at}@example.com`);
  for (const email of names) {
    const { link } = (await admin.api("POST", "/invitations")).json();
    await new Person(server, email).signUp(link);
  }
  const timed = async (email) => {
    const started = performance.now();
    const answer = await attempt(email, "not the password");
    return [performance.now() - started, answer.status, answer.text];
  };
  const [known, unknown] = [[], []];
  for (const email of names) {
    known.push(await timed(email));
    unknown.push(await timed(`no-${email}`));
  }
  const told = (rows) => [...new Set(rows.map(([, status, text]) => `${status} ${text}`))];
  assert.deepEqual(told(known), told(unknown));
  assert.equal(told(known).length, 1);
  const median = (rows) => rows.map(([time]) => time).sort((a, b) => a - b)[TIMED >> 1];
  const [a, b] = [median(known), median(unknown)];
  console.log(`known ${a.toFixed(1)} ms, unknown ${b.toFixed(1)} ms (medians of ${TIMED})`);
  // Without a hash, an unknown address would take a tenth of the time or less.
  assert.ok(b > a / 2 && b < a * 2, `${a} and ${b} ms`);
});

test("with --open-signup anybody may join, but not be the first", async () => {
  const open = await Server.start("--open-signup");
  try {
    const join = (email) => new Person(open, email).api("POST", "/users", { json: { email, password: PASSWORD } });
    assert.equal((await join("early@example.com")).status, 403);
    await firstUser(open);
    assert.equal((await join("late@example.com")).status, 204);
    assert.equal((await join("LATE@example.com")).status, 403, "the address is taken");
    const more = [];
    while (more.length < 12) more.push(await join(`more${more.length}@example.com`));
    assert.deepEqual(more.map(({ status }) => status), [...Array(8).fill(204), ...Array(4).fill(429)], "ten of one client in an hour");
    const refused = more.at(-1);
    assert.match(refused.json().message, /minutes|hour/);
    assert.ok(Number(refused.headers["retry-after"]) > 3_000, refused.headers["retry-after"]);
    const ada = await new Person(open).signIn();
    const { link } = (await ada.api("POST", "/invitations")).json();
    await new Person(open, "invited@example.com").signUp(link);
  } finally {
    await open.stop();
  }
});

test("neither database nor log holds a password, a session or a link", async () => {
  await server.signal("SIGTERM");
  const secrets = [PASSWORD, admin.cookie.split("=")[1]];
  const files = fs.readdirSync(server.dataDir).map((name) => path.join(server.dataDir, name)).filter((file) => fs.statSync(file).isFile());
  for (const secret of secrets) {
    assert.ok(secret.length > 20);
    for (const file of files) assert.ok(!fs.readFileSync(file).includes(secret), `${file} holds a secret`);
    assert.ok(!server.output.includes(secret), "the log holds a secret");
  }
  assert.ok(!server.output.includes(admin.email), "the log holds an address");
  await server.run();
});
