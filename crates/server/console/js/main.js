// Where it begins: who is signed in, which page the address names, and going from one to the other.

import { broughtSituation, session } from "./api.js";
import { abandonRemovals, finishRemovals } from "./assets/removal.js";
import { uploadQueue } from "./assets/uploads.js";
import { offlineBand, onConnectionChange } from "./connection.js";
import { fill } from "./dom.js";
import { counted } from "./format.js";
import { frame, gate } from "./frame.js";
import { noticeArea, notify } from "./notices.js";
import { belongTo, hasOwner, isBeingLeft, isPageOf, loadAgain, takeFarewell } from "./ownership.js";
import * as account from "./pages/account.js";
import * as assets from "./pages/assets.js";
import * as join from "./pages/join.js";
import * as keys from "./pages/keys.js";
import * as playground from "./pages/playground.js";
import * as search from "./pages/search.js";
import * as signIn from "./pages/sign_in.js";
import * as usage from "./pages/usage.js";
import { confirmed } from "./parts/dialog.js";
import { refuseStrayDrops } from "./parts/drops.js";
import { announceChange, watchSession } from "./session_watch.js";
import { failed } from "./states.js";
import { startTheme } from "./theme.js";

const PAGES = { playground, search, assets, keys, usage, account };
const FIRST_PAGE = "playground";
const JOIN_PAGES = new Set(["set-up", "join", "reset"]);

const app = document.getElementById("app");
let situation;
let current;
/** The uploads of the page's owner: they go on while other pages are shown. */
let uploads;
let leaving = new AbortController();
let latestStart = 0;

/** `#/assets/x?y=z` as `{name, rest, query}`. */
function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  return { name: name || FIRST_PAGE, rest, query: new URLSearchParams(query) };
}

/** Ends what the page that is shown has under way. */
function leave() {
  leaving.abort();
  leaving = new AbortController();
}

/** Asks who is signed in, and goes on as them. */
async function start() {
  const own = (latestStart += 1);
  leave();
  let found;
  try {
    found = await session.show();
  } catch (error) {
    if (own === latestStart) showSilence(error);
    return;
  }
  if (own === latestStart) await goOn(found);
}

/** Shows what follows from `found`, which says who is signed in. */
async function goOn(found) {
  if (!isPageOf(found.user)) return loadAgain();
  situation = found;
  if (situation.user) belongTo(situation.user);
  current = undefined;
  await route();
}

function showSilence(error) {
  fill(app, gate("onespace", undefined, failed(error, start)));
  onConnectionChange((isSilent) => !isSilent && start(), leaving.signal);
}

async function route() {
  if (!situation || isBeingLeft()) return;
  leave();
  document.querySelectorAll("dialog[open]:not(.lasting)").forEach((dialog) => dialog.close());
  const where = address();
  if (JOIN_PAGES.has(where.name)) return showGate(join, where);
  if (!situation.user) return showGate(signIn, where);
  current ??= openFrame();
  showPage(where);
}

function openFrame() {
  const opened = frame(situation.user, signOut);
  uploads ??= uploadQueue(situation.image_bytes_max);
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
  announceChange();
  await start();
}

function showPage(where) {
  const name = Object.hasOwn(PAGES, where.name) ? where.name : FIRST_PAGE;
  current.show(name, PAGES[name].show({ situation, where, uploads, signal: leaving.signal }));
  scrollTo(0, 0);
  current.main.querySelector("h1")?.setAttribute("tabindex", "-1");
  if (document.activeElement !== document.body) current.main.querySelector("h1")?.focus({ preventScroll: true });
}

async function signOut() {
  const unfinished = uploads.unfinished();
  const text = `${counted(unfinished, "upload")} will not be finished.`;
  if (unfinished && !(await confirmed("Sign out now?", text, "Sign out"))) return;
  try {
    await finishRemovals();
    await session.end();
  } catch (error) {
    if (!isBeingLeft()) notify(error.message, { kind: "bad" });
    return;
  }
  announceChange();
  history.replaceState(null, "", "#/");
  loadAgain();
}

/** The session of the page's owner is over: ended, or another's has taken its place. */
function ended() {
  if (hasOwner()) loadAgain({ notDeleted: abandonRemovals() });
}

function seen(user) {
  if (!situation) return;
  if (!isPageOf(user)) ended();
  else if (user && !hasOwner() && !JOIN_PAGES.has(address().name)) start();
}

function tellFarewell() {
  const farewell = takeFarewell();
  if (!farewell) return;
  const { user } = situation;
  const kept = farewell.notDeleted.length ? ` Not deleted: ${farewell.notDeleted.join(", ")}.` : "";
  notify((user ? `This browser is now signed in as ${user.email}.` : "Your session has ended. Sign in again.") + kept);
}

document.body.prepend(offlineBand);
document.body.append(noticeArea);
window.addEventListener("hashchange", route);
watchSession({ ended, seen });
refuseStrayDrops();
startTheme();
const brought = broughtSituation();
(brought ? goOn(brought) : start()).then(() => situation && tellFarewell());
