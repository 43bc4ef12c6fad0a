// A map of vectors: what is near each other in the space is near on it, as far as two axes can show.

import { h, s } from "../dom.js";
import { project } from "../math/pca.js";
import { toWidth } from "./to_width.js";

const HEIGHT = 380;
const EDGE = 44;
const LABEL_CHARS_MAX = 24;
/** How far a label is from its dot, and what a letter takes at most, nearly. */
const LABEL_GAP = 9;
const LETTER_PX = 6.6;
const KINDS = [["text", "text"], ["picture", "picture"], ["both", "text and pictures"]];

/** `points` are `{label, kind, vector}`, at least three. */
export function map(points) {
  const { points: places, shown } = project(points.map((point) => point.vector));
  const kinds = KINDS.filter(([kind]) => points.some((point) => point.kind === kind));
  return h("figure.stack.tight", {}, toWidth(HEIGHT, (width) => drawn(points, places, width)),
    h("figcaption.legend", {}, kinds.map(([kind, name]) => h("span", {}, h(`i.${kind}`), name)),
      h("span", {}, `The two axes show ${Math.round(shown * 100)} % of the differences.`)),
    h("ul.visually-hidden", {}, points.map((point, at) => h("li", {}, `${point.label}: ${places[at].map((value) => value.toFixed(2)).join(", ")}`))));
}

function drawn(points, places, fullWidth) {
  const scale = scaleOf(places, fullWidth);
  const chart = s("svg", { class: "plot", viewBox: `0 0 ${fullWidth} ${HEIGHT}`, role: "img", "aria-label": `A map of ${points.length} vectors. Their positions are listed after it.` });
  chart.append(
    s("line", { class: "axis", x1: fullWidth / 2, x2: fullWidth / 2, y1: 8, y2: HEIGHT - 8 }),
    s("line", { class: "axis", x1: 8, x2: fullWidth - 8, y1: HEIGHT / 2, y2: HEIGHT / 2 }));
  const used = [];
  points.forEach((point, at) => {
    const [x, y] = scale(places[at]);
    chart.append(s("circle", { class: `dot ${point.kind}`, cx: x, cy: y, r: 5.5 }, s("title", {}, point.label)));
    const right = x < fullWidth * 0.62;
    const row = freeRow(used, x, y + 4);
    const room = (right ? fullWidth - x : x) - LABEL_GAP;
    const text = shortened(point.label, Math.min(LABEL_CHARS_MAX, Math.floor(room / LETTER_PX)));
    chart.append(s("text", { x: right ? x + LABEL_GAP : x - LABEL_GAP, y: row, "text-anchor": right ? "start" : "end" }, text));
  });
  return chart;
}

function scaleOf(places, fullWidth) {
  const reach = (axis) => Math.max(1e-6, ...places.map((place) => Math.abs(place[axis])));
  const factor = Math.min((fullWidth / 2 - EDGE) / reach(0), (HEIGHT / 2 - EDGE) / reach(1));
  return ([x, y]) => [fullWidth / 2 + x * factor, HEIGHT / 2 - y * factor];
}

/** A line for a label that no label near it has. */
function freeRow(used, x, y) {
  let row = y;
  while (used.some(([left, top]) => Math.abs(left - x) < 150 && Math.abs(top - row) < 13)) row += 13;
  used.push([x, row]);
  return row;
}

const shortened = (text, chars) => (text.length > chars ? `${text.slice(0, chars - 1)}…` : text);
