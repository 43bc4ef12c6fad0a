// The shipped Node example runs as it is, with nothing but the two variables of its header set.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EXAMPLES, OnespaceServer, Origin } from "./harness.mjs";

let server, origin, folder;

before(async () => {
  server = await OnespaceServer.start();
  origin = await Origin.start();
  // A copy next to a node_modules, as a user would have it after `npm install`; not a byte is changed.
  folder = path.join(server.folder, "examples");
  fs.cpSync(EXAMPLES, folder, { recursive: true, filter: (source) => path.basename(source) !== "node_modules" });
  fs.symlinkSync(fileURLToPath(new URL("node_modules", import.meta.url)), path.join(folder, "node_modules"));
});
after(() => Promise.all([server?.stop(), origin?.stop()]));

async function outputOf(variables = {}) {
  const env = { ...process.env, TWELVELABS_BASE_URL: server.baseUrl, TWELVE_LABS_API_KEY: server.key, ...variables };
  const done = await promisify(execFile)(process.execPath, [path.join(folder, "text_and_image.mjs")], { env });
  return done.stdout.split("\n");
}

test("text and image", async () => {
  const lines = await outputOf();
  for (const line of [
    "Number of embeddings: 1",
    "Embedding dimensions: 512",
    "Number of embeddings of 2 named images: 1",
  ]) {
    assert.ok(lines.includes(line), lines.join("\n"));
  }
  const values = lines.filter((line) => line.startsWith("First 5 values: "));
  assert.equal(values.length, 2);
  assert.notEqual(values[0], values[1]);
  for (const line of values) assert.equal(line.split(": ")[1].split(",").map(Number).filter(Number.isFinite).length, 5);
});

test("with a picture by URL", async () => {
  const lines = await outputOf({ PICTURE_URL: origin.url("/tree.webp") });
  assert.ok(lines.includes("Number of embeddings of 3 named images: 1"), lines.join("\n"));
});
