// One input of the playground: where it is made, run, and shown.

import { embed, isCancelled } from "../api.js";
import { composer } from "../compose/composer.js";
import { inLanguages } from "../compose/request_code.js";
import { bodyOf, isEmpty, kindOf, labelOf, planned } from "../compose/request.js";
import { fill, h } from "../dom.js";
import { speak } from "../notices.js";
import { busy } from "../states.js";
import { resultView } from "./result.js";

/**
 * A card. `settings()` gives `{model, dimension}`; `ran()` is called after each run, `remove(card)`
 * when it is to go. A card's `outcome` is that of its latest run, while the input is unchanged.
 */
export function inputCard({ situation, settings, ran, remove, signal }) {
  const place = h("div", { "aria-live": "polite" });
  const heading = h("h2");
  let running;
  const made = composer({
    label: "Text", placeholder: "Write, and name pictures with @",
    actions: [h("span.quiet.small.wide-only", {}, "Ctrl + Enter"), h("button.button.primary.small", { type: "button", onclick: () => run() }, "Embed")],
    picturesMax: 10, bytesMax: situation.image_bytes_max,
    changed: () => {
      card.outcome = undefined;
      place.classList.toggle("quiet", true);
    },
  });
  const run = async () => {
    running?.abort();
    if (isEmpty(made.input)) return fill(place, h("p.fault-box", { role: "alert" }, "Write a text or add a picture first."));
    running = new AbortController();
    const own = running;
    const cancel = () => own.abort();
    signal.addEventListener("abort", cancel, { signal: own.signal });
    fill(place, busy("Embedding…", cancel));
    place.classList.remove("quiet");
    try {
      card.outcome = await outcomeOf(made.input, settings(), situation, own.signal);
      fill(place, resultView(card.outcome));
      speak(`${heading.textContent}: ${card.outcome.vector.length} values.`);
      ran(card.outcome);
    } catch (error) {
      fill(place, isCancelled(error) ? h("p.quiet", {}, "Cancelled.") : h("p.fault-box", { role: "alert" }, error.message));
    }
  };
  made.area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
  const removal = h("button.button.small.plain", { type: "button", onclick: () => remove(card) }, "Remove");
  const element = h("section.card", {},
    h("div.input-head", {}, heading, removal),
    made.element,
    place);
  const card = { element, run, made, outcome: undefined, number: (number) => {
    heading.textContent = `Input ${number}`;
    element.setAttribute("aria-label", `Input ${number}`);
    removal.setAttribute("aria-label", `Remove input ${number}`);
  } };
  return card;
}

async function outcomeOf(input, { model, dimension }, situation, signal) {
  // Names may change while the request is under way.
  const frozen = { text: input.text, pictures: input.pictures.map((picture) => Object.assign(Object.create(picture), { name: picture.name })) };
  const plan = planned(frozen, model, dimension);
  const code = await inLanguages(plan, situation.base_url);
  const answer = await embed(await bodyOf(plan), signal);
  return { ...answer, code, label: labelOf(frozen), kind: kindOf(frozen) };
}
