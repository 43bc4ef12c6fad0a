// Choosing among the account's pictures, in a dialog.

import { assets, isCancelled } from "../api.js";
import { fill, h } from "../dom.js";
import { openDialog } from "../parts/dialog.js";
import { debounced } from "../parts/debounce.js";
import { field } from "../parts/field.js";
import { empty, failed, loading } from "../states.js";
import { isGoing } from "./removal.js";
import { tile } from "./tiles.js";

const PICTURES_SHOWN = 30;
const PAUSE_MS = 200;

/** Opens a dialog; each picture chosen in it goes to `take`. */
export function pickAssets(take) {
  const leaving = new AbortController();
  openDialog("Choose from your assets", (close) => {
    const results = h("div", {}, loading());
    const filter = field("Filter by name", h("input", { type: "search", autocomplete: "off" }));
    const load = async () => {
      try {
        const { data } = await assets.list({ limit: PICTURES_SHOWN, filename: filter.control.value.trim() }, leaving.signal);
        const choose = (asset) => {
          take(asset);
          close();
        };
        const offered = data.filter(({ _id: id }) => !isGoing(id));
        fill(results, offered.length ? h("div.grid", {}, offered.map((asset) => tile(asset, choose)))
          : empty("No pictures", "Upload some under Assets, or choose another name."));
      } catch (error) {
        if (!isCancelled(error)) fill(results, failed(error, load));
      }
    };
    filter.control.addEventListener("input", debounced(load, PAUSE_MS));
    load();
    return [filter.element, results, h("div.dialog-actions", {}, h("button.button", { type: "button", onclick: () => close() }, "Close"))];
  }, { wide: true, closed: () => leaving.abort() });
}
