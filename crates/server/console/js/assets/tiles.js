// A picture with its name, as a button.

import { assets } from "../api.js";
import { h } from "../dom.js";

/** A tile for `asset`; with `score` (a cosine) it says how near it is. */
export function tile(asset, open, score) {
  const hasScore = score !== undefined;
  return h("button.tile", { type: "button", title: asset.filename, onclick: () => open(asset) },
    h("span.frame-picture", {}, h("img", { src: assets.thumbnailAddress(asset._id), alt: "", loading: "lazy", decoding: "async" })),
    h("span.caption", {}, h("span", {}, asset.filename), hasScore && h("span.score", {}, h("span.visually-hidden", {}, "similarity "), score.toFixed(3))),
    hasScore && scoreBar(score));
}

function scoreBar(score) {
  const filled = h("i");
  filled.style.width = `${Math.max(0, Math.min(1, score)) * 100}%`;
  return h("span.score-bar", { "aria-hidden": "true" }, filled);
}
