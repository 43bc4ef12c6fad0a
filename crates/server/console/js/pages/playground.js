// The playground: inputs side by side, their vectors, and how near these are to each other.

import { EXAMPLES, fileOf, picturesOf } from "../examples.js";
import { fill, h } from "../dom.js";
import { notifyFault } from "../notices.js";
import { field } from "../parts/field.js";
import { pageHead } from "../parts/page_head.js";
import { inputCard } from "../playground/card.js";
import { comparison } from "../playground/comparison.js";
import { embedded, remember } from "../playground/history.js";
import { TITLES } from "../titles.js";

/** The page as it was left: inputs are not lost by a look at another page. */
let kept;

export function show({ situation }) {
  const served = JSON.stringify([situation.models, situation.base_url, situation.image_bytes_max]);
  if (kept?.served !== served) kept = { served, element: build(situation) };
  return kept.element;
}

function build(situation) {
  const { element: controls, settings } = modelControls(situation.models);
  const bench = inputsBeside(situation, settings);
  const load = async (set) => {
    try {
      const files = await Promise.all(set.inputs.map(({ pictures }) => Promise.all(pictures.map(fileOf))));
      bench.replace(set.inputs.map(({ text }, at) => ({ text, files: files[at] })));
      await bench.runAll();
    } catch (error) {
      notifyFault(error);
    }
  };
  return h("div.page", {},
    pageHead(TITLES.playground, "A text, pictures, or a text that names its pictures become one vector. Put several side by side to see how near they are."),
    exampleSets(load),
    h("div.controls", {}, controls,
      h("button.button", { type: "button", onclick: () => bench.add().made.area.focus() }, "Add an input"),
      h("button.button", { type: "button", onclick: bench.runAll }, "Embed all")),
    bench.inputs, bench.results);
}

/** The inputs, at least one, and what is seen between their vectors. */
function inputsBeside(situation, settings) {
  const cards = [];
  const inputs = h("div.inputs");
  const results = h("div.results");
  const compare = () => fill(results, comparison(cards.map(({ outcome }) => outcome).filter(Boolean), embedded()));
  const settled = (outcome) => {
    remember(outcome);
    compare();
  };
  const number = () => cards.forEach((card, at) => card.number(at + 1));
  const remove = (card) => {
    cards.splice(cards.indexOf(card), 1);
    card.discard();
    if (!cards.length) add();
    number();
    compare();
    cards[0].made.area.focus();
  };
  const add = () => {
    const card = inputCard({ situation, settings, settled, unsettled: compare, remove });
    cards.push(card);
    inputs.append(card.element);
    number();
    return card;
  };
  const replace = (wanted) => {
    cards.splice(0).forEach((card) => card.discard());
    wanted.forEach(({ text, files }) => {
      const { made } = add();
      made.addFiles(files);
      made.setText(text);
    });
  };
  const runAll = () => Promise.all(cards.map((card) => card.run()));
  add();
  return { inputs, results, add, replace, runAll };
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
