// What pages of other sites, old sessions, hostile names and hostile files can do: nothing.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { PASSWORD, Person, Server, eventually, firstUser, formOf, goTo, openPage, picture, startBrowser } from "./harness.mjs";

/** Routes that change something, for a signed-in person: method, path, JSON body. */
const CHANGES = [
  ["POST", "/console/api/session", { email: "ada@example.com", password: PASSWORD }],
  ["DELETE", "/console/api/session"],
  ["POST", "/console/api/users", { email: "x@example.com", password: PASSWORD }],
  ["POST", "/console/api/links", { link: "x" }],
  ["POST", "/console/api/password", { current: PASSWORD, new: "another long phrase" }],
  ["POST", "/console/api/invitations"],
  ["POST", "/console/api/password-resets", { link: "x", password: PASSWORD }],
  ["POST", "/console/api/members/0123456789abcdef01234567/password-reset"],
  ["DELETE", "/console/api/members/0123456789abcdef01234567"],
  ["POST", "/console/api/keys", { name: "x", expires_at: null }],
  ["DELETE", "/console/api/keys/abcdefgh"],
  ["POST", "/console/api/vectors"],
  ["POST", "/console/api/search", { space: "x", vector: [1] }],
  ["POST", "/v1.3/embed-v2", { input_type: "text", model_name: "marengo3.0", text: { input_text: "x" } }],
  ["POST", "/v1.3/assets", {}],
  ["DELETE", "/v1.3/assets/0123456789abcdef01234567"],
  ["PATCH", "/v1.3/assets/0123456789abcdef01234567/user-metadata", { user_metadata: { a: "b" } }],
];
const READS = ["/console/api/session", "/console/api/keys", "/console/api/usage", "/console/api/usage.csv", "/console/api/vectors", "/console/api/members", "/v1.3/assets"];

/** What a browser says of a request that another page caused; `undefined` leaves a header out. */
const FORGERIES = {
  "cross-site": (own) => ({ "sec-fetch-site": "cross-site", origin: "http://evil.example" }),
  "cross-site, own origin": (own) => ({ "sec-fetch-site": "cross-site", origin: own }),
  "same-site sibling": () => ({ "sec-fetch-site": "same-site", origin: "http://127.0.0.1:1" }),
  "another port, no fetch metadata": () => ({ "sec-fetch-site": undefined, origin: "http://127.0.0.1:1" }),
  "origin null": () => ({ "sec-fetch-site": undefined, origin: "null" }),
  "sandboxed frame": () => ({ "sec-fetch-site": "cross-site", origin: "null" }),
  "no word about its origin": () => ({ "sec-fetch-site": undefined, origin: undefined }),
  "typed address": () => ({ "sec-fetch-site": "none", origin: undefined }),
  "origin that begins alike": (own) => ({ "sec-fetch-site": undefined, origin: `${own}.evil.example` }),
};

let server;
let person;

before(async () => {
  server = await Server.start();
  person = await firstUser(server);
});

after(() => server?.stop());

for (const [name, headers] of Object.entries(FORGERIES)) {
  test(`no change by a request that is ${name}`, async () => {
    for (const [method, route, json] of CHANGES) {
      const answer = await person.send(method, route, { json, headers: headers(server.url) });
      assert.equal(answer.status, 403, `${method} ${route}: ${answer.text}`);
      assert.equal(answer.json().code, "cross_site_refused", route);
      assert.equal(answer.headers["set-cookie"], undefined, route);
    }
    assert.equal((await person.api("GET", "/keys")).status, 200, "still signed in");
    assert.equal((await person.api("GET", "/keys")).json().keys.length, 1);
  });
}

test("reads caused by other sites are refused, typed ones are not", async () => {
  for (const route of READS) {
    for (const site of ["cross-site", "same-site"]) {
      const answer = await person.send("GET", route, { headers: { "sec-fetch-site": site } });
      assert.equal(answer.status, 403, `${route} ${site}`);
    }
    assert.equal((await person.send("GET", route, { headers: { "sec-fetch-site": "none" } })).status, 200, route);
  }
});

test("no answer lets another origin read it", async () => {
  for (const route of [...READS, "/", "/console/api/nothing"]) {
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await person.send(method, route, { headers: { origin: "http://evil.example", "access-control-request-method": "POST" } });
      const opening = Object.keys(answer.headers).filter((name) => name.startsWith("access-control-"));
      assert.deepEqual(opening, [], `${method} ${route}`);
    }
  }
});

