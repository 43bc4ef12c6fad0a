// Where it begins: who is signed in, which page the address names, and going from one to the other.

import { SESSION_ENDED, session } from "./api.js";
import { onConnectionChange } from "./connection.js";
import { fill } from "./dom.js";
import { frame, gate } from "./frame.js";
import { notify } from "./notices.js";
import * as account from "./pages/account.js";
import * as assets from "./pages/assets.js";
import * as join from "./pages/join.js";
import * as keys from "./pages/keys.js";
import * as playground from "./pages/playground.js";
import * as search from "./pages/search.js";
import * as signIn from "./pages/sign_in.js";
import * as usage from "./pages/usage.js";
import { failed } from "./states.js";
import { startTheme } from "./theme.js";

const PAGES = { playground, search, assets, keys, usage, account };
const FIRST_PAGE = "playground";
const JOIN_PAGES = new Set(["set-up", "join", "reset"]);

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
  if (JOIN_PAGES.has(where.name)) return showGate(join, where);
  if (!situation.user) return showGate(signIn, where);
  current ??= openFrame();
  showPage(where);
}

function openFrame() {
  const opened = frame(situation.user, signOut);
  fill(app, opened.element);
  return opened;
}

async function showGate(page, where) {
  current = undefined;
  const { signal } = leaving;
  const element = await page.show({ situation, where, gate, enter, signal });
  if (signal.aborted) return;
  fill(app, element);
  app.querySelector("input")?.focus();
}

/** Goes on as the person who has just signed in. */
async function enter() {
  const where = address();
  if (JOIN_PAGES.has(where.name)) history.replaceState(null, "", "#/");
  await start();
}

function showPage(where) {
  const name = Object.hasOwn(PAGES, where.name) ? where.name : FIRST_PAGE;
  const page = PAGES[name];
  current.show(name, page.title, page.show({ situation, where, signal: leaving.signal }));
  scrollTo(0, 0);
  current.main.querySelector("h1")?.setAttribute("tabindex", "-1");
  if (document.activeElement !== document.body) current.main.querySelector("h1")?.focus({ preventScroll: true });
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
start();
