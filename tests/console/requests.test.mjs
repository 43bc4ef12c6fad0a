// The request that the playground shows as curl, Python and Node is the one that it made.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT, Server, eventually, firstUser, goTo, openPage, picture, startBrowser } from "./harness.mjs";

const run = promisify(execFile);
const PYTHON = process.env.ONESPACE_TEST_PYTHON ?? path.join(ROOT, "target/test-environment/bin/python");

/** A name that shells, JSON and programs each have their own trouble with. */
const AWKWARD = "it's $(a) `b` \"c\".png";
const CASES = [
  { what: "a text with quotes", text: `a "red" $square \\ it's \`x\` 日本`, files: [], input: "text" },
  { what: "a picture alone", text: "", files: ["cat.png"], input: "image" },
  { what: "two named pictures", text: "<@cat> left of <@it_s_a_b_c>", files: ["cat.png", AWKWARD], input: "multi_input" },
  { what: "fewer values", text: "a house", files: [], values: "128" },
  { what: "another model name", text: "a house", files: [], model: "marengo3.5" },
];

let server;
let browser;
let person;
let secret;
let folder;

before(async () => {
  server = await Server.start();
  browser = await startBrowser();
  person = await firstUser(server);
  ({ secret } = await person.createKey("programs"));
  folder = fs.mkdtempSync(path.join(server.folder, "programs-"));
  fs.writeFileSync(path.join(folder, "cat.png"), picture("cat.png"));
  fs.writeFileSync(path.join(folder, AWKWARD), picture("red_square.png"));
  fs.symlinkSync(path.join(ROOT, "tests/sdk_node/node_modules"), path.join(folder, "node_modules"));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function execute(language, code) {
  const env = { ...process.env, TWELVE_LABS_API_KEY: secret, TWELVELABS_BASE_URL: `${server.url}/v1.3` };
  const options = { cwd: folder, env, maxBuffer: 1 << 24 };
  if (language === "curl") return JSON.parse((await run("sh", ["-c", code.replace(/^curl/, "curl -sS")], options)).stdout).data[0].embedding;
  if (language === "Python") return JSON.parse((await run(PYTHON, ["-c", code], options)).stdout);
  const file = path.join(folder, "request.mjs");
  fs.writeFileSync(file, code.replace("console.log(response.data[0].embedding)", "console.log(JSON.stringify(response.data[0].embedding))"));
  return JSON.parse((await run("node", [file], options)).stdout);
}

for (const { what, text, files, input, values, model } of CASES) {
  test(what, async () => {
    const page = await openPage(browser, server, { person, permissions: ["clipboard-read", "clipboard-write"] });
    await goTo(page, server, "playground", "Playground");
    if (model) await page.getByLabel("Model").selectOption(model);
    if (values) await page.getByLabel("Values").selectOption(values);
    if (files.length) await page.getByLabel("Pictures from this machine").setInputFiles(files.map((name) => path.join(folder, name)));
    await page.getByRole("combobox", { name: "Text" }).fill(text);
    const request = page.waitForRequest("**/v1.3/embed-v2");
    await page.getByRole("button", { name: "Embed", exact: true }).click();
    if (input) assert.equal((await request).postDataJSON().input_type, input);
    const result = page.getByRole("group", { name: "Result" });
    await result.getByRole("button", { name: "Copy vector" }).click();
    const shown = JSON.parse(await eventually(() => page.evaluate(() => navigator.clipboard.readText()), "the vector"));
    assert.equal(shown.length, Number(values ?? 512));
    await result.getByText("This request in a program").click();
    for (const language of ["curl", "Python", "Node"]) {
      await result.getByRole("tab", { name: language }).click();
      const code = await result.getByRole("region", { name: language }).textContent();
      assert.deepEqual(await execute(language, code), shown, `${language}:\n${code}`);
    }
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });
}
