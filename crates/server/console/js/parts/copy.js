// Text to copy, with its button.

import { h } from "../dom.js";
import { notify } from "../notices.js";

/** A button that copies what `text()` gives. */
export function copyButton(label, text) {
  return h("button.button.small", { type: "button", onclick: () => copy(text()) }, label);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied.", { kind: "good", milliseconds: 2_500 });
  } catch {
    // Without HTTPS, browsers give no clipboard to pages: the old way still works.
    copyBySelection(text);
  }
}

function copyBySelection(text) {
  const area = h("textarea.visually-hidden", { value: text, "aria-hidden": "true" });
  const host = document.querySelector("dialog[open]") ?? document.body;
  host.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  notify(worked ? "Copied." : "The browser did not let the page copy. Select the text and copy it by hand.",
    { kind: worked ? "good" : "bad" });
}

/** A block of code with its copy button. */
export function codeBlock(label, text) {
  return h("div.code", {},
    h("div.row.apart", {}, h("span.label", {}, label), copyButton("Copy", () => text)),
    h("pre", { tabIndex: 0, role: "region", "aria-label": label }, text));
}
