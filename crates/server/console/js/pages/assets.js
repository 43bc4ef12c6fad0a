// Assets: the account's pictures.

import { assets, isCancelled } from "../api.js";
import { openDetails } from "../assets/details.js";
import { isGoing, onRemoval, removeLater } from "../assets/removal.js";
import { keepingFocus, tile } from "../assets/tiles.js";
import { IMAGE_TYPES } from "../compose/pictures.js";
import { onConnectionChange } from "../connection.js";
import { fill, h } from "../dom.js";
import { bytes, counted } from "../format.js";
import { debounced } from "../parts/debounce.js";
import { acceptDrops, acceptPastes } from "../parts/drops.js";
import { field } from "../parts/field.js";
import { pageHead } from "../parts/page_head.js";
import { empty, failed, loading } from "../states.js";
import { TITLES } from "../titles.js";

const PER_PAGE = 24;
const PAUSE_MS = 200;

export function show({ situation, uploads, signal }) {
  const state = { page: 1, filename: "", found: undefined };
  const results = h("section.stack", { "aria-label": "Pictures" }, loading());
  const draw = () => state.found && keepingFocus(results, () => fill(results, content(state, { open, turn })));
  const load = async () => {
    try {
      state.found = await assets.list({ page: state.page, limit: PER_PAGE, filename: state.filename }, signal);
      const last = state.found.page_info.total_page;
      // The last picture of the last page may have gone.
      if (state.page > Math.max(1, last)) return turn(Math.max(1, last));
      draw();
    } catch (error) {
      if (!isCancelled(error)) fill(results, failed(error, load));
    }
  };
  const open = (asset) => openDetails(asset, removeLater);
  const turn = (page) => {
    state.page = page;
    return load();
  };
  const filter = field("Filter by name", h("input", { type: "search", autocomplete: "off" }));
  filter.control.addEventListener("input", debounced(() => {
    state.filename = filter.control.value.trim();
    turn(1);
  }, PAUSE_MS));
  onRemoval(() => {
    draw();
    load();
  }, signal);
  uploads.onDone(load, signal);
  onConnectionChange((isSilent) => !isSilent && load(), signal);
  load();
  const element = h("div.page", {},
    pageHead(TITLES.assets, "Pictures are stored once and named by their id in any number of requests."),
    dropZone(situation, uploads),
    uploads.element,
    h("div.controls", {}, filter.element),
    results);
  acceptDrops(element, uploads.addFiles);
  // Also while nothing of the page has the focus.
  acceptPastes(document, uploads.addFiles, signal);
  return element;
}

function dropZone(situation, uploads) {
  const files = h("input", {
    type: "file", accept: IMAGE_TYPES, multiple: true, hidden: true, "aria-label": "Pictures to upload",
    onchange: () => {
      uploads.addFiles(files.files);
      files.value = "";
    },
  });
  const url = h("input", { type: "url", placeholder: "https://example.com/picture.jpg", "aria-label": "Address of a picture", autocomplete: "off" });
  const byUrl = h("form", {
    onsubmit: (event) => {
      event.preventDefault();
      if (!url.value.trim()) return url.focus();
      uploads.addUrl(url.value.trim());
      url.value = "";
    },
  }, url, h("button.button", { type: "submit" }, "Add by URL"));
  return h("div.drop", {},
    h("div.row", {}, h("button.button.primary", { type: "button", onclick: () => files.click() }, "Upload pictures"),
      h("span.quiet", {}, "or drop or paste them here")),
    h("span.quiet.small", {}, `PNG, JPEG, WebP or GIF, at most ${bytes(situation.image_bytes_max)} each`),
    files, byUrl);
}

function content(state, { open, turn }) {
  const { data, page_info: pages } = state.found;
  const shown = data.filter((asset) => !isGoing(asset._id));
  if (!pages.total_results) {
    return state.filename
      ? empty("Nothing found", `No picture has “${state.filename}” in its name.`)
      : empty("No pictures yet", "Drop some on this page, or upload them with a program and one of your keys.");
  }
  return [
    h("p.quiet.small", { role: "status" }, counted(pages.total_results, "picture")),
    shown.length ? h("div.grid", {}, shown.map((asset) => tile(asset, open))) : h("p.quiet", {}, "What was here will be deleted."),
    pages.total_page > 1 && h("nav.row", { "aria-label": "Pages of pictures" },
      h("button.button.small", { type: "button", disabled: state.page <= 1, onclick: () => turn(state.page - 1) }, "Newer"),
      h("span.quiet", {}, `Page ${pages.page} of ${pages.total_page}`),
      h("button.button.small", { type: "button", disabled: state.page >= pages.total_page, onclick: () => turn(state.page + 1) }, "Older")),
  ];
}
