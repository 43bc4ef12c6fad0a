// What the vectors of the playground say about each other.

import { h } from "../dom.js";
import { counted } from "../format.js";
import { similarities } from "../math/similarity.js";
import { heatMap } from "../plot/heat_map.js";
import { map } from "../plot/map.js";

const MAPPED_MIN = 3;

const isComparable = (a, b) => a.space === b.space && a.vector.length === b.vector.length;

/** The similarity of the current inputs, and a map of everything embedded since the page was opened. */
export function comparison(outcomes, session) {
  const newest = session.at(-1);
  if (!newest) return [];
  const current = outcomes.filter((outcome) => isComparable(outcome, newest));
  const all = session.filter((outcome) => isComparable(outcome, newest));
  const others = session.length - all.length;
  const parts = [];
  if (current.length >= 2) {
    parts.push(h("section.card", {}, h("h2", {}, "Similarity"),
      h("p.quiet.small", {}, "The cosine between each two inputs: 1 is the same direction, 0 has nothing in common."),
      heatMap(current.map(({ label }) => label), similarities(current.map(({ vector }) => vector)))));
  }
  if (all.length >= MAPPED_MIN) {
    parts.push(h("section.card", {}, h("h2", {}, "Map"),
      h("p.quiet.small", {}, `Everything embedded since this page was opened (${counted(all.length, "vector")}).`,
        others > 0 && ` ${counted(others, "vector")} of another space or length cannot be on it.`),
      map(all)));
  }
  return parts;
}
