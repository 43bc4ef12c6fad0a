// Similarities of every pair, as a table whose cells are coloured.

import { h } from "../dom.js";
import { colour } from "./strip.js";

/** Where black and white stand out equally, at 4.58 to 1. */
const EVEN_LUMINANCE = 0.1791;

/** `labels` name rows and columns; values lie between -1 and 1. */
export function heatMap(labels, values) {
  const body = values.map((row, at) => h("tr", {},
    h("th", { scope: "row", title: labels[at] }, `${at + 1}. ${labels[at]}`),
    row.map((value) => cell(value))));
  return h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "Similarity of every pair of inputs" },
    h("table.matrix", {},
      h("caption.visually-hidden", {}, "Cosine similarity of every pair of inputs"),
      h("thead", {}, h("tr", {}, h("td"), labels.map((label, at) => h("th", { scope: "col", title: label }, String(at + 1))))),
      h("tbody", {}, body)));
}

function cell(value) {
  const [red, green, blue] = colour(value);
  const element = h("td", {}, value.toFixed(2));
  element.style.background = `rgb(${red} ${green} ${blue})`;
  element.style.color = luminance(red, green, blue) > EVEN_LUMINANCE ? "#000000" : "#ffffff";
  return element;
}

/** Relative luminance (WCAG 2), 0 to 1. */
function luminance(...channels) {
  const [red, green, blue] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
