// The top of a page.

import { h } from "../dom.js";

/** The heading, with what the page is about; `actions` stand beside it. */
export function pageHead(title, text, ...actions) {
  const head = h("header.page-head", {}, h("h1", {}, title), h("p", {}, text));
  return actions.length ? h("div.row.apart", {}, head, actions) : head;
}
