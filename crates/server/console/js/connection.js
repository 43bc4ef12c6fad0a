// Whether the server answers. While it does not, it is asked again and again, and pages are told
// when it is back.

import { h } from "./dom.js";
import { listeners } from "./listeners.js";
import { speak } from "./notices.js";

const ASK_EVERY_MS = 1_500;

let isSilent = false;
const changes = listeners();

/** Calls `listener(isSilent)` at each change, until `signal`. */
export const onConnectionChange = changes.add;

/** A request got no answer. */
export function noteSilence() {
  if (isSilent) return;
  isSilent = true;
  changes.tell(isSilent);
  setTimeout(ask, ASK_EVERY_MS);
}

/** A request got an answer. */
export function noteAnswer() {
  if (!isSilent) return;
  isSilent = false;
  changes.tell(isSilent);
}

async function ask() {
  if (!isSilent) return;
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    if (answer.ok) return noteAnswer();
  } catch {
    // Still silent.
  }
  setTimeout(ask, ASK_EVERY_MS);
}

/** The band that says so; stands once in the page. */
export const offlineBand = h("div.offline", { role: "alert", hidden: true });

changes.add((silent) => {
  offlineBand.hidden = !silent;
  offlineBand.textContent = silent ? "The server does not answer. Trying again…" : "";
  if (!silent) speak("The server answers again.");
});

window.addEventListener("offline", noteSilence);
