// One embedding from text and images, with the official TwelveLabs Node SDK against onespace.
//
//     npm install twelvelabs-js@1.3.4
//     export TWELVELABS_BASE_URL=http://127.0.0.1:8080/v1.3
//     export TWELVE_LABS_API_KEY=<the key that onespace printed>
//     node text_and_image.mjs

import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { TwelveLabs } from "twelvelabs-js";

const API_KEY = process.env.TWELVE_LABS_API_KEY ?? "<YOUR_API_KEY>";
const picture = (name) => fileURLToPath(new URL(`pictures/${name}`, import.meta.url));

// 1. The client. It reads the address of the server from TWELVELABS_BASE_URL.
const client = new TwelveLabs({ apiKey: API_KEY });

// 2. Upload an image. method: "url", url: "https://…" takes one from the web instead.
const asset = await client.assets.create({
  method: "direct",
  file: fs.createReadStream(picture("cat.png")),
});
console.log(`Created asset: ${asset.id}`);

// 3. Text and image together become one embedding.
const response = await client.embed.v2.create({
  inputType: "multi_input",
  modelName: "marengo3.0",
  multiInput: {
    mediaSources: [{ mediaType: "image", assetId: asset.id }],
    inputText: "A drawing of a cat",
  },
});
console.log(`Number of embeddings: ${response.data.length}`);
console.log(`Embedding dimensions: ${response.data[0].embedding.length}`);
console.log(`First 5 values: ${response.data[0].embedding.slice(0, 5)}`);

// 4. Named images: each `<@name>` in the text stands for the picture of that name. A picture comes
//    from an asset, from base64 text or from a URL (here only when PICTURE_URL is set).
const house = fs.readFileSync(picture("house.jpg")).toString("base64");
const mediaSources = [
  { name: "img1", mediaType: "image", assetId: asset.id },
  { name: "img2", mediaType: "image", base64String: house },
];
let inputText = "The animal of <@img1> in front of the building of <@img2>";
if (process.env.PICTURE_URL) {
  mediaSources.push({ name: "img3", mediaType: "image", url: process.env.PICTURE_URL });
  inputText += ", painted like <@img3>";
}
const named = await client.embed.v2.create({
  inputType: "multi_input",
  modelName: "marengo3.0",
  multiInput: { mediaSources, inputText },
});
console.log(`Number of embeddings of ${mediaSources.length} named images: ${named.data.length}`);
console.log(`First 5 values: ${named.data[0].embedding.slice(0, 5)}`);

// 5. Clean up.
await client.assets.delete(asset.id);
