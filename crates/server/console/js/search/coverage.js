// How many pictures have a vector, and making the rest, a few at a time, until somebody stops it.

import { isCancelled, vectors } from "../api.js";
import { fill, h } from "../dom.js";
import { counted } from "../format.js";
import { failed } from "../states.js";

const BUSY_PAUSE_MS = 1_500;
const BUSY = 429;

/** `grew()` is called whenever more pictures can be found. */
export function coverageBar({ signal, grew }) {
  const element = h("div", { "aria-live": "polite" });
  let covered;
  let working;

  const missing = () => covered.pictures - covered.embedded - covered.unusable;
  const draw = () => fill(element, view());
  const view = () => {
    if (!covered?.pictures) return [];
    const unusable = covered.unusable > 0 && ` ${counted(covered.unusable, "picture")} cannot be embedded.`;
    if (!missing()) return h("p.quiet.small", {}, `${counted(covered.embedded, "picture")} can be found (space ${covered.space}).`, unusable);
    const button = working
      ? h("button.button.small", { type: "button", onclick: () => working.abort() }, "Stop")
      : h("button.button.small", { type: "button", onclick: run }, "Go on");
    return h("div.card", {},
      h("div.row.apart", {}, h("span", {}, `${covered.embedded} of ${counted(covered.pictures, "picture")} can be found.`, unusable), button),
      h("progress", { max: covered.pictures, value: covered.embedded + covered.unusable, "aria-label": "Pictures embedded" }));
  };
  const set = (fresh) => {
    const before = covered?.embedded;
    covered = fresh;
    draw();
    return before !== undefined && fresh.embedded > before;
  };
  const run = async () => {
    if (working || signal.aborted) return;
    working = new AbortController();
    const stop = () => working?.abort();
    signal.addEventListener("abort", stop);
    draw();
    try {
      while (missing() && !working.signal.aborted) {
        if (set(await patiently(working.signal))) grew();
      }
    } catch (error) {
      if (!isCancelled(error)) fill(element, failed(error, load));
      return;
    } finally {
      signal.removeEventListener("abort", stop);
      working = undefined;
    }
    draw();
  };
  const load = async () => {
    try {
      set(await vectors.coverage(signal));
      run();
    } catch (error) {
      if (!isCancelled(error)) fill(element, failed(error, load));
    }
  };
  return { element, set, load };
}

/** Asks for more vectors, and again when the server is busy. */
async function patiently(signal) {
  for (;;) {
    try {
      return await vectors.compute(signal);
    } catch (error) {
      if (error.status !== BUSY) throw error;
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
      signal.throwIfAborted();
    }
  }
}
