// `embed.v2.tasks` with images through the Node SDK.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OnespaceServer, base64, collected, pictureStream, refused, theVector } from "./harness.mjs";

const POLL_DEADLINE_MS = 30_000;
let server, client;

before(async () => {
  server = await OnespaceServer.start();
  client = server.client();
});
after(() => server?.stop());

const create = (mediaSource) =>
  client.embed.v2.tasks.create({ inputType: "image", modelName: "marengo3.5", image: { mediaSource } });

async function finished(id) {
  const deadline = Date.now() + POLL_DEADLINE_MS;
  while (Date.now() < deadline) {
    const task = await client.embed.v2.tasks.retrieve(id);
    if (task.status !== "processing") return task;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`task ${id} is still processing`);
}

test("create, poll, ready", async () => {
  const asset = await client.assets.create({ method: "direct", file: pictureStream("cat.png") });
  const created = await create({ assetId: asset.id });
  assert.equal(created.status, "processing");
  const task = await finished(created.id);
  assert.equal(task.status, "ready");
  theVector(task);
  assert.ok(task.createdAt instanceof Date);
  assert.equal(task.data[0].embeddingScope, "asset");
});

test("list newest first and past the end", async () => {
  const first = await create({ base64String: base64("tree.webp") });
  const second = await create({ base64String: base64("boat.gif") });
  for (const { id } of [first, second]) await finished(id);
  const items = await collected(await client.embed.v2.tasks.list({ pageLimit: 1 }));
  assert.deepEqual(items.slice(0, 2).map((item) => item.id), [second.id, first.id]);
  assert.equal(items[0].modelName, "marengo3.5");
  assert.deepEqual((await client.embed.v2.tasks.list({ page: 99 })).data, []);
});

test("marengo3.0 has no image tasks", () =>
  refused(
    () =>
      client.embed.v2.tasks.create({
        inputType: "image",
        modelName: "marengo3.0",
        image: { mediaSource: { base64String: base64("cat.png") } },
      }),
    { kind: "BadRequestError", code: "parameter_invalid", named: ["marengo3.5"], nested: true },
  ));
