// Tabs, moved between with the arrow keys.

import { fill, freshId, h } from "../dom.js";

/** Tabs of `[label, () => content]`; `choose` says which is open, and is told of changes. */
export function tabs(label, entries, { chosen = 0, choose } = {}) {
  const panel = h("div", { role: "tabpanel", id: freshId("panel") });
  const buttons = entries.map(([name], index) => h("button", {
    type: "button", role: "tab", id: freshId("tab"), "aria-controls": panel.id, onclick: () => open(index),
  }, name));
  const open = (index, focus) => {
    buttons.forEach((button, at) => {
      button.setAttribute("aria-selected", String(at === index));
      button.tabIndex = at === index ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", buttons[index].id);
    fill(panel, entries[index][1]());
    if (focus) buttons[index].focus();
    choose?.(index);
  };
  const list = h("div.tabs", {
    role: "tablist", "aria-label": label,
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const now = buttons.findIndex((button) => button.tabIndex === 0);
      open((now + step + buttons.length) % buttons.length, true);
    },
  }, buttons);
  open(Math.min(chosen, entries.length - 1));
  return h("div.stack.tight", {}, list, panel);
}
