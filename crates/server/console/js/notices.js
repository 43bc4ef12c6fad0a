// Short messages at the edge of the page, read out by screen readers.

import { fill, h } from "./dom.js";

const SHOWN_MS = 5_000;

/** The places for notices, the topmost last: an open dialog hides the rest of the page from everybody. */
const areas = [area()];

/** The element that holds all notices; stands once in the page. */
export const noticeArea = areas[0].element;

function area() {
  const shown = h("div.notices", { role: "status", "aria-live": "polite" });
  const spoken = h("div.visually-hidden", { role: "status", "aria-live": "polite" });
  return { element: h("div", {}, shown, spoken), shown, spoken };
}

/**
 * A place for notices in an open dialog: `{element, close}`. After `close()`, notices that are still
 * to be seen stand in the place below.
 */
export function noticesOfDialog() {
  const own = area();
  areas.push(own);
  const close = () => {
    areas.splice(areas.indexOf(own), 1);
    areas.at(-1).shown.append(...own.shown.children);
  };
  return { element: own.element, close };
}

/** Says something to screen readers only. */
export function speak(text) {
  fill(areas.at(-1).spoken, text);
}

/**
 * Shows a notice. With `action` (`{label, run}`) it has a button; `gone` is called when the notice
 * goes without it. Gives a function that takes the notice away.
 */
export function notify(text, { kind = "", action, gone, milliseconds = SHOWN_MS } = {}) {
  let isOver = false;
  const end = (ran) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    const hadFocus = element.contains(document.activeElement);
    element.remove();
    if (hadFocus && before?.isConnected) before.focus();
    if (!ran) gone?.();
  };
  const button = action && h("button.button.small", {
    type: "button",
    onclick: () => {
      end(true);
      action.run();
    },
  }, action.label);
  const close = h("button.button.small.plain", { type: "button", "aria-label": "Close this message", onclick: () => end(false) }, "✕");
  const element = h(`div.notice${kind && `.${kind}`}`, {}, h("p", {}, text), button, close);
  let before;
  element.addEventListener("focusin", ({ relatedTarget }) => {
    if (!element.contains(relatedTarget)) before = relatedTarget;
  });
  areas.at(-1).shown.append(element);
  const timer = setTimeout(() => end(false), milliseconds);
  return () => end(false);
}

/** Shows what went wrong. */
export function notifyFault(error) {
  notify(error.message, { kind: "bad", milliseconds: 9_000 });
}
