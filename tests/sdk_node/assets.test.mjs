// Assets through the Node SDK: upload, read, list, metadata, delete, accounts and keys.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { after, before, test } from "node:test";
import { OnespaceServer, Origin, UNKNOWN_ID, collected, picture, picturePath, pictureStream, refused } from "./harness.mjs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const NOT_FOUND = { kind: "NotFoundError", status: 404, code: "resource_not_exist" };
const INVALID = { kind: "BadRequestError", code: "parameter_invalid" };
const NOT_PROVIDED = { kind: "BadRequestError", code: "parameter_not_provided" };
let server, origin, client;

before(async () => {
  server = await OnespaceServer.start();
  origin = await Origin.start();
  client = server.client();
});
after(() => Promise.all([server?.stop(), origin?.stop()]));

const upload = (name = "cat.png", more = {}, by = client) =>
  by.assets.create({ method: "direct", file: pictureStream(name), ...more });
const fileOf = (name, bytes) => new File([bytes], name);

async function freshClient(name) {
  return server.client((await server.createKey(name, "--account", name)).key);
}

for (const [name, type] of Object.entries({
  "red_square.png": "image/png",
  "house.jpg": "image/jpeg",
  "tree.webp": "image/webp",
  "boat.gif": "image/gif",
})) {
  test(`direct upload of a file handle: ${name}`, async () => {
    const asset = await upload(name);
    assert.match(asset.id, /^[0-9a-f]{24}$/);
    assert.deepEqual([asset.method, asset.status, asset.filename, asset.fileType], ["direct", "ready", name, type]);
    assert.ok(asset.createdAt instanceof Date);
  });
}

test("direct upload of a File and of a Blob", async () => {
  assert.equal((await client.assets.create({ method: "direct", file: fileOf("my cat.png", picture("cat.png")) })).filename, "my cat.png");
  assert.equal((await client.assets.create({ method: "direct", file: new Blob([picture("cat.png")]) })).filename, "blob");
});

test("poll until ready", async () => {
  const { id } = await upload();
  assert.equal((await client.assets.retrieve(id)).status, "ready");
});

test("detail tells size, digest and dimensions", async () => {
  const { id } = await upload("house.jpg");
  const detail = await client.assets.retrieve(id);
  assert.equal(detail.size, fs.statSync(picturePath("house.jpg")).size);
  assert.equal(detail.sha256, sha256(picture("house.jpg")));
  assert.deepEqual([detail.technicalMetadata.imageWidth, detail.technicalMetadata.imageHeight], [256, 256]);
});

test("filename parameter wins, and quotes and letters beyond ASCII are kept", async () => {
  assert.equal((await upload("cat.png", { filename: "b.png" })).filename, "b.png");
  const name = "Bäume 樹 für Ömer.png";
  const { id } = await client.assets.create({ method: "direct", file: fileOf(name, picture("cat.png")) });
  assert.equal((await client.assets.retrieve(id)).filename, name);
});

test("upload by url", async () => {
  const { id } = await client.assets.create({ method: "url", url: origin.url("/tree.webp") });
  const detail = await client.assets.retrieve(id);
  assert.deepEqual([detail.method, detail.status, detail.filename], ["url", "ready", "tree.webp"]);
  assert.equal(detail.sha256, sha256(picture("tree.webp")));
});

test("upload with user metadata", async () => {
  const metadata = { album: "summer", stars: 4, public: true, tags: ["a", "b"] };
  assert.deepEqual((await upload("cat.png", { userMetadata: JSON.stringify(metadata) })).userMetadata, metadata);
});

test("metadata cycle", async () => {
  const { id } = await upload();
  const metadata = async () => (await client.assets.retrieve(id)).userMetadata;
  await client.assets.replaceUserMetadata(id, { userMetadata: { a: "1", b: 2, c: true } });
  assert.deepEqual(await metadata(), { a: "1", b: 2, c: true });
  await client.assets.updateUserMetadata(id, { userMetadata: { b: 3, d: ["x", "y"] } });
  assert.deepEqual(await metadata(), { a: "1", b: 3, c: true, d: ["x", "y"] });
  await client.assets.deleteUserMetadata(id);
  assert.equal(await metadata(), undefined);
});

