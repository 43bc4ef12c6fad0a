// `embed.v2.create` through the Node SDK: what is answered.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OnespaceServer, Origin, assertUnitVector, base64, cosine, picture, pictureStream, theVector } from "./harness.mjs";

const NAMES = ["cat.png", "house.jpg", "tree.webp", "boat.gif", "red_square.png", "blue_circle.png"];
const SAME_INPUT_COSINE = 0.99999;
let server, origin, client;
const assets = {};

before(async () => {
  server = await OnespaceServer.start();
  origin = await Origin.start();
  client = server.client();
  for (const name of NAMES) {
    assets[name] = (await client.assets.create({ method: "direct", file: pictureStream(name) })).id;
  }
});
after(() => Promise.all([server?.stop(), origin?.stop()]));

const image = (members) => ({ mediaType: "image", ...members });
const multi = (mediaSources, inputText, modelName = "marengo3.0") =>
  client.embed.v2.create({ inputType: "multi_input", modelName, multiInput: { mediaSources, inputText } });
const multiVector = async (...input) => theVector(await multi(...input));
const embedText = (inputText) =>
  client.embed.v2.create({ inputType: "text", modelName: "marengo3.0", text: { inputText } });
const embedImage = (mediaSource) =>
  client.embed.v2.create({ inputType: "image", modelName: "marengo3.0", image: { mediaSource } });

test("guide shaped multi_input", async () => {
  const response = await multi([image({ assetId: assets["cat.png"] })], "A drawing of a cat");
  theVector(response);
  assert.equal(response.metadata.inputType, "multi_input");
  assert.equal(response.usage, undefined);
});

test("three named images, two assets and one base64", async () => {
  await multiVector(
    [
      image({ name: "img1", assetId: assets["cat.png"] }),
      image({ name: "img2", assetId: assets["house.jpg"] }),
      image({ name: "img3", base64String: base64("boat.gif") }),
    ],
    "The cat of <@img1> in the house of <@img2>, seen from <@img3>",
  );
});

test("base64, url, images only, text only", async () => {
  await multiVector([image({ base64String: base64("tree.webp") })], "A tree");
  await multiVector([image({ url: origin.url("/tree.webp") })], "A tree");
  await multiVector([image({ assetId: assets["cat.png"] }), image({ assetId: assets["house.jpg"] })]);
  const text = await multiVector(undefined, "A small red boat");
  assert.ok(cosine(text, theVector(await embedText("A small red boat"))) > SAME_INPUT_COSINE);
});

test("ten images", async () => {
  const sources = Array.from({ length: 10 }, (_, number) =>
    image({ name: `img${number}`, assetId: assets[NAMES[number % NAMES.length]] }),
  );
  await multiVector(sources, sources.map((source) => `<@${source.name}>`).join(" "));
});

test("order of named images changes the vector", async () => {
  const sources = [image({ name: "one", assetId: assets["cat.png"] }), image({ name: "two", assetId: assets["house.jpg"] })];
  const forward = await multiVector(sources, "<@one> to the left of <@two>");
  const backward = await multiVector(sources, "<@two> to the left of <@one>");
  assert.ok(cosine(forward, backward) < SAME_INPUT_COSINE);
  assert.deepEqual(await multiVector(sources.toReversed(), "<@one> to the left of <@two>"), forward);
});

test("same request twice gives the same bytes", async () => {
  const source = { name: "x", media_type: "image", base64_string: base64("cat.png") };
  const body = {
    input_type: "multi_input",
    model_name: "marengo3.0",
    multi_input: { media_sources: [source], input_text: "see <@x>" },
  };
  const [first, second] = [await server.post("/embed-v2", body), await server.post("/embed-v2", body)];
  assert.equal(first.status, 200);
  assert.equal(await first.text(), await second.text());
});

test("asset, url and inline bytes give the same vector", async () => {
  for (const name of NAMES) {
    const byAsset = theVector(await embedImage({ assetId: assets[name] }));
    assert.deepEqual(theVector(await embedImage({ base64String: base64(name) })), byAsset, name);
    assert.deepEqual(theVector(await embedImage({ url: origin.url(`/${name}`) })), byAsset, name);
  }
});

test("text", async () => {
  const response = await embedText("Ein Boot auf dem See – 湖の舟 🚤");
  theVector(response);
  assert.equal(response.metadata, undefined);
});

test("image tells where it came from", async () => {
  const byAsset = await embedImage({ assetId: assets["tree.webp"] });
  assert.deepEqual([byAsset.metadata.inputType, byAsset.metadata.inputFilename], ["image", "tree.webp"]);
  const url = origin.url("/tree.webp");
  assert.equal((await embedImage({ url })).metadata.inputUrl, url);
});

test("text_image", async () => {
  const response = await client.embed.v2.create({
    inputType: "text_image",
    modelName: "marengo3.0",
    textImage: { mediaSource: { assetId: assets["house.jpg"] }, inputText: "A house under a blue sky" },
  });
  const same = await multiVector([image({ assetId: assets["house.jpg"] })], "A house under a blue sky");
  assert.ok(cosine(theVector(response), same) > SAME_INPUT_COSINE);
  assert.equal(response.metadata.inputType, "text_image");
});

test("marengo3.5: usage and cutting of long text", async () => {
  const response = await multi([image({ assetId: assets["cat.png"] })], "a cat", "marengo3.5");
  theVector(response);
  assert.ok(response.usage.inputTokens.text > 0 && response.usage.inputTokens.image > 0);
  assert.equal(response.usage.truncated, false);
  const cut = await client.embed.v2.create({
    inputType: "multi_input",
    modelName: "marengo3.5",
    autoTruncate: true,
    multiInput: { inputText: "boat ".repeat(4000) },
  });
  theVector(cut);
  assert.equal(cut.usage.truncated, true);
});

test("the response headers reach the user of the SDK", async () => {
  const { rawResponse } = await client.embed.v2
    .create({ inputType: "text", modelName: "marengo3.0", text: { inputText: "x" } })
    .withRawResponse();
  for (const name of ["x-request-id", "x-onespace-space"]) assert.ok(rawResponse.headers.get(name), name);
  assert.equal(rawResponse.headers.get("x-api-version"), "1.3");
});

test("requests at once give the same vectors as one by one", async () => {
  const inputs = NAMES.map((name) => [[image({ name: "x", assetId: assets[name] })], `picture ${name} <@x>`]);
  const alone = [];
  for (const input of inputs) alone.push(await multiVector(...input));
  const together = await Promise.all(inputs.map((input) => multiVector(...input)));
  alone.forEach((vector, index) => assert.ok(cosine(vector, together[index]) > SAME_INPUT_COSINE));
});

test("embed v1: text and image", async () => {
  const response = await client.embed.create({
    modelName: "marengo3.0",
    text: "a drawn cat",
    imageFile: new File([picture("cat.png")], "cat.png"),
  });
  assert.deepEqual(response.textEmbedding.segments[0].float, theVector(await embedText("a drawn cat")));
  const sameImage = theVector(await embedImage({ base64String: base64("cat.png") }));
  assert.deepEqual(response.imageEmbedding.segments[0].float, sameImage);
  assertUnitVector(response.imageEmbedding.segments[0].float);
});
