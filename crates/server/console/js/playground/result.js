// One vector and what is known of it.

import { h } from "../dom.js";
import { norm } from "../math/similarity.js";
import { copyButton, codeBlock } from "../parts/copy.js";
import { tabs } from "../parts/tabs.js";
import { strip } from "../plot/strip.js";

let language = 0;

/** The outcome of an input: `{vector, usage, space, milliseconds, timing, code}`. */
export function resultView(outcome) {
  const { vector, code } = outcome;
  const languages = [
    ["curl", () => codeBlock("curl", code.curl)],
    ["Python", () => codeBlock("Python", code.python)],
    ["Node", () => codeBlock("Node", code.node)],
  ];
  return h("div.stack", { role: "group", "aria-label": "Result" },
    strip(vector),
    h("dl.facts", {}, facts(outcome).map(([name, value, hint]) => h("div", { title: hint ?? "" }, h("dt", {}, name), h("dd", {}, value)))),
    h("details", {}, h("summary", {}, "This request in a program"),
      tabs("Language", languages, { chosen: language, choose: (at) => {
        language = at;
      } })),
    h("div", {}, copyButton("Copy vector", () => JSON.stringify(vector))));
}

function facts({ vector, usage, space, milliseconds, timing }) {
  return [
    ["Values", String(vector.length)],
    ["Norm", norm(vector).toFixed(4)],
    ["Time", `${milliseconds.toFixed(0)} ms`, timing],
    ["Tokens", tokens(usage)],
    ["Space", h("code", {}, space ?? "unknown"), "Vectors can be compared only where this is the same."],
  ];
}

function tokens(usage) {
  if (!usage) return "not told by this model name";
  const { text, image } = usage.input_tokens ?? {};
  return [text && `${text} text`, image && `${image} picture`].filter(Boolean).join(", ") || "0";
}
