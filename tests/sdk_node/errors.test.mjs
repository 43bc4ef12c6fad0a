// Refused embed requests as the Node SDK reports them: typed errors that name the field.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OnespaceServer, Origin, UNKNOWN_ID, base64, pictureStream, refused } from "./harness.mjs";

const CAT = base64("cat.png");
let server, origin, client;

before(async () => {
  server = await OnespaceServer.start();
  origin = await Origin.start();
  client = server.client();
});
after(() => Promise.all([server?.stop(), origin?.stop()]));

const image = (members) => ({ mediaType: "image", ...members });
const create = (request) => () => client.embed.v2.create({ modelName: "marengo3.0", ...request });
const multi = (mediaSources, inputText) => create({ inputType: "multi_input", multiInput: { mediaSources, inputText } });
const bad = (code, ...named) => ({ kind: "BadRequestError", code, named, nested: true });
const invalid = (...named) => bad("parameter_invalid", ...named);
const notProvided = (...named) => bad("parameter_not_provided", ...named);

/** What the SDK would not send goes out as plain JSON. */
async function refusedPlain(body, code, ...named) {
  const answer = await server.post("/embed-v2", body);
  const { message, ...rest } = await answer.json();
  assert.deepEqual([answer.status, rest.code], [400, code], message);
  for (const name of named) assert.ok(message.includes(name), message);
}

test("bad key", async () => {
  const call = () =>
    server.client("wrong").embed.v2.create({ inputType: "text", modelName: "marengo3.0", text: { inputText: "x" } });
  await refused(call, { kind: "TwelvelabsApiError", status: 401, code: "api_key_invalid", nested: true });
});

test("11 images", () => refused(multi(Array(11).fill(image({ base64String: CAT }))), invalid("media_sources", "10")));

test("unknown placeholder", () =>
  refused(multi([image({ name: "cat", base64String: CAT })], "<@cat> and <@ghost>"), invalid("input_text", "<@ghost>")));

test("placeholder without name", () =>
  refused(multi([image({ base64String: CAT })], "<@img1>"), invalid("input_text", "<@img1>")));

test("duplicate name", () => {
  const twin = image({ name: "twin", base64String: CAT });
  return refused(multi([twin, twin], "<@twin>"), invalid("name", "twin"));
});

test("bad base64", () =>
  refused(
    multi([image({ base64String: CAT }), image({ base64String: "this is *not* base64!" })]),
    invalid("media_sources[1]", "base64_string"),
  ));

test("base64 of a non-image", () => {
  const words = Buffer.from("%PDF-1.7 words, words, words").toString("base64");
  return refused(multi([image({ base64String: words })]), invalid("media_sources[0]"));
});

test("url and asset_id", async () => {
  const asset = await client.assets.create({ method: "direct", file: pictureStream("cat.png") });
  const source = image({ url: origin.url("/cat.png"), assetId: asset.id });
  await refused(multi([source]), invalid("media_sources[0]", "url", "asset_id"));
  assert.deepEqual(origin.hits, []);
});

test("no source", () =>
  refused(multi([image({})]), notProvided("media_sources[0]", "url", "base64_string", "asset_id")));

test("unknown and malformed asset", async () => {
  await refused(multi([image({ assetId: UNKNOWN_ID })]), bad("resource_not_exist", "asset_id", UNKNOWN_ID));
  await refused(multi([image({ assetId: "nonsense" })]), invalid("asset_id"));
});

test("deleted asset", async () => {
  const { id } = await client.assets.create({ method: "direct", file: pictureStream("cat.png") });
  await client.assets.delete(id);
  await refused(multi([image({ assetId: id })]), bad("resource_not_exist", id));
});

test("text too long (text and multi_input)", async () => {
  const inputText = "boat ".repeat(1200);
  await refused(create({ inputType: "text", text: { inputText } }), invalid("input_text", "500"));
  await refused(multi(undefined, inputText), invalid("input_text", "500"));
});

test("empty text", () =>
  refused(create({ inputType: "text", text: { inputText: "" } }), notProvided("input_text")));

test("empty multi_input", async () => {
  await refused(multi(), notProvided("multi_input"));
  await refused(multi([], ""), notProvided("multi_input"));
});

test("bad model and bad input_type: the SDK itself refuses, and so does the server", async () => {
  for (const wrong of [{ modelName: "marengo9" }, { inputType: "smell" }]) {
    await assert.rejects(create({ inputType: "text", text: { inputText: "x" }, ...wrong }), { name: "Error" });
  }
  const text = { input_text: "x" };
  await refusedPlain({ input_type: "text", model_name: "marengo9", text }, "parameter_invalid", "model_name");
  await refusedPlain({ input_type: "smell", model_name: "marengo3.0", text }, "parameter_invalid", "input_type");
});

for (const inputType of ["text", "image", "text_image", "multi_input"]) {
  test(`missing payload: ${inputType}`, () => refused(create({ inputType }), notProvided(inputType)));
}

test("input types that are not served", async () => {
  const mediaSource = { assetId: UNKNOWN_ID };
  await refused(create({ inputType: "audio", audio: { mediaSource } }), invalid("input_type"));
  await refused(create({ inputType: "video", video: { mediaSource } }), invalid("input_type"));
});

test("video source on 3.0", () =>
  refused(multi([{ mediaType: "video", assetId: UNKNOWN_ID }]), invalid("media_type")));

test("dimension on 3.0, which the SDK would not send", () =>
  refusedPlain(
    { input_type: "text", model_name: "marengo3.0", text: { input_text: "x" }, embedding_dimension: 256 },
    "parameter_invalid",
    "embedding_dimension",
    "marengo3.5",
  ));

test("auto_truncate on 3.0", () =>
  refused(create({ inputType: "text", text: { inputText: "x" }, autoTruncate: true }), invalid("auto_truncate", "marengo3.5")));

test("single input types on 3.5", () =>
  refused(create({ inputType: "text", modelName: "marengo3.5", text: { inputText: "x" } }), invalid("input_type")));

test("media above the cap", async () => {
  const tooLarge = Buffer.alloc(32 * 1024 * 1024 + 1).toString("base64");
  const request = create({ inputType: "image", image: { mediaSource: { base64String: tooLarge } } });
  await refused(request, { kind: "TwelvelabsApiError", status: 413, code: "parameter_invalid", nested: true });
});

test("url that cannot be fetched", () =>
  refused(multi([image({ base64String: CAT }), image({ url: origin.url("/nothing.png") })]), invalid("media_sources[1]", "url")));

test("unknown task", () =>
  refused(() => client.embed.v2.tasks.retrieve(UNKNOWN_ID), {
    kind: "NotFoundError",
    status: 404,
    code: "resource_not_exist",
    named: [UNKNOWN_ID],
    nested: true,
  }));

test("routes that are not served", () =>
  refused(() => client.indexes.list(), {
    kind: "TwelvelabsApiError",
    status: 404,
    code: "not_found",
    named: ["/indexes"],
  }));
