// Drawings at the size that there is for them, so that their words are as large as other words.

import { fill, h } from "../dom.js";

/** An element of this height with `draw(width)` in it, for the width in pixels that it has; drawn again when that changes. */
export function toWidth(heightPx, draw) {
  const room = h("div.plot-room");
  // Fixed, so that a drawing never changes the size that is observed.
  room.style.height = `${heightPx}px`;
  let drawnFor = 0;
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.floor(contentRect.width);
    if (width === drawnFor || width === 0) return;
    drawnFor = width;
    fill(room, draw(width));
  }).observe(room);
  return room;
}
