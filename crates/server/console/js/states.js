// What stands where content is not, or not yet: loading, empty, failed.

import { h } from "./dom.js";

export function loading(text = "Loading…") {
  return h("div.loading", { role: "status" }, h("span.spinner", { "aria-hidden": "true" }), text);
}

export function empty(title, text, ...actions) {
  return h("div.state.framed", {}, h("h2", {}, title), h("p", {}, text), h("div.row", {}, actions));
}

/** A fault with a way to try again. */
export function failed(error, retry) {
  return h("div.state.framed", { role: "alert" },
    h("h2", {}, "This did not work"),
    h("p", {}, error.message),
    retry && h("button.button", { type: "button", onclick: retry }, "Try again"));
}

/** A busy line with a way to stop. */
export function busy(text, cancel) {
  return h("div.row", { role: "status" },
    h("span.spinner", { "aria-hidden": "true" }),
    h("span", {}, text),
    cancel && h("button.button.small", { type: "button", onclick: cancel }, "Cancel"));
}
