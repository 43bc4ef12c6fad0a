// Runs of one input, of which only the latest is seen.

import { embed, isCancelled } from "../api.js";
import { inLanguages } from "../compose/request_code.js";
import { bodyOf, contentOf, isEmpty, kindOf, labelOf, planned } from "../compose/request.js";
import { fill, h } from "../dom.js";
import { busy } from "../states.js";

/**
 * Runs `input`, showing in `place` how far it is; `done(outcome)` shows the outcome. Gives `run()`,
 * `stop()` and `noteChange()`, to be called when the input changes: a vector of what the input was
 * is not its vector.
 */
export function runsOf(input, place, { situation, settings, done }) {
  let running;
  let changes = 0;
  const say = (kind, text) => fill(place, h(`p.${kind}`, kind === "fault-box" ? { role: "alert" } : {}, text));
  const stop = () => {
    running?.abort();
    running = undefined;
  };
  const run = async () => {
    stop();
    if (isEmpty(input)) return say("fault-box", "Write a text or add a picture first.");
    const own = (running = new AbortController());
    const changesBefore = changes;
    fill(place, busy("Embedding…", () => own.abort()));
    place.classList.remove("quiet");
    try {
      const outcome = await outcomeOf(input, settings(), situation, own.signal);
      if (running !== own) return;
      if (changes === changesBefore) done(outcome);
      else say("quiet", "The input has changed meanwhile. Embed it again.");
    } catch (error) {
      // A later run shows its own state.
      if (running !== own) return;
      if (isCancelled(error)) say("quiet", "Cancelled.");
      else say("fault-box", error.message);
    }
  };
  const noteChange = () => {
    changes += 1;
    place.classList.add("quiet");
  };
  return { run, stop, noteChange };
}

async function outcomeOf(input, { model, dimension }, situation, signal) {
  // Names may change while the request is under way.
  const frozen = { text: input.text, pictures: input.pictures.map((picture) => Object.assign(Object.create(picture), { name: picture.name })) };
  const plan = planned(frozen, model, dimension);
  const code = await inLanguages(plan, situation.base_url);
  const answer = await embed(await bodyOf(plan), signal);
  return { ...answer, code, label: labelOf(frozen), kind: kindOf(frozen), content: contentOf(frozen) };
}