test("a form of another site cannot be read as JSON", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", undefined]) {
    const body = JSON.stringify({ name: "forged", expires_at: null });
    const answer = await person.api("POST", "/keys", { body, headers: { "content-type": type } });
    assert.equal(answer.status, 400, `${type}: ${answer.text}`);
    assert.equal(answer.json().code, "content_type_invalid");
  }
});

test("reading changes nothing", async () => {
  for (const [, route] of CHANGES.filter(([method]) => method === "POST")) {
    const answer = await person.send("GET", route);
    assert.ok([200, 405].includes(answer.status), `${route}: ${answer.status}`);
  }
  assert.equal((await person.api("GET", "/keys")).json().keys.length, 1);
});

test("a session is new at every sign-in, and the old one ends", async () => {
  const one = new Person(server);
  one.cookie = "onespace=planted-by-somebody-else";
  assert.equal((await one.api("POST", "/session", { json: { email: one.email, password: one.password } })).status, 204);
  const first = one.cookie;
  assert.notEqual(first, "onespace=planted-by-somebody-else");
  assert.equal((await one.api("POST", "/session", { json: { email: one.email, password: one.password } })).status, 204);
  assert.notEqual(one.cookie, first);
  assert.equal((await one.api("GET", "/keys", { cookie: first })).status, 401);
  assert.equal((await one.api("GET", "/keys", { cookie: "onespace=planted-by-somebody-else" })).status, 401);
  assert.equal((await one.api("GET", "/keys")).status, 200);
});

test("signing out ends the session on the server", async () => {
  const one = await new Person(server).signIn();
  const stolen = one.cookie;
  assert.equal((await one.api("DELETE", "/session")).status, 204);
  for (const [method, route] of [["GET", "/console/api/keys"], ["GET", "/v1.3/assets"], ["POST", "/console/api/invitations"]]) {
    assert.equal((await one.send(method, route, { cookie: stolen })).status, 401, route);
  }
  assert.equal((await one.api("GET", "/session", { cookie: stolen })).json().user, null);
});

test("a page can tell an ended session, also by answers of the public API", async () => {
  const one = await new Person(server).signIn();
  const { id } = (await one.api("GET", "/session")).json().user;
  assert.match(id, /^[0-9a-f]{24}$/);
  for (const cookie of [undefined, "onespace=ended"]) {
    for (const route of ["/console/api/keys", "/v1.3/assets"]) {
      const answer = await one.send("GET", route, { cookie, headers: { cookie } });
      assert.deepEqual([answer.status, answer.json().code], [401, "session_required"], `${route} ${cookie}`);
      assert.equal(answer.headers["cache-control"], "no-store", route);
    }
  }
  const program = await server.request("GET", "/v1.3/assets");
  assert.deepEqual([program.status, program.json().code], [401, "api_key_invalid"]);
  assert.equal(program.headers["set-cookie"], undefined);
});

test("the page says who is signed in to them alone, and to nobody once the session is over", async () => {
  const one = await new Person(server).signIn();
  const told = async (options) => {
    const { text, headers } = await one.send("GET", "/", options);
    assert.equal(headers["cache-control"], "no-store");
    const block = /<script type="application\/json" id="situation">([^<]*)<\/script>/.exec(text);
    assert.equal(text.includes("@example.com"), block !== null);
    return block && JSON.parse(block[1]);
  };
  assert.deepEqual(await told(), (await one.api("GET", "/session")).json());
  assert.equal((await told({ headers: { "sec-fetch-site": "none" } })).user.email, one.email, "an address that was typed");
  for (const site of ["cross-site", "same-site"]) assert.equal(await told({ headers: { "sec-fetch-site": site } }), null, site);
  const stolen = one.cookie;
  await one.api("DELETE", "/session");
  for (const cookie of [stolen, "onespace=x", undefined]) assert.equal(await told({ cookie, headers: { cookie } }), null, cookie);
});

