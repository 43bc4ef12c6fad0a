// Where it begins: who is signed in, which page the address names, and going from one to the other.

import { SESSION_ENDED, session } from "./api.js";
import { onConnectionChange } from "./connection.js";
import { fill, h } from "./dom.js";
import { frame, gate } from "./frame.js";
import { notify } from "./notices.js";
import { failed, loading } from "./states.js";
import { startTheme } from "./theme.js";

const PAGES = {
  playground: () => import("./pages/playground.js"),
  search: () => import("./pages/search.js"),
  assets: () => import("./pages/assets.js"),
  keys: () => import("./pages/keys.js"),
  usage: () => import("./pages/usage.js"),
  account: () => import("./pages/account.js"),
};
const FIRST_PAGE = "playground";
const JOIN_PAGES = new Set(["set-up", "join"]);

const app = document.getElementById("app");
let situation;
let current;
let leaving = new AbortController();

/** `#/assets/x?y=z` as `{name, rest, query}`. */
function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  return { name: name || FIRST_PAGE, rest, query: new URLSearchParams(query) };
}

/** Asks who is signed in, and shows what follows from that. */
async function start() {
  // The page's own parts come while the server answers; a fault of theirs is told when they are used.
  PAGES[address().name]?.().catch(() => {});
  try {
    situation = await session.show();
  } catch (error) {
    fill(app, gate("onespace", undefined, failed(error, start)));
    onConnectionChange((isSilent) => !isSilent && start(), leaving.signal);
    return;
  }
  current = undefined;
  await route();
}

async function route() {
  leaving.abort();
  leaving = new AbortController();
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  const where = address();
  if (JOIN_PAGES.has(where.name)) return showGate("join", where);
  if (!situation.user) return showGate("sign_in", where);
  current ??= openFrame();
  await showPage(where);
}

function openFrame() {
  const opened = frame(situation.user, signOut);
  fill(app, opened.element);
  return opened;
}

async function showGate(name, where) {
  current = undefined;
  const page = await import(`./pages/${name}.js`);
  if (leaving.signal.aborted) return;
  fill(app, await page.show({ situation, where, gate, enter, signal: leaving.signal }));
  app.querySelector("input")?.focus();
}

/** Goes on as the person who has just signed in. */
async function enter() {
  const where = address();
  if (JOIN_PAGES.has(where.name)) history.replaceState(null, "", "#/");
  await start();
}

async function showPage(where) {
  const name = PAGES[where.name] ? where.name : FIRST_PAGE;
  const { signal } = leaving;
  const waiting = setTimeout(() => current.show(name, "Loading", loading()), 120);
  try {
    const page = await PAGES[name]();
    if (signal.aborted) return;
    current.show(name, page.title, page.show({ situation, where, signal }));
  } catch (error) {
    if (signal.aborted) return;
    const newer = "A part of the console could not be loaded. Reload the page: the server may be a newer one.";
    current.show(name, "Fault", failed(new Error(error instanceof TypeError ? newer : error.message), () => location.reload()));
  } finally {
    clearTimeout(waiting);
  }
  if (!signal.aborted) {
    scrollTo(0, 0);
    current.main.querySelector("h1")?.setAttribute("tabindex", "-1");
    if (document.activeElement !== document.body) current.main.querySelector("h1")?.focus({ preventScroll: true });
  }
}

async function signOut() {
  try {
    await session.end();
  } catch (error) {
    return notify(error.message, { kind: "bad" });
  }
  location.hash = "#/";
  await start();
}

window.addEventListener("hashchange", route);
window.addEventListener(SESSION_ENDED, () => {
  if (!situation?.user) return;
  situation.user = null;
  current = undefined;
  route().then(() => notify("Your session has ended. Sign in again."));
});
startTheme();
fill(app, h("p.boot", {}, "onespace"));
start();
