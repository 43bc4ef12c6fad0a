// A vector as a strip of colour: blue below zero, orange above, paler near it.

import { h } from "../dom.js";

/** One column of colour for each value. */
export function strip(vector) {
  const peak = Math.max(...vector.map(Math.abs)) || 1;
  const [low, high] = [Math.min(...vector), Math.max(...vector)];
  const canvas = h("canvas.strip", {
    width: vector.length, height: 1, role: "img",
    "aria-label": `The vector: ${vector.length} values from ${low.toFixed(3)} to ${high.toFixed(3)}.`,
  });
  const context = canvas.getContext("2d");
  const image = context.createImageData(vector.length, 1);
  vector.forEach((value, at) => image.data.set([...colour(value / peak, STRIP_EXPONENT), 255], at * 4));
  context.putImageData(image, 0, 0);
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const at = Math.min(vector.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * vector.length)));
    canvas.title = `[${at}] ${vector[at].toFixed(5)}`;
  });
  return canvas;
}

const STRIP_EXPONENT = 0.5;
const MIDDLE = [244, 243, 238];
const BELOW = [38, 72, 176];
const ABOVE = [196, 86, 18];

/** The colour of a value between -1 and 1; a smaller exponent shows small values better. */
export function colour(value, exponent = 0.8) {
  const end = value < 0 ? BELOW : ABOVE;
  const share = Math.min(1, Math.abs(value)) ** exponent;
  return MIDDLE.map((part, at) => Math.round(part + (end[at] - part) * share));
}
