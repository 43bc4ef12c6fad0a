// The same request for other programs: curl, and the official SDKs. Pictures that came from a file
// are read from a file of that name in the current folder.

import { bodyOf } from "./request.js";

/** The names that the Node SDK lets through; the Python SDK takes any. */
const SDK_MODELS = ["marengo3.0", "marengo3.5"];
const FILE_MARK = "\u0001";

/** Where a picture's bytes are, with a mark where a program reads a file. */
const marked = (picture) => (picture.assetId ? { asset_id: picture.assetId } : { base64_string: `${FILE_MARK}${picture.filename}${FILE_MARK}` });

/** The request in each language: `{curl, python, node}`. */
export async function inLanguages(plan, baseUrl) {
  const knownToSdk = SDK_MODELS.includes(plan.modelName);
  const node = knownToSdk ? asNode(plan, baseUrl) : await asFetch(plan, baseUrl);
  return { curl: await asCurl(plan, baseUrl), python: asPython(plan, baseUrl), node };
}

async function asCurl(plan, baseUrl) {
  const json = JSON.stringify(await bodyOf(plan, marked), null, 2);
  const inHeredoc = json.replace(/[\\$`]/g, "\\$&");
  const text = inHeredoc.replace(/"\\\\u0001(.*?)\\\\u0001"/g, (_, name) => `"$(base64 < ${quotedForShell(plain(name))} | tr -d '\\n')"`);
  return `curl ${baseUrl}/v1.3/embed-v2 \\\n  -H "x-api-key: $TWELVE_LABS_API_KEY" \\\n  -H "content-type: application/json" \\\n  --data-binary @- <<JSON\n${text}\nJSON`;
}

/** A name as it was before it was written as JSON in a here-document. */
const plain = (name) => JSON.parse(`"${name.replace(/\\([\\$`])/g, "$1")}"`);

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
    "# pip install twelvelabs==1.3.6",
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
    "// npm install twelvelabs-js@1.3.4",
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
  const json = JSON.stringify(await bodyOf(plan, marked), null, 2).replaceAll("\n", "\n  ");
  const body = json.replace(/"\\u0001(.*?)\\u0001"/g, (_, name) => `readFileSync("${name}").toString("base64")`);
  return [
    "// export TWELVE_LABS_API_KEY=osk_…",
    ...(body === json ? [] : ['import { readFileSync } from "node:fs";', ""]),
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
