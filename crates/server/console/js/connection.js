// Whether the server answers. While it does not, it is asked again and again, and pages are told
// when it is back.

const ASK_EVERY_MS = 1_500;

let isSilent = false;
const listeners = new Set();

/** Calls `listener(isSilent)` at each change, until `signal`. */
export function onConnectionChange(listener, signal) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener));
}

/** A request got no answer. */
export function noteSilence() {
  if (isSilent) return;
  isSilent = true;
  tell();
  setTimeout(ask, ASK_EVERY_MS);
}

/** A request got an answer. */
export function noteAnswer() {
  if (!isSilent) return;
  isSilent = false;
  tell();
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

function tell() {
  for (const listener of [...listeners]) listener(isSilent);
}

window.addEventListener("offline", noteSilence);
