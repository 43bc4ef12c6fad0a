// Any to any: a text, a picture or both find the nearest of the account's pictures, while typing.

import { embed, isCancelled, vectors } from "../api.js";
import { openDetails } from "../assets/details.js";
import { tile } from "../assets/tiles.js";
import { addAssetById, composer } from "../compose/composer.js";
import { bodyOf, isEmpty, planned } from "../compose/request.js";
import { onConnectionChange } from "../connection.js";
import { fill, h } from "../dom.js";
import { counted } from "../format.js";
import { notifyFault } from "../notices.js";
import { empty, failed } from "../states.js";
import { coverageBar } from "../search/coverage.js";

export const title = "Search";

const PAUSE_MS = 180;

export function show({ situation, where, signal }) {
  const model = situation.models.find(({ name }) => name === situation.search_model);
  const results = h("section.stack", { "aria-label": "Nearest pictures" });
  const told = h("p.quiet.small", { role: "status" });
  let pause;
  let running;

  const find = async () => {
    running?.abort();
    if (isEmpty(made.input)) return fill(results, intro());
    running = new AbortController();
    const own = running;
    signal.addEventListener("abort", () => own.abort(), { signal: own.signal });
    told.textContent = "Searching…";
    try {
      const started = performance.now();
      const plan = planned(made.input, model, undefined);
      const query = await embed(await bodyOf(plan), own.signal);
      const { hits, coverage: covered } = await vectors.search({ space: query.space, vector: query.vector }, own.signal);
      coverage.set(covered);
      told.textContent = `${counted(hits.length, "picture")}, nearest first, in ${Math.round(performance.now() - started)} ms.`;
      fill(results, hits.length ? h("div.grid", {}, hits.map(({ asset, score }) => tile(asset, openDetails, score))) : nothing(covered));
    } catch (error) {
      if (isCancelled(error)) return;
      told.textContent = "";
      fill(results, failed(error, find));
    }
  };
  const later = () => {
    clearTimeout(pause);
    pause = setTimeout(find, PAUSE_MS);
  };
  const made = composer({
    label: "What are you looking for?", placeholder: "a red square, or drop a picture, or both: <@a> in the snow",
    picturesMax: 10, bytesMax: situation.image_bytes_max, changed: later,
  });
  const coverage = coverageBar({ signal, grew: () => !isEmpty(made.input) && find() });
  onConnectionChange((isSilent) => !isSilent && (coverage.load(), find()), signal);
  coverage.load();
  fill(results, intro());
  const asset = where.query.get("asset");
  if (asset) addAssetById(made, asset, signal).catch((error) => !isCancelled(error) && notifyFault(error));
  return h("div.page", {},
    h("header.page-head", {}, h("h1", {}, "Search"), h("p", {}, "Anything finds anything: words, pictures, or both together find the nearest of your pictures.")),
    coverage.element,
    h("section.card", {}, made.element),
    told, results);
}

const intro = () => empty("Nothing asked yet", "Write some words, drop a picture on the box above, or choose one of your assets.");

function nothing({ pictures }) {
  return pictures
    ? empty("No vectors yet", "Your pictures are being embedded; results appear as they get ready.")
    : empty("No pictures to find", "Upload some first.", h("a.button", { href: "#/assets" }, "To the assets"));
}
