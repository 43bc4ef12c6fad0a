// Requests: to the public API (the session stands in for a key) and to the console's own.

import { noteAnswer, noteSilence } from "./connection.js";
import { ownerHeaders } from "./ownership.js";

/** The server refused, in its own words. */
export class Refusal extends Error {
  constructor(status, code, message, retryAfterS) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** The server did not answer at all. */
export class Silence extends Error {
  constructor() {
    super("The server does not answer. It may be stopped, or the network may be down.");
  }
}

/** The one refusal with status 401 that does not mean that the session is over. */
const WRONG_PASSWORD = "sign_in_refused";
const UNAUTHENTICATED = 401;

export const SESSION_ENDED = "onespace-session-ended";

/** Whether an error only says that something was cancelled. */
export const isCancelled = (error) => error?.name === "AbortError";

/** Sends a request and gives its answer; throws `Refusal`, `Silence` or an `AbortError`. */
export async function send(method, path, { json, body, signal } = {}) {
  const headers = { ...ownerHeaders(), ...(json !== undefined && { "content-type": "application/json" }) };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: json === undefined ? body : JSON.stringify(json), signal });
  } catch (error) {
    if (isCancelled(error)) throw error;
    noteSilence();
    throw new Silence();
  }
  noteAnswer();
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** The JSON of an answer, or `null` where it has none. */
export async function call(method, path, options) {
  const answer = await send(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

async function refusal(answer) {
  const told = await answer.json().catch(() => ({}));
  return refusalOf(answer.status, told, Number(answer.headers.get("retry-after")) || undefined);
}

/** The refusal that a status and a body of the server mean. */
export function refusalOf(status, told, retryAfterS) {
  if (status === UNAUTHENTICATED && told.code !== WRONG_PASSWORD) window.dispatchEvent(new Event(SESSION_ENDED));
  const message = told.message ?? `The server answered with status ${status}.`;
  return new Refusal(status, told.code ?? "unknown", message, retryAfterS);
}

const own = (path) => `/console/api${path}`;
const open = (path) => `/v1.3${path}`;

export const session = {
  show: (signal) => call("GET", own("/session"), { signal }),
  start: (email, password) => call("POST", own("/session"), { json: { email, password } }),
  end: () => call("DELETE", own("/session")),
};

/** What the page itself brought of `session.show()`: how it was when the page was loaded. */
export function broughtSituation() {
  const element = document.getElementById("situation");
  return element && JSON.parse(element.textContent);
}

export const users = {
  create: (json) => call("POST", own("/users"), { json }),
  examineLink: (link) => call("POST", own("/links"), { json: { link } }),
  changePassword: (current, replacement) => call("POST", own("/password"), { json: { current, new: replacement } }),
  resetPassword: (link, password) => call("POST", own("/password-resets"), { json: { link, password } }),
  invite: () => call("POST", own("/invitations")),
};

export const members = {
  list: (signal) => call("GET", own("/members"), { signal }),
  issueReset: (id) => call("POST", own(`/members/${id}/password-reset`)),
  close: (id) => call("DELETE", own(`/members/${id}`)),
};

export const keys = {
  list: (signal) => call("GET", own("/keys"), { signal }),
  create: (name, expiresAt) => call("POST", own("/keys"), { json: { name, expires_at: expiresAt } }),
  revoke: (id) => call("DELETE", own(`/keys/${encodeURIComponent(id)}`)),
};

export const usage = {
  show: (days, signal) => call("GET", own(`/usage?days=${days}`), { signal }),
  csvAddress: (days) => own(`/usage.csv?days=${days}`),
};

export const vectors = {
  coverage: (signal) => call("GET", own("/vectors"), { signal }),
  /** `failedToo`: also of pictures that failed a short while ago, which are passed over otherwise. */
  compute: (failedToo, signal) => call("POST", own(`/vectors?failed_too=${failedToo}`), { signal }),
  search: (json, signal) => call("POST", own("/search"), { json, signal }),
};

export const assets = {
  list: ({ page = 1, limit = 24, filename = "" }, signal) => {
    const query = new URLSearchParams({ page, page_limit: limit, ...(filename && { filename }) });
    return call("GET", open(`/assets?${query}`), { signal });
  },
  one: (id, signal) => call("GET", open(`/assets/${id}`), { signal }),
  remove: (id) => call("DELETE", open(`/assets/${id}`)),
  /** Deletes even while the page is being left. */
  removeLeaving: (id) => void fetch(open(`/assets/${id}`), { method: "DELETE", keepalive: true, headers: ownerHeaders() }).catch(() => {}),
  thumbnailAddress: (id) => own(`/assets/${id}/thumbnail`),
  pictureAddress: (id) => own(`/assets/${id}/picture`),
};

/** Embeds `json` as `POST /embed-v2`; gives the vector and what the answer says about it. */
export async function embed(json, signal) {
  const started = performance.now();
  const answer = await send("POST", open("/embed-v2"), { json, signal });
  const body = await answer.json();
  return {
    vector: body.data[0].embedding,
    usage: body.usage,
    space: answer.headers.get("x-onespace-space"),
    model: answer.headers.get("x-onespace-model"),
    timing: answer.headers.get("server-timing") ?? "",
    milliseconds: performance.now() - started,
  };
}
