// Short messages at the edge of the page, read out by screen readers.

import { fill, h } from "./dom.js";

const SHOWN_MS = 5_000;

const polite = h("div.notices", { role: "status", "aria-live": "polite" });
const spoken = h("div.visually-hidden", { role: "status", "aria-live": "polite" });

/** The element that holds all notices; stands once in the page. */
export const noticeArea = h("div", {}, polite, spoken);

/** Says something to screen readers only. */
export function speak(text) {
  fill(spoken, text);
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
    element.remove();
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
  polite.append(element);
  const timer = setTimeout(() => end(false), milliseconds);
  return () => end(false);
}

/** Shows what went wrong. */
export function notifyFault(error) {
  notify(error.message, { kind: "bad", milliseconds: 9_000 });
}
