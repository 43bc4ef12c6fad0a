// One input of the playground: where it is made, run, and shown.

import { composer } from "../compose/composer.js";
import { fill, h } from "../dom.js";
import { speak } from "../notices.js";
import { resultView } from "./result.js";
import { runsOf } from "./runs.js";

/**
 * A card. `settings()` gives `{model, dimension}`. A card's `outcome` is that of its input as it
 * stands, or undefined: `settled(outcome)` is called when it gets one, `unsettled()` when a change of
 * the input takes it away, and `remove(card)` when the card is to go.
 */
export function inputCard({ situation, settings, settled, unsettled, remove }) {
  const place = h("div", { "aria-live": "polite" });
  const heading = h("h2");
  const made = composer({
    label: "Text", placeholder: "Write, and name pictures with @",
    actions: [h("span.quiet.small.wide-only", {}, "Ctrl + Enter"), h("button.button.primary.small", { type: "button", onclick: () => runs.run() }, "Embed")],
    picturesMax: 10, bytesMax: situation.image_bytes_max,
    changed: () => {
      runs.noteChange();
      if (!card.outcome) return;
      card.outcome = undefined;
      unsettled();
    },
  });
  const done = (outcome) => {
    card.outcome = outcome;
    fill(place, resultView(outcome));
    speak(`${heading.textContent}: ${outcome.vector.length} values.`);
    settled(outcome);
  };
  const runs = runsOf(made.input, place, { situation, settings, done });
  made.area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) runs.run();
  });
  const removal = h("button.button.small.plain", { type: "button", onclick: () => remove(card) }, "Remove");
  const element = h("section.card", {}, h("div.input-head", {}, heading, removal), made.element, place);
  const discard = () => {
    runs.stop();
    made.release();
    element.remove();
  };
  const number = (at) => {
    heading.textContent = `Input ${at}`;
    element.setAttribute("aria-label", `Input ${at}`);
    removal.setAttribute("aria-label", `Remove input ${at}`);
  };
  const card = { element, made, outcome: undefined, run: runs.run, discard, number };
  return card;
}
