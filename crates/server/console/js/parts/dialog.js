// Dialogs: the browser's own element, so that focus stays inside and Escape closes.

import { freshId, h } from "../dom.js";

/**
 * Opens a dialog. `fillIn(close)` gives its content; `closed(value)` is called with what `close`
 * was given, or with undefined.
 */
export function openDialog(title, fillIn, { wide = false, closed } = {}) {
  const id = freshId("dialog");
  const before = document.activeElement;
  let value;
  const element = h(`dialog${wide ? ".wide" : ""}`, { "aria-labelledby": id });
  const close = (result) => {
    value = result;
    element.close();
  };
  element.append(h("div.dialog-body", {}, h("h2", { id }, title), fillIn(close)));
  element.addEventListener("close", () => {
    element.remove();
    if (before?.isConnected) before.focus();
    closed?.(value);
  });
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close();
  });
  document.body.append(element);
  element.showModal();
  return close;
}

/** Asks before something that cannot be undone; gives whether to go on. */
export function confirmed(title, text, label) {
  return new Promise((resolve) => {
    openDialog(title, (close) => [
      h("p", {}, text),
      h("div.dialog-actions", {},
        h("button.button", { type: "button", onclick: () => close(false) }, "Cancel"),
        h("button.button.danger", { type: "button", onclick: () => close(true) }, label)),
    ], { closed: (value) => resolve(value === true) });
  });
}
