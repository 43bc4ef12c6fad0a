// What the tests share: a real onespace process, a web server for URL sources, clients, and assertions.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TwelveLabs } from "twelvelabs-js";

const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 20_000;
// Loopback addresses and web ports of their own: see tests/sdk_python/harness/origin.py.
const ORIGIN_PORTS = [8080, 8443];

export const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
export const UNKNOWN_ID = "0123456789abcdef01234567";
export const picturePath = (name) => path.join(EXAMPLES, "pictures", name);
export const picture = (name) => fs.readFileSync(picturePath(name));
export const base64 = (name) => picture(name).toString("base64");
export const pictureStream = (name) => fs.createReadStream(picturePath(name));

/** Starts onespace on a free port with a data directory of its own; `stop` ends it and removes the directory. */
export class OnespaceServer {
  static async start() {
    const binary = process.env.ONESPACE_BIN;
    if (!binary) throw new Error("set ONESPACE_BIN to the onespace binary, for example target/release/onespace");
    const server = new OnespaceServer(path.resolve(binary));
    await server.#ready();
    return server;
  }

  constructor(binary) {
    this.binary = binary;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "onespace-node-"));
    this.dataDir = path.join(this.folder, "data");
    this.output = "";
    const flags = ["--listen", "127.0.0.1:0", "--data-dir", this.dataDir, "--metrics-listen", "off"];
    this.process = spawn(binary, ["serve", ...flags, "--allow-private-fetch", "127.0.0.0/8"]);
    this.ended = new Promise((resolve) => this.process.once("close", resolve));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on("data", (piece) => (this.output += piece));
    }
  }

  async #ready() {
    const deadline = Date.now() + START_DEADLINE_MS;
    const found = () => [/base URL\s+(\S+)/, /API key\s+(osk_\S+)/].map((line) => this.output.match(line)?.[1]);
    for (let [url, key] = found(); !url || !key; [url, key] = found()) {
      if (this.process.exitCode !== null) throw new Error(`onespace ended early\n${this.output}`);
      if (Date.now() > deadline) throw new Error(`no base URL and key in time\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    [this.baseUrl, this.key] = found();
  }

  /** A client of the official SDK; it takes the address from the environment when it is made. */
  client(key = this.key) {
    process.env.TWELVELABS_BASE_URL = this.baseUrl;
    return new TwelveLabs({ apiKey: key });
  }

  async keys(...words) {
    const done = await promisify(execFile)(this.binary, ["keys", ...words, "--data-dir", this.dataDir]);
    return done.stdout;
  }

  /** A new key: the printed object with `key`, `id`, `name` and `expires_at`. */
  async createKey(name, ...flags) {
    return JSON.parse(await this.keys("create", name, "--json", ...flags));
  }

  /** A plain JSON request, for what the SDK would not send. */
  post(route, body) {
    const headers = { "x-api-key": this.key, "content-type": "application/json" };
    return fetch(this.baseUrl + route, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async stop() {
    this.process.kill("SIGTERM");
    const force = setTimeout(() => this.process.kill("SIGKILL"), STOP_DEADLINE_MS);
    await this.ended;
    clearTimeout(force);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A web server on loopback with the drawn pictures under their names; `hits` lists what was asked for. */
export class Origin {
  static async start() {
    for (const port of ORIGIN_PORTS) {
      for (let last = 91; last <= 110; last++) {
        const origin = new Origin();
        if (await origin.#listening(`127.0.0.${last}`, port)) return origin;
      }
    }
    const origin = new Origin();
    if (await origin.#listening("127.0.0.1", 0)) return origin;
    throw new Error("no loopback address is free for the web server of the tests");
  }

  constructor() {
    this.hits = [];
    this.server = http.createServer((request, response) => {
      this.hits.push(request.url);
      const file = picturePath(path.basename(request.url));
      const found = fs.existsSync(file);
      response.writeHead(found ? 200 : 404);
      response.end(found ? fs.readFileSync(file) : "nothing here");
    });
  }

  #listening(host, port) {
    return new Promise((resolve) => {
      this.server.once("error", () => resolve(false));
      this.server.listen(port, host, () => resolve(true));
    });
  }

  url(route) {
    const { address, port } = this.server.address();
    return `http://${address}:${port}${route}`;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

const norm = (vector) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

/** Every vector that leaves the server is finite, of the right length and of unit norm. */
export function assertUnitVector(vector, dimension = 512) {
  assert.equal(vector.length, dimension);
  assert.ok(vector.every(Number.isFinite));
  assert.ok(Math.abs(norm(vector) - 1) < 1e-3);
}

export function cosine(left, right) {
  assert.equal(left.length, right.length);
  return left.reduce((sum, value, index) => sum + value * right[index], 0) / (norm(left) * norm(right));
}

/** The one vector of an answer, checked. */
export function theVector(response, dimension = 512) {
  assert.equal(response.data.length, 1);
  assertUnitVector(response.data[0].embedding, dimension);
  return response.data[0].embedding;
}

/** The call is refused with this error class, status and code, and the message names each of `named`. */
export async function refused(call, { kind, status = 400, code, named = [], nested = false }) {
  const failure = await call().then(
    () => assert.fail("the call was not refused"),
    (error) => error,
  );
  assert.equal(failure.constructor.name, kind, failure.stack);
  assert.equal(failure.statusCode, status);
  assert.equal(failure.body.code, code, JSON.stringify(failure.body));
  for (const name of named) assert.ok(failure.body.message.includes(name), `${name}: ${failure.body.message}`);
  if (nested) assert.deepEqual(failure.body.error, { code: failure.body.code, message: failure.body.message });
  return failure;
}

export async function collected(page) {
  const items = [];
  for await (const item of page) items.push(item);
  return items;
}
