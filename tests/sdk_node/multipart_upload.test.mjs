// Uploads in chunks through the helper of the Node SDK.

import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import zlib from "node:zlib";
import { OnespaceServer, UNKNOWN_ID, refused, theVector } from "./harness.mjs";

const SIDE = 2000;
let server, client, file;

function chunk(kind, content) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(content.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

const CRC_TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** A picture of random samples: about 12 MB, which is several chunks. */
function noisePng() {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE, 0);
  header.writeUInt32BE(SIDE, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = randomFillSync(Buffer.alloc(SIDE * (1 + 3 * SIDE)));
  for (let row = 0; row < SIDE; row++) rows[row * (1 + 3 * SIDE)] = 0;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const samples = zlib.deflateSync(rows, { level: 0 });
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", samples), chunk("IEND", Buffer.alloc(0))]);
}

before(async () => {
  server = await OnespaceServer.start();
  client = server.client();
  file = path.join(server.folder, "large picture.png");
  fs.writeFileSync(file, noisePng());
});
after(() => server?.stop());

test("upload file helper with several chunks", async () => {
  const progress = [];
  const result = await client.multipartUpload.uploadFile(file, {
    fileType: "image",
    batchSize: 2,
    progressCallback: (step) => progress.push(step),
  });
  assert.match(result.assetUrl, /^http/);
  const last = progress.at(-1);
  assert.ok(last.totalChunks >= 3 && last.completedChunks === last.totalChunks);
  const detail = await client.assets.retrieve(result.assetId);
  assert.deepEqual([detail.method, detail.status, detail.filename], ["multipart", "ready", "large picture.png"]);
  assert.equal(detail.sha256, createHash("sha256").update(fs.readFileSync(file)).digest("hex"));
  const mediaSource = { assetId: result.assetId };
  theVector(await client.embed.v2.create({ inputType: "image", modelName: "marengo3.0", image: { mediaSource } }));
});

test("wait for upload completion", async () => {
  const content = fs.readFileSync(file);
  const created = await client.multipartUpload.create({ filename: "a.png", type: "image", totalSize: content.length });
  const incomplete = async () => {
    const ids = [];
    for await (const item of await client.multipartUpload.listIncompleteUploads()) ids.push(item.uploadId);
    return ids;
  };
  assert.ok((await incomplete()).includes(created.uploadId));
  const completedChunks = await Promise.all(
    created.uploadUrls.map(async ({ chunkIndex, url }) => {
      const piece = content.subarray((chunkIndex - 1) * created.chunkSize, chunkIndex * created.chunkSize);
      const headers = { "content-type": "application/octet-stream" };
      const answer = await fetch(url, { method: "PUT", body: piece, headers });
      assert.equal(answer.status, 200);
      const proof = answer.headers.get("etag").replaceAll('"', "");
      return { chunkIndex, proof, proofType: "etag", chunkSize: piece.length };
    }),
  );
  const report = await client.multipartUpload.reportChunkBatch(created.uploadId, { completedChunks });
  assert.equal(report.totalCompleted, created.totalChunks);
  assert.ok(report.url);
  const done = await client.multipartUpload.waitForUploadCompletion(created.uploadId, { sleepInterval: 0.1, maxWaitTime: 60 });
  assert.equal(done.status, "completed");
  assert.ok(!(await incomplete()).includes(created.uploadId));
  assert.equal((await client.assets.retrieve(created.assetId)).size, content.length);
});

test("the same large file in one direct upload", async () => {
  const asset = await client.assets.create({ method: "direct", file: fs.createReadStream(file) });
  assert.equal((await client.assets.retrieve(asset.id)).size, fs.statSync(file).size);
});

test("unknown upload", () =>
  refused(() => client.multipartUpload.getStatus(UNKNOWN_ID), {
    kind: "NotFoundError",
    status: 404,
    code: "resource_not_exist",
    named: [UNKNOWN_ID],
  }));

test("refused session", () =>
  refused(() => client.multipartUpload.create({ filename: "a.mp4", type: "video", totalSize: 1000 }), {
    kind: "BadRequestError",
    code: "parameter_invalid",
    named: ["type"],
  }));
