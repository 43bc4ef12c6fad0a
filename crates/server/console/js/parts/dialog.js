// Dialogs: the browser's own element, so that focus stays inside and Escape closes.

import { freshId, h } from "../dom.js";
import { noticesOfDialog } from "../notices.js";

/**
 * Opens a dialog. `fillIn(close)` gives its content; `closed(value)` is called with what `close`
 * was given, or with undefined. A `lasting` one, whose content cannot be had again, goes by its own
 * button only.
 */
export function openDialog(title, fillIn, { wide = false, lasting = false, closed } = {}) {
  const id = freshId("dialog");
  const before = document.activeElement;
  const notices = noticesOfDialog();
  let value;
  const element = h("dialog", { "aria-labelledby": id });
  element.classList.toggle("wide", wide);
  element.classList.toggle("lasting", lasting);
  const close = (result) => {
    value = result;
    element.close();
  };
  element.append(h("div.dialog-body", {}, h("h2", { id }, title), fillIn(close)), notices.element);
  element.addEventListener("close", () => {
    notices.close();
    element.remove();
    // The browser has given the focus back, and somebody may have moved it since: this comes later.
    if (document.activeElement === document.body) (before?.isConnected ? before : document.querySelector("main h1"))?.focus();
    closed?.(value);
  });
  if (lasting) refuseEscape(element);
  else closeByBackdrop(element);
  document.body.append(element);
  element.showModal();
  return close;
}

function refuseEscape(element) {
  element.setAttribute("closedby", "none");
  // For browsers that do not know the attribute.
  element.addEventListener("cancel", (event) => event.preventDefault());
  element.addEventListener("keydown", (event) => event.key === "Escape" && event.preventDefault());
}

/** A press that begins and ends beside the dialog closes it; its padding belongs to it. */
function closeByBackdrop(element) {
  let beganBeside = false;
  const isBeside = ({ target, clientX: x, clientY: y }) => {
    const box = element.getBoundingClientRect();
    return target === element && (x < box.left || x > box.right || y < box.top || y > box.bottom);
  };
  element.addEventListener("pointerdown", (event) => {
    beganBeside = isBeside(event);
  });
  element.addEventListener("click", (event) => {
    if (beganBeside && isBeside(event)) element.close();
  });
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
