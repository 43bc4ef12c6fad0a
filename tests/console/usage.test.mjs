// Usage is counted exactly, also when the server is killed.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { Server, firstUser } from "./harness.mjs";

const KILLS = 3;
const CLIENTS = 4;
const REQUESTS = 40;

let server;
let person;

before(async () => {
  server = await Server.start("--drain-ms-max", "1000");
  person = await firstUser(server);
});

after(() => server?.stop());

async function counted(id) {
  const rows = (await person.api("GET", "/usage?days=2")).json().rows.filter((row) => row.key_id === id);
  return rows.reduce((sum, row) => ({
    requests: sum.requests + row.requests, images: sum.images + row.images, tokens: sum.tokens + row.tokens, errors: sum.errors + row.errors,
  }), { requests: 0, images: 0, tokens: 0, errors: 0 });
}

const embed = (secret, body) => server.request("POST", "/v1.3/embed-v2", {
  headers: { "x-api-key": secret, "content-type": "application/json" }, body: JSON.stringify(body),
});
const text = (words) => ({ input_type: "multi_input", model_name: "marengo3.5", multi_input: { input_text: words } });

test("requests, pictures, tokens and errors are those of the answers", async () => {
  const { secret, key } = await person.createKey("exact");
  const asset = await person.upload("cat.png");
  const expected = { requests: 0, images: 0, tokens: 0, errors: 0 };
  const bodies = [
    text("a red square"), text("a"), text(""),
    { input_type: "multi_input", model_name: "marengo3.5", multi_input: { input_text: "<@a> and <@b>, <@a>", media_sources: ["a", "b"].map((name) => ({ name, media_type: "image", asset_id: asset })) } },
    { input_type: "multi_input", model_name: "nothing" },
  ];
  for (const body of bodies) {
    const answer = await embed(secret, body);
    expected.requests += 1;
    if (answer.status !== 200) {
      expected.errors += 1;
      continue;
    }
    const { text: words = 0, image = 0 } = answer.json().usage.input_tokens;
    expected.tokens += words + image;
    expected.images += body.multi_input.media_sources?.length ?? 0;
  }
  await server.request("GET", "/v1.3/assets", { headers: { "x-api-key": secret } });
  expected.requests += 1;
  assert.equal(expected.errors, 2);
  assert.deepEqual(await counted(key.id), expected);
  await server.signal("SIGTERM");
  await server.run();
  assert.deepEqual(await counted(key.id), expected, "after a restart");
});

test("a request that is cut by the end of draining is counted", async () => {
  const { secret, key } = await person.createKey("cut");
  const [host, port] = server.listen.split(":");
  const sent = http.request({ host, port, method: "POST", path: "/v1.3/embed-v2", headers: { "x-api-key": secret, "content-type": "application/json", "content-length": 100 } });
  const ended = new Promise((resolve) => sent.on("error", resolve).on("response", resolve));
  await new Promise((resolve) => sent.write("{", resolve));
  // A request on another connection is answered later than the head of this one was read.
  for (let turn = 0; turn < 20; turn += 1) await person.api("GET", "/session");
  await server.signal("SIGTERM");
  await ended;
  await server.run();
  assert.deepEqual(await counted(key.id), { requests: 1, images: 0, tokens: 0, errors: 1 });
});

test("a killed server has counted every request that it answered", async () => {
  const { secret, key } = await person.createKey("killed");
  let answered = 0;
  let sent = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const isOver = { value: false };
    const client = async () => {
      for (let request = 0; request < REQUESTS && !isOver.value; request += 1) {
        sent += 1;
        const answer = await embed(secret, text("a cat")).catch(() => null);
        if (answer?.status === 200) answered += 1;
      }
    };
    const working = Promise.all(Array.from({ length: CLIENTS }, client));
    const goal = answered + REQUESTS;
    while (answered < goal) await new Promise((resolve) => setTimeout(resolve, 2));
    isOver.value = true;
    await server.signal("SIGKILL");
    await working;
    await server.run();
  }
  const { requests, errors } = await counted(key.id);
  console.log(`${answered} answered of ${sent} sent, ${requests} counted, ${KILLS} kills`);
  assert.ok(answered >= KILLS * REQUESTS);
  // Those that were under way at a kill may have been counted without their answer arriving.
  assert.ok(requests >= answered && requests <= sent, `${answered} <= ${requests} <= ${sent}`);
  assert.ok(requests - answered <= KILLS * CLIENTS);
  assert.equal(errors, 0);
});
