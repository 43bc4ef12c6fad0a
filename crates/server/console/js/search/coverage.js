// How many pictures have a vector, and making the rest, a few at a time, until somebody stops it.

import { isCancelled, vectors } from "../api.js";
import { fill, h } from "../dom.js";
import { counted } from "../format.js";
import { failed } from "../states.js";

const BUSY_PAUSE_MS = 1_500;
const BUSY = 429;
/** Answers in a row without any progress: another page may be making the same vectors, or nobody can. */
const IDLE_ANSWERS_MAX = 20;

/** `grew()` is called whenever more pictures can be found. */
export function coverageBar({ signal, grew }) {
  const element = h("div", { "aria-live": "polite" });
  let covered;
  let working;

  const missing = () => covered.pictures - settled(covered);
  const draw = () => fill(element, covered?.pictures ? view(covered, working, run) : []);
  const set = (fresh) => {
    const before = covered?.embedded;
    covered = fresh;
    draw();
    return before !== undefined && fresh.embedded > before;
  };
  const run = async ({ failedToo = false } = {}) => {
    if (working || signal.aborted) return;
    working = new AbortController();
    const stop = () => working?.abort();
    signal.addEventListener("abort", stop);
    draw();
    try {
      await computeAll(failedToo);
    } catch (error) {
      if (!isCancelled(error)) return fill(element, failed(error, load));
    } finally {
      signal.removeEventListener("abort", stop);
      working = undefined;
    }
    draw();
  };
  const computeAll = async (failedToo) => {
    let idle = 0;
    let first = failedToo;
    do {
      // What failed before is open again with the first answer, whatever that brings.
      const before = first ? -1 : settled(covered);
      if (set(await patiently(first, working.signal))) grew();
      first = false;
      idle = settled(covered) > before ? 0 : idle + 1;
      if (missing() <= 0 || covered.failed > 0 && idle > 0) return;
      if (idle > 0) await pause(working.signal);
    } while (idle < IDLE_ANSWERS_MAX && !working.signal.aborted);
  };
  const load = async () => {
    try {
      set(await vectors.coverage(signal));
      if (missing() > 0) run();
    } catch (error) {
      if (!isCancelled(error)) fill(element, failed(error, load));
    }
  };
  return { element, set, load };
}

function view(covered, working, run) {
  const button = (label, onclick) => h("button.button.small", { type: "button", onclick }, label);
  const notes = [
    covered.unusable > 0 && ` ${counted(covered.unusable, "picture")} cannot be embedded.`,
    covered.failed > 0 && ` ${counted(covered.failed, "picture")} failed this time.`,
  ];
  if (settled(covered) >= covered.pictures && !working) {
    return h("div.row", {},
      h("p.quiet.small", {}, `${counted(covered.embedded, "picture")} can be found (space ${covered.space}).`, notes),
      covered.failed > 0 && button("Try these again", () => run({ failedToo: true })));
  }
  return h("div.card", {},
    h("div.row.apart", {}, h("span", {}, `${covered.embedded} of ${counted(covered.pictures, "picture")} can be found.`, notes),
      working ? button("Stop", () => working.abort()) : button("Go on", () => run())),
    h("progress", { max: covered.pictures, value: settled(covered), "aria-label": "Pictures embedded" }));
}

/** Pictures of which it is known how they came out. */
const settled = ({ embedded, unusable, failed: failures }) => embedded + unusable + failures;

/** Asks for more vectors, and again when the server is busy. */
async function patiently(failedToo, signal) {
  for (;;) {
    try {
      return await vectors.compute(failedToo, signal);
    } catch (error) {
      if (error.status !== BUSY) throw error;
      await pause(signal);
    }
  }
}

async function pause(signal) {
  await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
  signal.throwIfAborted();
}
