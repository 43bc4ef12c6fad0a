// The playground: inputs side by side, their vectors, and how near these are to each other.

import { EXAMPLES, fileOf, picturesOf } from "../examples.js";
import { fill, h } from "../dom.js";
import { notifyFault } from "../notices.js";
import { field } from "../parts/field.js";
import { inputCard } from "../playground/card.js";
import { comparison } from "../playground/comparison.js";

export const title = "Playground";

/** Everything embedded since the page was loaded, oldest first. */
const session = [];
const SESSION_MAX = 200;

export function show({ situation, signal }) {
  const cards = [];
  const inputs = h("div.inputs");
  const results = h("div.results");
  const { element: controls, settings } = modelControls(situation.models);
  const compare = () => fill(results, comparison(cards.map(({ outcome }) => outcome).filter(Boolean), session));
  const ran = (outcome) => {
    const again = session.findIndex((one) => one.label === outcome.label && one.kind === outcome.kind && one.space === outcome.space && one.vector.length === outcome.vector.length);
    if (again >= 0) session.splice(again, 1);
    session.push(outcome);
    if (session.length > SESSION_MAX) session.shift();
    compare();
  };
  const number = () => cards.forEach((card, at) => card.number(at + 1));
  const remove = (card) => {
    cards.splice(cards.indexOf(card), 1);
    card.element.remove();
    if (!cards.length) add();
    number();
    compare();
    cards[0].made.area.focus();
  };
  const add = () => {
    const card = inputCard({ situation, settings, ran, remove, signal });
    cards.push(card);
    inputs.append(card.element);
    number();
    return card;
  };
  const runAll = () => Promise.all(cards.map((card) => card.run()));
  const load = async (set) => {
    try {
      const files = await Promise.all(set.inputs.map(({ pictures }) => Promise.all(pictures.map(fileOf))));
      cards.splice(0).forEach((card) => card.element.remove());
      set.inputs.forEach(({ text }, at) => {
        const card = add();
        card.made.addFiles(files[at]);
        card.made.setText(text);
      });
      await runAll();
    } catch (error) {
      notifyFault(error);
    }
  };
  add();
  return h("div.page", {},
    h("header.page-head", {}, h("h1", {}, "Playground"),
      h("p", {}, "A text, pictures, or a text that names its pictures become one vector. Put several side by side to see how near they are.")),
    exampleSets(load),
    h("div.controls", {}, controls,
      h("button.button", { type: "button", onclick: () => add().made.area.focus() }, "Add an input"),
      h("button.button", { type: "button", onclick: runAll }, "Embed all")),
    inputs, results);
}

function modelControls(models) {
  const model = field("Model", h("select", {}, models.map(({ name }) => h("option", { value: name }, name))));
  const dimension = field("Values", h("select"));
  const chosen = () => models.find(({ name }) => name === model.control.value);
  const offer = () => {
    const sizes = [...chosen().dimensions].reverse();
    fill(dimension.control, sizes.map((size) => h("option", { value: size }, String(size))));
    dimension.control.disabled = sizes.length < 2;
  };
  // The model's own name takes everything.
  const own = models.find(({ takes_dimension: takes, input_types: types }) => takes && types.length > 1) ?? models[0];
  model.control.value = own.name;
  model.control.addEventListener("change", offer);
  offer();
  const settings = () => ({ model: chosen(), dimension: Number(dimension.control.value) });
  return { element: [model.element, dimension.element], settings };
}

function exampleSets(load) {
  return h("div.sets", { role: "group", "aria-label": "Examples to try" }, EXAMPLES.map((set) => h("button.set", { type: "button", onclick: () => load(set) },
    h("span.pictures", {}, picturesOf(set).map(({ name, address }) => h("img", { src: address, alt: name.replace(/\.[^.]*$/, ""), width: 38, height: 38 }))),
    h("strong", {}, set.title), h("span.quiet.small", {}, set.text))));
}
