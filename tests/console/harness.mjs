// What the tests share: a real onespace process, a browser, raw requests, and people.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const CHROMIUM = process.env.ONESPACE_TEST_CHROMIUM ?? "/usr/bin/chromium";
/** For work on the pages: a folder to take their files from. */
const WORKING_TREE = process.env.ONESPACE_TEST_PAGES;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-extensions"];

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const PASSWORD = "violet harbour lantern";
export const picturePath = (name) => path.join(ROOT, "examples/pictures", name);
export const picture = (name) => fs.readFileSync(picturePath(name));

/** Calls `check` until it gives something that is true. */
export async function eventually(check, what, deadlineMs = 20_000) {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port that nothing listens on; it must stay the same when the server is started again. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** A onespace process with a data directory of its own, on a port that it keeps. */
export class Server {
  static async start(...flags) {
    const server = new Server();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "onespace-console-"));
    server.dataDir = path.join(server.folder, "data");
    server.flags = flags;
    server.listen = `127.0.0.1:${await freePort()}`;
    server.url = `http://${server.listen}`;
    await server.run();
    return server;
  }

  /** Starts the process (again); the port stays. */
  async run() {
    const binary = process.env.ONESPACE_BIN;
    if (!binary) throw new Error("set ONESPACE_BIN to the onespace binary, for example target/release/onespace");
    const flags = ["serve", "--listen", this.listen, "--data-dir", this.dataDir, "--metrics-listen", "off", ...this.flags];
    this.output = "";
    this.process = spawn(path.resolve(binary), flags);
    this.ended = new Promise((resolve) => this.process.once("close", resolve));
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (piece) => (this.output += piece));
    await eventually(() => {
      if (this.process.exitCode !== null) throw new Error(`onespace ended early\n${this.output}`);
      return this.output.includes("API key");
    }, "a server that is ready", START_DEADLINE_MS);
    this.firstKey = /API key +(osk_\S+)/.exec(this.output)?.[1] ?? this.firstKey;
  }

  /** The set-up link that the process printed. */
  async setUpLink() {
    return eventually(() => /(http:\/\/\S+\/#\/set-up\/\S+)/.exec(this.output)?.[1], "the set-up link");
  }

  async signal(name) {
    this.process.kill(name);
    const late = setTimeout(() => this.process.kill("SIGKILL"), STOP_DEADLINE_MS);
    await this.ended;
    clearTimeout(late);
  }

  async stop() {
    await this.signal("SIGTERM");
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** A raw request: `{status, headers, text, json()}`. */
  request(method, route, { headers = {}, body } = {}) {
    const [host, port] = this.listen.split(":");
    return new Promise((resolve, reject) => {
      const sent = http.request({ host, port, method, path: route, headers: { connection: "close", ...headers } }, (answer) => {
        const pieces = [];
        answer.on("data", (piece) => pieces.push(piece));
        answer.on("end", () => {
          const bytes = Buffer.concat(pieces);
          resolve({ status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString(), json: () => JSON.parse(bytes.toString()) });
        });
        answer.on("error", reject);
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}

/** Somebody at a browser, without one: a cookie, and the headers that a browser sends. */
export class Person {
  constructor(server, email = "ada@example.com", password = PASSWORD) {
    Object.assign(this, { server, email, password, cookie: undefined });
  }

  async send(method, route, { json, body, headers = {}, cookie = this.cookie } = {}) {
    const told = { "sec-fetch-site": "same-origin", ...(method !== "GET" && { origin: this.server.url }) };
    const content = json === undefined ? body : JSON.stringify(json);
    const all = {
      ...told,
      ...(json !== undefined && { "content-type": "application/json" }),
      ...(content !== undefined && { "content-length": Buffer.byteLength(content) }),
      ...(cookie && { cookie }),
      ...headers,
    };
    for (const [name, value] of Object.entries(all)) if (value === undefined) delete all[name];
    const answer = await this.server.request(method, route, { headers: all, body: content });
    const set = answer.headers["set-cookie"]?.[0];
    if (set) this.cookie = set.startsWith("onespace=;") ? undefined : set.split(";")[0];
    return answer;
  }

  api(method, route, options) {
    return this.send(method, `/console/api${route}`, options);
  }

  async signUp(link) {
    const secret = link?.split("/").at(-1);
    const answer = await this.api("POST", "/users", { json: { email: this.email, password: this.password, link: secret } });
    assert.equal(answer.status, 204, answer.text);
    return this;
  }

  async signIn() {
    const answer = await this.api("POST", "/session", { json: { email: this.email, password: this.password }, cookie: undefined });
    assert.equal(answer.status, 204, answer.text);
    return this;
  }

  async upload(name, bytes = picture(name)) {
    const answer = await this.send("POST", "/v1.3/assets", formOf({ method: "direct" }, { name, bytes }));
    assert.equal(answer.status, 201, answer.text);
    return answer.json()._id;
  }

  async createKey(name, expiresAt = null) {
    const answer = await this.api("POST", "/keys", { json: { name, expires_at: expiresAt } });
    assert.equal(answer.status, 201, answer.text);
    return answer.json();
  }

  async embedText(text) {
    return this.send("POST", "/v1.3/embed-v2", { json: { input_type: "text", model_name: "marengo3.0", text: { input_text: text } } });
  }
}

/** The first user of a server. */
export const firstUser = async (server, email) => new Person(server, email).signUp(await server.setUpLink());

/** A form with a file, as headers and a body. */
export function formOf(fields, file) {
  const boundary = "----onespace-console-tests";
  const parts = Object.entries(fields).map(([name, value]) => Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`));
  if (file) {
    parts.push(Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${file.name}"\r\ncontent-type: image/png\r\n\r\n`), file.bytes, Buffer.from("\r\n"));
  }
  const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
  return { headers: { "content-type": `multipart/form-data; boundary=${boundary}` }, body };
}

export const startBrowser = () => chromium.launch({ executablePath: CHROMIUM, args: FLAGS });

/** A page of a fresh browser profile, or of `context`; faults of its scripts and refusals of its policy end up in `faults`. */
export async function openPage(browser, server, { person, context: shared, ...options } = {}) {
  const context = shared ?? await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(30_000);
  if (person) {
    const [name, value] = person.cookie.split("=");
    await context.addCookies([{ name, value, url: server.url, httpOnly: true, sameSite: "Strict" }]);
  }
  const page = await context.newPage();
  if (WORKING_TREE) await serveFrom(page, path.resolve(WORKING_TREE));
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) page.faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith("blob:")) page.faults.push(`left the server: ${request.url()}`);
  });
  return page;
}

/** Gives the page its scripts and styles as they are in `folder`, each by itself, without a build. */
async function serveFrom(page, folder) {
  const types = { css: "text/css", html: "text/html", js: "text/javascript", svg: "image/svg+xml" };
  const read = async (route, name, change = (text) => text) => {
    const headers = { ...(await route.fetch().catch(() => null))?.headers(), "content-type": types[name.split(".").at(-1)] };
    await route.fulfill({ status: 200, headers, body: change(fs.readFileSync(path.join(folder, name), "utf8")) });
  };
  const sheets = fs.readdirSync(path.join(folder, "css")).sort().map((name) => `<link rel="stylesheet" href="/console/files/0/css/${name}">`);
  const body = fs.readFileSync(path.join(folder, "signed_in.html"), "utf8");
  const apart = (text) => text.replace("{{body}}", body).replace(/<link rel="stylesheet".*>/, sheets.join("\n")).replace("{{situation}}", "").replaceAll("{{files}}", "/console/files/0").replace("console.js", "main.js");
  await page.route((url) => url.pathname === "/", (route) => read(route, "index.html", apart));
  await page.route(/\/console\/files\/0\/(?!examples)/, (route) => read(route, new URL(route.request().url()).pathname.split("/").slice(4).join("/")));
}

/** Goes to a page of the console and waits for its heading. */
export async function goTo(page, server, name, heading) {
  await page.goto(`${server.url}/#/${name}`);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
}