test("list: filtered, plain and past the end", async () => {
  const own = await freshClient("list");
  const ids = [];
  for (let number = 0; number < 12; number++) {
    const name = `Holiday ${String(number).padStart(2, "0")}.png`;
    ids.unshift((await upload("cat.png", { filename: name }, own)).id);
  }
  const idsOf = (page) => page.data.map((item) => item.id);
  assert.deepEqual(idsOf(await own.assets.list()), ids.slice(0, 10), "newest first, ten on a page");
  assert.deepEqual(idsOf(await own.assets.list({ page: 2, pageLimit: 5 })), ids.slice(5, 10));
  const all = await collected(await own.assets.list({ pageLimit: 5 }));
  assert.deepEqual(all.map((item) => item.id), ids, "the pager ends by itself");
  const pastTheEnd = await own.assets.list({ page: 9 });
  assert.deepEqual([pastTheEnd.data, pastTheEnd.hasNextPage()], [[], false]);
  const found = async (filters) => idsOf(await own.assets.list({ pageLimit: 50, ...filters })).sort();
  assert.deepEqual(await found({ assetIds: [ids[1], ids[3], UNKNOWN_ID] }), [ids[1], ids[3]].sort());
  assert.equal((await found({ assetTypes: ["image"] })).length, 12);
  assert.deepEqual(await found({ assetTypes: ["video"] }), []);
  assert.equal((await found({ filename: "hOLIday 0" })).length, 10);
});

test("delete", async () => {
  const { id } = await upload();
  await client.assets.delete(id);
  await refused(() => client.assets.retrieve(id), { ...NOT_FOUND, named: [id] });
  await refused(() => client.assets.delete(id), { ...NOT_FOUND, kind: "TwelvelabsApiError", named: [id] });
});

test("unknown and malformed asset", async () => {
  await refused(() => client.assets.retrieve(UNKNOWN_ID), { ...NOT_FOUND, named: [UNKNOWN_ID] });
  await refused(() => client.assets.retrieve("not-an-id"), { ...INVALID, named: ["asset_id"] });
  await refused(() => client.assets.retrieve("../../x"), { ...INVALID, named: ["asset_id"] });
});

test("missing file, missing url", async () => {
  await refused(() => client.assets.create({ method: "direct" }), { ...NOT_PROVIDED, named: ["file"] });
  await refused(() => client.assets.create({ method: "url" }), { ...NOT_PROVIDED, named: ["url"] });
});

test("not an image, url that cannot be fetched, metadata that is not JSON", async () => {
  const words = { method: "direct", file: fileOf("notes.png", "These are only words.") };
  await refused(() => client.assets.create(words), { ...INVALID, named: ["file"] });
  const lost = { method: "url", url: origin.url("/no-such-page.png") };
  await refused(() => client.assets.create(lost), { ...INVALID, named: ["url"] });
  await refused(() => upload("cat.png", { userMetadata: "{not json" }), { ...INVALID, named: ["user_metadata"] });
});

test("list limits", async () => {
  for (const [query, name] of [[{ page: 0 }, "page"], [{ pageLimit: 51 }, "page_limit"], [{ pageLimit: 0 }, "page_limit"]]) {
    await refused(() => client.assets.list(query), { ...INVALID, named: [name] });
  }
});

test("another account's asset does not exist", async () => {
  const other = await freshClient("other");
  const { id } = await upload();
  const outcome = async (call) => {
    const failure = await call().then(() => assert.fail("not refused"), (error) => error);
    return [failure.statusCode, JSON.stringify(failure.body)];
  };
  const calls = [
    (asset) => other.assets.retrieve(asset),
    (asset) => other.assets.delete(asset),
    (asset) => other.assets.updateUserMetadata(asset, { userMetadata: { a: "b" } }),
    (asset) =>
      other.embed.v2.create({ inputType: "image", modelName: "marengo3.0", image: { mediaSource: { assetId: asset } } }),
  ];
  for (const call of calls) {
    const [hiddenStatus, hiddenBody] = await outcome(() => call(id));
    const [unknownStatus, unknownBody] = await outcome(() => call(UNKNOWN_ID));
    assert.equal(hiddenStatus, unknownStatus);
    assert.equal(hiddenBody.replaceAll(id, "ID"), unknownBody.replaceAll(UNKNOWN_ID, "ID"));
  }
  assert.deepEqual((await other.assets.list()).data, []);
  assert.equal((await client.assets.retrieve(id)).status, "ready");
});

test("bad key, revoked key, expired key", async () => {
  const bad = { kind: "TwelvelabsApiError", status: 401, code: "api_key_invalid" };
  await refused(() => server.client("wrong").assets.list(), bad);
  const revoked = await server.createKey("revoked");
  const ending = await server.createKey("ending", "--expires", "2s");
  for (const created of [revoked, ending]) await server.client(created.key).assets.list();
  await server.keys("revoke", revoked.id);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  for (const created of [revoked, ending]) await refused(() => server.client(created.key).assets.list(), bad);
});
