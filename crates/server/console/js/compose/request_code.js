// The same request for other programs: curl, and the official SDKs. Pictures that came from a file
// are read from a file of that name in the current folder.

import { NODE_SDK, PYTHON_SDK } from "../sdks.js";
import { Gap, pieces } from "./json_pieces.js";
import { bodyOf } from "./request.js";

/** The names that the Node SDK lets through; the Python SDK takes any. */
const SDK_MODELS = ["marengo3.0", "marengo3.5"];

/** Where a picture's bytes are: a gap where a program reads a file. */
const fromFiles = (picture) => (picture.assetId ? { asset_id: picture.assetId } : { base64_string: new Gap(picture.filename) });

/** The body as JSON, its words by `asText`, and by `asFile` what reads a file. */
async function bodyWith(plan, { asText = (text) => text, asFile, margin }) {
  const parts = pieces(await bodyOf(plan, fromFiles), margin);
  return parts.map((part) => (part instanceof Gap ? asFile(part.what) : asText(part))).join("");
}

/** The request in each language: `{curl, python, node}`. */
export async function inLanguages(plan, baseUrl) {
  const knownToSdk = SDK_MODELS.includes(plan.modelName);
  const node = knownToSdk ? asNode(plan, baseUrl) : await asFetch(plan, baseUrl);
  return { curl: await asCurl(plan, baseUrl), python: asPython(plan, baseUrl), node };
}

async function asCurl(plan, baseUrl) {
  const text = await bodyWith(plan, {
    // It stands in a here-document.
    asText: (json) => json.replace(/[\\$`]/g, "\\$&"),
    asFile: (name) => `"$(base64 < ${quotedForShell(name)} | tr -d '\\n')"`,
  });
  return `curl ${baseUrl}/v1.3/embed-v2 \\\n  -H "x-api-key: $TWELVE_LABS_API_KEY" \\\n  -H "content-type: application/json" \\\n  --data-binary @- <<JSON\n${text}\nJSON`;
}

const quotedForShell = (name) => `'${name.replaceAll("'", "'\\''")}'`;

function asPython(plan, baseUrl) {
  const classes = { text: "TextInputRequest", image: "ImageInputRequest", multi_input: "MultiInputRequest" };
  const isMulti = plan.inputType === "multi_input";
  const readsFiles = plan.pictures.some((picture) => !picture.assetId);
  const imports = [classes[plan.inputType], "TwelveLabs"];
  if (plan.inputType === "image") imports.push("MediaSource");
  if (isMulti && plan.pictures.length) imports.push("MultiInputMediaSource");
  const origin = (picture) => (picture.assetId
    ? `asset_id=${literal(picture.assetId)}`
    : `base64_string=base64.b64encode(Path(${literal(picture.filename)}).read_bytes()).decode()`);
  const lines = [
    `# pip install ${PYTHON_SDK}`,
    `# export TWELVELABS_BASE_URL=${baseUrl}/v1.3 TWELVE_LABS_API_KEY=osk_…`,
    ...(readsFiles ? ["import base64"] : []),
    "import os",
    ...(readsFiles ? ["from pathlib import Path"] : []),
    "",
    `from twelvelabs import ${imports.sort().join(", ")}`,
    "",
    'client = TwelveLabs(api_key=os.environ["TWELVE_LABS_API_KEY"])',
    "response = client.embed.v_2.create(",
    `    input_type=${literal(plan.inputType)},`,
    `    model_name=${literal(plan.modelName)},`,
  ];
  if (plan.inputType === "text") lines.push(`    text=TextInputRequest(input_text=${literal(plan.text)}),`);
  if (plan.inputType === "image") lines.push(`    image=ImageInputRequest(media_source=MediaSource(${origin(plan.pictures[0])})),`);
  if (isMulti) {
    lines.push("    multi_input=MultiInputRequest(");
    if (plan.text !== undefined) lines.push(`        input_text=${literal(plan.text)},`);
    if (plan.pictures.length) {
      const sources = plan.pictures.map((picture) => `            MultiInputMediaSource(name=${literal(picture.name)}, media_type="image", ${origin(picture)}),`);
      lines.push("        media_sources=[", ...sources, "        ],");
    }
    lines.push("    ),");
  }
  if (plan.dimension) lines.push(`    embedding_dimension=${plan.dimension},`);
  lines.push(")", "print(response.data[0].embedding)");
  return lines.join("\n");
}

function asNode(plan, baseUrl) {
  const readsFiles = plan.pictures.some((picture) => !picture.assetId);
  const origin = (picture) => (picture.assetId
    ? `assetId: ${literal(picture.assetId)}`
    : `base64String: readFileSync(${literal(picture.filename)}).toString("base64")`);
  const lines = [
    `// npm install ${NODE_SDK}`,
    `// export TWELVELABS_BASE_URL=${baseUrl}/v1.3 TWELVE_LABS_API_KEY=osk_…`,
    ...(readsFiles ? ['import { readFileSync } from "node:fs";'] : []),
    'import { TwelveLabs } from "twelvelabs-js";',
    "",
    "const client = new TwelveLabs({ apiKey: process.env.TWELVE_LABS_API_KEY });",
    "const response = await client.embed.v2.create({",
    `  inputType: ${literal(plan.inputType)},`,
    `  modelName: ${literal(plan.modelName)},`,
  ];
  if (plan.dimension) lines.push(`  embeddingDimension: ${plan.dimension},`);
  if (plan.inputType === "text") lines.push(`  text: { inputText: ${literal(plan.text)} },`);
  if (plan.inputType === "image") lines.push(`  image: { mediaSource: { ${origin(plan.pictures[0])} } },`);
  if (plan.inputType === "multi_input") {
    lines.push("  multiInput: {");
    if (plan.text !== undefined) lines.push(`    inputText: ${literal(plan.text)},`);
    if (plan.pictures.length) {
      const sources = plan.pictures.map((picture) => `      { name: ${literal(picture.name)}, mediaType: "image", ${origin(picture)} },`);
      lines.push("    mediaSources: [", ...sources, "    ],");
    }
    lines.push("  },");
  }
  lines.push("});", "console.log(response.data[0].embedding);");
  return lines.join("\n");
}

async function asFetch(plan, baseUrl) {
  const body = await bodyWith(plan, { asFile: (name) => `readFileSync(${literal(name)}).toString("base64")`, margin: "  " });
  const readsFiles = plan.pictures.some((picture) => !picture.assetId);
  return [
    "// export TWELVE_LABS_API_KEY=osk_…",
    ...(!readsFiles ? [] : ['import { readFileSync } from "node:fs";', ""]),
    `const answer = await fetch("${baseUrl}/v1.3/embed-v2", {`,
    '  method: "POST",',
    '  headers: { "x-api-key": process.env.TWELVE_LABS_API_KEY, "content-type": "application/json" },',
    `  body: JSON.stringify(${body}),`,
    "});",
    "const response = await answer.json();",
    "console.log(response.data[0].embedding);",
  ].join("\n");
}

/** A string as Python and JavaScript both write it. */
const literal = (text) => JSON.stringify(text);
