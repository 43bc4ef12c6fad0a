// Kept vectors: computed once, counted exactly, and one bad picture does not stand in the way.

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import { Server, eventually, firstUser, picture } from "./harness.mjs";

const PICTURES = 12;
const TABS = 3;

let server;
let person;
let ids;

before(async () => {
  server = await Server.start();
  person = await firstUser(server);
  ids = [];
  while (ids.length < PICTURES) ids.push(await person.upload(`cat${ids.length}.png`, picture("cat.png")));
});

after(() => server?.stop());

const coverage = async () => (await person.api("GET", "/vectors")).json();
const used = async () => (await person.api("GET", "/usage")).json().rows.reduce((sum, { images, requests, errors }) => ({ images: sum.images + images, requests: sum.requests + requests, errors: sum.errors + errors }), { images: 0, requests: 0, errors: 0 });
const blob = (id) => path.join(server.dataDir, fs.readdirSync(server.dataDir, { recursive: true }).find((name) => name.endsWith(id)));

test("what was begun is kept and counted when the page has gone", async () => {
  const [host, port] = server.listen.split(":");
  const before = await used();
  const sent = http.request({ host, port, method: "POST", path: "/console/api/vectors", headers: { cookie: person.cookie, origin: server.url, "content-length": 0 } });
  sent.on("error", () => {});
  sent.end();
  await eventually(async () => (await coverage()).embedded > 0, "the first vector");
  sent.destroy();
  await eventually(async () => (await used()).images > before.images, "the count");
  const { embedded } = await coverage();
  assert.equal((await used()).images - before.images, embedded, "as many counted as are kept");
});

test("tabs that ask at once do not compute the same twice", async () => {
  const [before, { embedded }] = [await used(), await coverage()];
  const answers = await Promise.all(Array.from({ length: TABS }, () => person.api("POST", "/vectors")));
  assert.deepEqual(answers.map(({ status }) => status), Array(TABS).fill(200));
  const now = await coverage();
  assert.equal(now.embedded, PICTURES);
  assert.equal((await used()).images - before.images, PICTURES - embedded);
});

test("a damaged picture is told, passed over, and stops nothing", async () => {
  const late = [];
  while (late.length < 10) late.push(await person.upload(`late${late.length}.png`, picture("red_square.png")));
  const file = blob(late.at(-1));
  const whole = fs.readFileSync(file);
  fs.writeFileSync(file, Buffer.concat([whole.subarray(0, 50), Buffer.from([whole[50] ^ 255]), whole.subarray(51)]));
  for (let call = 0; call < 2; call += 1) assert.equal((await person.api("POST", "/vectors")).status, 200);
  const expected = { pictures: PICTURES + 10, embedded: PICTURES + 9, unusable: 0, failed: 1 };
  const { space, ...told } = await coverage();
  assert.deepEqual(told, expected);
  assert.deepEqual((await person.api("POST", "/search", { json: { space, asset_id: ids[0] } })).json().coverage, { space, ...expected });
  fs.writeFileSync(file, whole);
  await server.signal("SIGTERM");
  await server.run();
  assert.equal((await person.api("POST", "/vectors")).json().embedded, PICTURES + 10, "tried again after a restart");
});

test("a decoder that was disturbed makes no picture unusable for ever", async () => {
  const id = await person.upload("big.png", picture("house.jpg"));
  const flags = server.flags;
  server.flags = ["--decode-ms-max", "1"];
  await server.signal("SIGTERM");
  await server.run();
  const slow = (await person.api("POST", "/vectors")).json();
  assert.equal(slow.unusable, 0);
  server.flags = flags;
  await server.signal("SIGTERM");
  await server.run();
  const again = (await person.api("POST", "/vectors")).json();
  assert.deepEqual([again.unusable, again.failed, again.embedded], [0, 0, PICTURES + 11], id);
});

test("a search says what is wrong with it", async () => {
  const { space } = await coverage();
  const { json } = { json: async (body) => (await person.api("POST", "/search", { json: { space, ...body } })).json() };
  assert.match((await json({})).message, /`vector` and `asset_id`.*missing/);
  assert.match((await json({ vector: [1], asset_id: ids[0] })).message, /cannot be used together/);
  for (const count of [0, 51]) assert.match((await json({ asset_id: ids[0], count })).message, /`count` must be .* from 1 to 50/);
  assert.equal((await json({ asset_id: ids[0], count: 1 })).hits.length, 1);
});

test("a key's expiry is refused in words", async () => {
  const create = (json) => person.api("POST", "/keys", { json: { name: "k", ...json } });
  const far = await create({ expires_at: "9999-12-31T23:59:59-23:59" });
  assert.equal(far.status, 400, far.text);
  assert.match(far.json().message, /year 10000/);
  const none = await create({});
  assert.deepEqual([none.status, none.json().message], [400, "`expires_at` is required and is missing."]);
});