test("what one user's page asks for is not done in another user's name", async () => {
  const { id } = (await person.api("GET", "/session")).json().user;
  const others = { "x-onespace-user": "0123456789abcdef01234567" };
  for (const [method, route, json] of [["GET", "/console/api/keys"], ["POST", "/console/api/keys", { name: "x", expires_at: null }], ["DELETE", "/console/api/session"], ["GET", "/v1.3/assets"], ["POST", "/console/api/vectors"]]) {
    const answer = await person.send(method, route, { json, headers: others });
    assert.deepEqual([answer.status, answer.json().code], [401, "session_required"], route);
    assert.equal(answer.headers["set-cookie"], undefined);
  }
  assert.equal((await person.api("GET", "/keys", { headers: { "x-onespace-user": id } })).status, 200);
  assert.equal((await person.api("GET", "/session", { headers: others })).json().user.id, id, "the page may ask who it is");
});

test("the old password opens no session that outlives a new one", async () => {
  const one = await new Person(server).signIn();
  for (let round = 0; round < 8; round += 1) {
    const fresh = `a new long phrase ${round}`;
    const entered = [];
    const enter = async () => {
      const late = new Person(server, one.email, one.password);
      const answer = await late.api("POST", "/session", { json: { email: late.email, password: late.password } });
      if (answer.status === 204) entered.push(late);
    };
    const change = one.api("POST", "/password", { json: { current: one.password, new: fresh } });
    await Promise.all([change, ...Array.from({ length: 4 }, enter)]);
    assert.equal((await change).status, 204);
    for (const late of entered) assert.equal((await late.api("GET", "/keys")).status, 401, `round ${round}`);
    one.password = fresh;
  }
  assert.equal((await one.api("POST", "/password", { json: { current: one.password, new: PASSWORD } })).status, 204);
  await person.signIn();
});

test("a new password ends every other session", async () => {
  const [here, elsewhere] = [await new Person(server).signIn(), await new Person(server).signIn()];
  const wrong = await here.api("POST", "/password", { json: { current: "wrong", new: "a quite different phrase" } });
  assert.equal(wrong.status, 401);
  assert.equal((await elsewhere.api("GET", "/keys")).status, 200);
  const changed = await here.api("POST", "/password", { json: { current: PASSWORD, new: "a quite different phrase" } });
  assert.equal(changed.status, 204, changed.text);
  assert.equal((await elsewhere.api("GET", "/keys")).status, 401);
  assert.equal((await person.api("GET", "/keys")).status, 401);
  assert.equal((await here.api("GET", "/keys")).status, 200);
  const back = await here.api("POST", "/password", { json: { current: "a quite different phrase", new: PASSWORD } });
  assert.equal(back.status, 204);
  await person.signIn();
});

