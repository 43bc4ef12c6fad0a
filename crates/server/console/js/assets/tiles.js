// A picture with its name, as a button.

import { assets } from "../api.js";
import { h } from "../dom.js";

/** A tile for `asset`; with `score` (a cosine) it says how near it is. */
export function tile(asset, open, score) {
  const hasScore = score !== undefined;
  return h("button.tile", { type: "button", title: asset.filename, dataset: { asset: asset._id }, onclick: () => open(asset) },
    h("span.frame-picture", {}, h("img", { src: assets.thumbnailAddress(asset._id), alt: "", loading: "lazy", decoding: "async" })),
    h("span.caption", {}, h("span", {}, asset.filename), hasScore && h("span.score", {}, h("span.visually-hidden", {}, "similarity "), score.toFixed(3))),
    hasScore && scoreBar(score));
}

/**
 * Draws the tiles in `element` anew by `draw()`. A focus that was on one of them is on the same asset
 * again, or on what stands where it stood, or on the page's heading: never nowhere.
 */
export function keepingFocus(element, draw) {
  const tiles = () => [...element.querySelectorAll(".tile")];
  const at = tiles().indexOf(document.activeElement);
  const { asset } = document.activeElement?.dataset ?? {};
  draw();
  if (at < 0) return;
  const now = tiles();
  const next = now.find((one) => one.dataset.asset === asset) ?? now[Math.min(at, now.length - 1)];
  (next ?? document.querySelector("main h1"))?.focus({ preventScroll: true });
}

function scoreBar(score) {
  const filled = h("i");
  filled.style.width = `${Math.max(0, Math.min(1, score)) * 100}%`;
  return h("span.score-bar", { "aria-hidden": "true" }, filled);
}
