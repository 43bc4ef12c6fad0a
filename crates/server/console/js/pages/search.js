// Any to any: a text, a picture or both find the nearest of the account's pictures, while typing.

import { embed, isCancelled, vectors } from "../api.js";
import { openDetails } from "../assets/details.js";
import { isGoing, onRemoval } from "../assets/removal.js";
import { keepingFocus, tile } from "../assets/tiles.js";
import { addAssetById, composer } from "../compose/composer.js";
import { bodyOf, isEmpty, planned } from "../compose/request.js";
import { onConnectionChange } from "../connection.js";
import { fill, h } from "../dom.js";
import { counted } from "../format.js";
import { notifyFault } from "../notices.js";
import { debounced } from "../parts/debounce.js";
import { pageHead } from "../parts/page_head.js";
import { empty, failed } from "../states.js";
import { coverageBar } from "../search/coverage.js";
import { TITLES } from "../titles.js";

const PAUSE_MS = 180;
/** A request carries its pictures anew: the more bytes, the longer a pause must be to send them. */
const PICTURE_BYTES_PER_MS = 5_000;
const PAUSE_MS_MAX = 1_500;

export function show({ situation, where, signal }) {
  const model = situation.models.find(({ name }) => name === situation.search_model);
  const results = h("section.stack", { "aria-label": "Nearest pictures" });
  const told = h("p.quiet.small", { role: "status" });
  let running;
  let found;

  const draw = () => keepingFocus(results, () => fill(results, found ? nearest(found) : intro()));
  const find = async () => {
    running?.abort();
    found = undefined;
    told.textContent = "";
    if (isEmpty(made.input)) return draw();
    running = new AbortController();
    const own = running;
    signal.addEventListener("abort", () => own.abort(), { signal: own.signal });
    told.textContent = "Searching…";
    try {
      const started = performance.now();
      const query = await embed(await bodyOf(planned(made.input, model, undefined)), own.signal);
      found = await vectors.search({ space: query.space, vector: query.vector }, own.signal);
      coverage.set(found.coverage);
      told.textContent = `${counted(found.hits.length, "picture")}, nearest first, in ${Math.round(performance.now() - started)} ms.`;
      draw();
    } catch (error) {
      if (isCancelled(error)) return;
      told.textContent = "";
      fill(results, failed(error, find));
    }
  };
  const made = composer({
    label: "What are you looking for?", placeholder: "a red square, or drop a picture, or both: <@a> in the snow",
    picturesMax: 10, bytesMax: situation.image_bytes_max, changed: debounced(find, () => pauseFor(made.input)),
  });
  const coverage = coverageBar({ signal, grew: () => !isEmpty(made.input) && find() });
  onConnectionChange((isSilent) => !isSilent && (coverage.load(), find()), signal);
  onRemoval(() => found && draw(), signal);
  coverage.load();
  draw();
  const asset = where.query.get("asset");
  if (asset) addAssetById(made, asset, signal).catch((error) => !isCancelled(error) && notifyFault(error));
  return h("div.page", {},
    pageHead(TITLES.search, "Anything finds anything: words, pictures, or both together find the nearest of your pictures."),
    coverage.element,
    h("section.card", {}, made.element),
    told, results);
}

function pauseFor({ pictures }) {
  const bytes = pictures.reduce((sum, picture) => sum + picture.bytesToSend, 0);
  return Math.min(PAUSE_MS_MAX, PAUSE_MS + bytes / PICTURE_BYTES_PER_MS);
}

const intro = () => empty("Nothing asked yet", "Write some words, drop a picture on the box above, or choose one of your assets.");

function nearest({ hits, coverage: { pictures } }) {
  const shown = hits.filter(({ asset }) => !isGoing(asset._id));
  if (shown.length) return h("div.grid", {}, shown.map(({ asset, score }) => tile(asset, openDetails, score)));
  return pictures
    ? empty("No vectors yet", "Your pictures are being embedded; results appear as they get ready.")
    : empty("No pictures to find", "Upload some first.", h("a.button", { href: "#/assets" }, "To the assets"));
}