test("the cookie cannot be read by scripts, sent by other sites, or set for others", async () => {
  const answer = await person.api("POST", "/session", { json: { email: person.email, password: person.password } });
  const [cookie] = answer.headers["set-cookie"];
  assert.match(cookie, /^onespace=\w{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
});

test("behind HTTPS the cookie is a __Host- one, and a plain one is not taken", async () => {
  const behind = await Server.start("--public-url", "https://embeddings.example.com");
  try {
    const one = new Person(behind);
    const told = { host: "embeddings.example.com", origin: "https://embeddings.example.com" };
    const [link] = (await eventually(() => /#\/set-up\/(\w+)/.exec(behind.output), "the link")).slice(1);
    const answer = await one.api("POST", "/users", { json: { email: one.email, password: PASSWORD, link }, headers: told });
    assert.equal(answer.status, 204, answer.text);
    const [cookie] = answer.headers["set-cookie"];
    assert.match(cookie, /^__Host-onespace=\w{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure$/);
    assert.equal(answer.headers["strict-transport-security"], "max-age=31536000");
    assert.equal((await one.api("GET", "/keys", { headers: told })).status, 200);
    assert.equal((await one.api("GET", "/keys", { headers: told, cookie: one.cookie.replace("__Host-", "") })).status, 401);
  } finally {
    await behind.stop();
  }
});

test("an origin is its scheme, host and port, however the operator writes them", async () => {
  const behind = await Server.start("--public-url", "HTTPS://Emb.Example.com:443/");
  try {
    assert.match(behind.output, /https:\/\/emb\.example\.com\/#\/set-up/);
    const asked = async (origin, host) => (await behind.request("POST", "/console/api/links", {
      headers: { origin, host, "content-type": "application/json", "content-length": 12 }, body: '{"link":"x"}',
    })).json().code;
    for (const host of ["10.0.0.7:8080", "emb.example.com"]) {
      assert.equal(await asked("https://emb.example.com", host), "sign_up_refused", host);
      assert.equal(await asked("http://emb.example.com", host), "cross_site_refused", host);
      assert.equal(await asked("https://emb.example.com:8443", host), "cross_site_refused", host);
    }
  } finally {
    await behind.stop();
  }
});

test("without HTTPS nobody signs in from another machine", async () => {
  for (const host of ["192.168.1.7:8080", "embeddings.example.com", "127.0.0.1.evil.example"]) {
    const told = { host, origin: `http://${host}` };
    const answer = await person.api("POST", "/session", { json: { email: person.email, password: PASSWORD }, headers: told });
    assert.equal(answer.status, 401, host);
    assert.match(answer.json().message, /HTTPS/);
    assert.equal((await person.api("GET", "/keys", { headers: { host } })).status, 401, `a session at ${host}`);
  }
});

test("every page and answer carries the headers that keep it to itself", async () => {
  const page = await person.send("GET", "/");
  const policy = page.headers["content-security-policy"];
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) {
    assert.ok(policy.includes(part), part);
  }
  assert.ok(!/unsafe|http:|https:|\*|data:/.test(policy), policy);
  assert.equal(page.headers["cache-control"], "no-store");
  const files = [...page.text.matchAll(/(?:src|href)="([^"#]+)"/g)].map((found) => found[1]);
  assert.ok(files.length >= 3, files.join(" "));
  for (const route of ["/", ...files, ...READS]) {
    const answer = await person.send("GET", route);
    assert.equal(answer.status, 200, route);
    assert.equal(answer.headers["x-content-type-options"], "nosniff", route);
    assert.equal(answer.headers["x-frame-options"], "DENY", route);
    assert.equal(answer.headers["referrer-policy"], "no-referrer", route);
    assert.equal(answer.headers["cross-origin-resource-policy"], "same-origin", route);
    if (!READS.includes(route)) continue;
    assert.equal(answer.headers["cache-control"], "no-store", route);
    assert.match(answer.headers["content-security-policy"], /default-src 'none'.*sandbox/, route);
  }
  for (const route of ["/console/files/0000000000000000/js/console.js", "/console/files/../../etc/passwd", files[0].replace("icon.svg", "..%2f..%2fCargo.toml")]) {
    assert.equal((await person.send("GET", route)).status, 404, route);
  }
});

test("a stored file is shown as a picture or not at all", async () => {
  const id = await person.upload("cat.png");
  const answer = await person.api("GET", `/assets/${id}/picture`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "image/png");
  assert.deepEqual(answer.bytes, picture("cat.png"));
  assert.equal(answer.headers["x-content-type-options"], "nosniff");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.match(answer.headers["content-security-policy"], /default-src 'none'.*sandbox/);
  for (const hostile of ["<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "<!doctype html><script>alert(1)</script>", "GIF89a/*<script>alert(1)</script>*/"]) {
    const refused = await person.send("POST", "/v1.3/assets", formOf({ method: "direct" }, { name: "x.png", bytes: Buffer.from(hostile) }));
    assert.equal(refused.status, 400, hostile);
  }
  // A picture with markup behind its end stays a picture.
  const polyglot = await person.upload("polyglot.png", Buffer.concat([picture("red_square.png"), Buffer.from("<script>alert(1)</script>")])).catch(() => null);
  if (polyglot) assert.equal((await person.api("GET", `/assets/${polyglot}/picture`)).headers["content-type"], "image/png");
  assert.equal((await person.api("GET", "/assets/0123456789abcdef01234567/picture")).status, 404);
  assert.equal((await server.request("GET", `/console/api/assets/${id}/picture`)).status, 401);
});

test("a small picture is a JPEG of our own, kept by the browser and asked for each time", async () => {
  const big = await person.upload("polyglot.png", Buffer.concat([picture("cat.png"), Buffer.from("<script>alert(1)</script>")]));
  const route = `/assets/${big}/thumbnail`;
  const first = await person.api("GET", route);
  assert.equal(first.status, 200, first.text);
  assert.equal(first.headers["content-type"], "image/jpeg");
  assert.equal(first.headers["x-content-type-options"], "nosniff");
  assert.equal(first.headers["cache-control"], "private, no-cache");
  assert.deepEqual([...first.bytes.subarray(0, 3), ...first.bytes.subarray(-2)], [0xff, 0xd8, 0xff, 0xff, 0xd9]);
  assert.ok(!first.bytes.includes("script"));
  const again = await person.api("GET", route);
  assert.deepEqual(again.bytes, first.bytes, "the one that was kept");
  const headers = { "if-none-match": first.headers.etag };
  const known = await person.api("GET", route, { headers });
  assert.deepEqual([known.status, known.bytes.length], [304, 0]);
  assert.equal((await server.request("GET", `/console/api${route}`, { headers })).status, 401, "not without a session");
  await person.send("DELETE", `/v1.3/assets/${big}`);
  assert.equal((await person.api("GET", route, { headers })).status, 404, "gone with its asset");
});

test("an API key opens nothing of the console's own API", async () => {
  const headers = { "x-api-key": server.firstKey };
  assert.equal((await server.request("GET", "/v1.3/assets", { headers })).status, 200);
  for (const route of ["/console/api/keys", "/console/api/usage", "/console/api/vectors", "/console/api/members"]) {
    assert.equal((await server.request("GET", route, { headers })).status, 401, route);
  }
});

test("hostile names are shown as what they are, wherever they are shown", async () => {
  const hostile = `<img src=x onerror="window.ran=1">"'&lt;`;
  await person.createKey(hostile);
  const id = await person.upload(`${hostile.replaceAll('"', "%22")}.png`, picture("cat.png"));
  const metadata = { user_metadata: { [hostile]: "<script>window.ran=1</script>" } };
  assert.ok((await person.send("PATCH", `/v1.3/assets/${id}/user-metadata`, { json: metadata })).status < 300);
  await person.embedText(hostile);
  const browser = await startBrowser();
  try {
    const page = await openPage(browser, server, { person });
    await goTo(page, server, "keys", "API keys");
    await page.getByRole("cell", { name: hostile, exact: true }).waitFor();
    await page.getByRole("button", { name: `Revoke the key ${hostile}` }).click();
    await page.getByRole("dialog").getByText(hostile).waitFor();
    await page.keyboard.press("Escape");
    await goTo(page, server, "assets", "Assets");
    await page.getByRole("button", { name: /onerror/ }).first().click();
    await page.getByRole("dialog").getByText("<script>window.ran=1</script>").waitFor();
    await page.keyboard.press("Escape");
    await goTo(page, server, "playground", "Playground");
    await page.getByRole("combobox", { name: "Text" }).fill(`${hostile} <@nobody>`);
    await page.getByRole("button", { name: "Embed", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: "nobody" }).waitFor();
    for (const hash of ["#/set-up/<img src=x onerror=window.ran=1>", "#/search?asset=<script>", "#//evil.example", "#/javascript:alert(1)", "#/constructor", "#/__proto__"]) {
      await page.goto(`${server.url}/${hash}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      assert.ok(page.url().startsWith(`${server.url}/`), page.url());
    }
    assert.equal(await page.evaluate(() => globalThis.ran), undefined);
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
  }
});

test("another site can neither frame the console nor send it anything, in a real browser", async () => {
  const before = (await person.api("GET", "/keys")).json().keys.length;
  const body = JSON.stringify({ name: "forged", expires_at: null });
  const site = http.createServer((request, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end(`<iframe src="${server.url}/"></iframe><form method="post" action="${server.url}/console/api/keys" enctype="text/plain"><input name='${body.slice(0, -1)},"' value='"}'></form><script>
      fetch("${server.url}/console/api/keys", {method: "POST", mode: "no-cors", credentials: "include", body: ${JSON.stringify(body)}}).catch(() => {}).then(() =>
      fetch("${server.url}/console/api/keys", {credentials: "include"}).then(() => document.title = "read", () => document.title = "refused"));
    </script>`);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const browser = await startBrowser();
  try {
    // The same host on another port: the cookie is sent, so only the origin tells them apart.
    const page = await openPage(browser, server, { person });
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    await page.waitForFunction(() => document.title);
    assert.equal(await page.title(), "refused");
    const framed = page.frames().find((frame) => frame !== page.mainFrame());
    assert.equal(await framed.locator("#app").count(), 0);
    await page.evaluate(() => document.forms[0].submit());
    await page.waitForURL(/console\/api\/keys/);
    assert.match(await page.textContent("body"), /cross_site_refused/);
    assert.equal((await person.api("GET", "/keys")).json().keys.length, before);
  } finally {
    await browser.close();
    site.close();
  }
});
